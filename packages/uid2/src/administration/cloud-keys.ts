import { createSecretKey } from 'node:crypto';

import { RequestError } from '@holdfast/base';

import type { CloudEncryptionKey } from '../seed-files/cloud-encryption-keys.ts';
import { change, nowSeconds } from './world.ts';
import type { AdministrationContext, Change, World } from './world.ts';

const SECRET_BYTES = 32;
/** Old keys a site keeps: files may still be encrypted with them. */
const KEPT_KEYS = 10;
/** Operators have fetched a new key long before files are written with it. */
const ACTIVATION_DELAY_SECONDS = 3600;

export interface RotatedCloudKeys {
  readonly added: readonly CloudEncryptionKey[];
  readonly removed: readonly CloudEncryptionKey[];
}

/**
 * Gives every site with an operator, enabled or not, one more cloud encryption key, active in an hour, and keeps the ten
 * newest before it; a site without any gets one besides that is active now. Sites that lost all operators lose their keys.
 * @throws RequestError ADMIN_OPERATOR_SITE_MISSING
 */
export function rotateCloudKeys(world: World, context: AdministrationContext): Change<RotatedCloudKeys> {
  const equipped = withCloudKeys(world, context);
  const siteIds = operatorSites(world);
  const kept: CloudEncryptionKey[] = [];
  for (const siteId of siteIds) {
    const own = equipped.cloudEncryptionKeys.filter((key) => key.siteId === siteId);
    kept.push(...own.toSorted((a, b) => b.activates - a.activates).slice(0, KEPT_KEYS));
  }
  const highest = highestId(equipped);
  const added = siteIds.map((siteId, index) =>
    newKey(highest + 1 + index, siteId, nowSeconds(context) + ACTIVATION_DELAY_SECONDS, context),
  );
  const removed = equipped.cloudEncryptionKeys.filter((key) => !kept.includes(key));
  const remaining = equipped.cloudEncryptionKeys.filter((key) => kept.includes(key));
  return change({ ...world, cloudEncryptionKeys: [...remaining, ...added] }, { added, removed });
}

/** `world` with a cloud encryption key, active now, for each site that has an operator and no key. */
export function withCloudKeys(world: World, context: AdministrationContext): World {
  const equipped = new Set(world.cloudEncryptionKeys.map(({ siteId }) => siteId));
  const missing = operatorSites(world).filter((siteId) => !equipped.has(siteId));
  if (missing.length === 0) return world;
  const highest = highestId(world);
  const added = missing.map((siteId, index) => newKey(highest + 1 + index, siteId, nowSeconds(context), context));
  return { ...world, cloudEncryptionKeys: [...world.cloudEncryptionKeys, ...added] };
}

function operatorSites(world: World): readonly number[] {
  const sites = new Set<number>();
  for (const { name, siteId } of world.operators) {
    if (siteId === undefined) {
      throw new RequestError('ADMIN_OPERATOR_SITE_MISSING', `operator ${name} belongs to no site`, {
        details: { operator: name },
        action: `Give it one with \`holdfast uid2 operator update ${name} --site N\`.`,
      });
    }
    sites.add(siteId);
  }
  return [...sites].sort((a, b) => a - b);
}

function highestId(world: World): number {
  return world.cloudEncryptionKeys.reduce((highest, { id }) => Math.max(highest, id), 0);
}

function newKey(id: number, siteId: number, activates: number, context: AdministrationContext): CloudEncryptionKey {
  const secret = createSecretKey(context.randomBytes(SECRET_BYTES));
  return { id, siteId, activates, created: nowSeconds(context), secret };
}
