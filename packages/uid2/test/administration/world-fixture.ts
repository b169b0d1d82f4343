import { createSecretKey } from 'node:crypto';

import type { AdministrationContext, KeyNaming, World } from '../../src/administration/index.ts';
import { createClient, createSite } from '../../src/administration/index.ts';
import type { Role } from '../../src/index.ts';
import { seededBytes } from '../fixed-random.ts';

export const DAY_SECONDS = 86_400;
/** 2026-03-01T12:00:00Z */
export const NOW = 1_772_366_400_000;
export const NOW_SECONDS: number = NOW / 1000;

export const NAMING: KeyNaming = { scope: 'uid2', environment: 'I' };

export function testContext(seed = 'administration', now: number = NOW): AdministrationContext {
  return { now, randomBytes: seededBytes(seed) };
}

/** A world with the keysets of the framework, each with an active key, and nobody in it. */
export function emptyWorld(): World {
  const keysets = [
    { id: -1, name: 'Master' },
    { id: -2, name: 'Refresh' },
    { id: 2, name: 'Fallback Publisher' },
  ];
  return {
    sites: [],
    clients: [],
    operators: [],
    enclaves: [],
    keysets: keysets.map(({ id, name }) => ({
      id,
      siteId: id,
      name,
      allowedSites: new Set<number>(),
      createdSeconds: 0,
      enabled: true,
      isDefault: true,
    })),
    keysetKeys: keysets.map(({ id }, index) => ({
      id: index + 1,
      keysetId: id,
      createdSeconds: NOW_SECONDS - DAY_SECONDS,
      activatesSeconds: NOW_SECONDS - DAY_SECONDS,
      expiresSeconds: NOW_SECONDS + 29 * DAY_SECONDS,
      secret: createSecretKey(new Uint8Array(32).fill(index)),
    })),
    clientSideKeypairs: [],
    services: [],
    serviceLinks: [],
    cloudEncryptionKeys: [],
    maxKeyId: 3,
  };
}

/** The empty world with one site (id 3) and, for each list of roles, a client of it. */
export function worldWithSite(...clients: readonly (readonly Role[])[]): World {
  const context = testContext('world with site');
  const site = { name: 'Kelp Media', clientTypes: ['PUBLISHER' as const], domainNames: ['kelp.example'], appNames: [] };
  return clients.reduce<World>(
    (world, roles, index) =>
      createClient(world, { name: `client ${index + 1}`, siteId: 3, roles, serviceId: 0 }, NAMING, context).world,
    createSite(emptyWorld(), site, context).world,
  );
}

/** The world with one more site. */
export function withSite(world: World, name: string): World {
  return createSite(world, { name, clientTypes: [], domainNames: [], appNames: [] }, testContext(name)).world;
}
