import { MalformedError } from '@holdfast/base';

import { FALLBACK_PUBLISHER_SITE_ID, MASTER_KEYSET_ID, REFRESH_KEYSET_ID } from '../keysets/keyset.ts';
import { serviceLinkKey } from '../seed-files/service-links.ts';
import type { WorldRecords } from './world.ts';

/**
 * Checks what no single file shows: ids that exist twice, and records that name others which do not exist.
 * @throws MalformedError WORLD_INCONSISTENT with every problem in its message
 */
export function checkWorld(world: WorldRecords): void {
  const sites = new Set([...world.sites.map(({ id }) => id), FALLBACK_PUBLISHER_SITE_ID]);
  const keysets = new Set(world.keysets.map(({ id }) => id));
  const services = new Set(world.services.map(({ serviceId }) => serviceId));
  const problems = [
    ...twice('site', world.sites, ({ id }) => id),
    ...twice('keyset', world.keysets, ({ id }) => id),
    ...twice('key', world.keysetKeys, ({ id }) => id),
    ...twice('client key hash', world.clients, ({ keyHash }) => keyHash),
    ...twice('operator key hash', world.operators, ({ keyHash }) => keyHash),
    ...twice('enclave', world.enclaves, ({ protocol, identifier }) => `${protocol} ${identifier}`),
    ...twice('client-side key pair', world.clientSideKeypairs, ({ subscriptionId }) => subscriptionId),
    ...twice('service', world.services, ({ serviceId }) => serviceId),
    ...twice('service link', world.serviceLinks, ({ serviceId, linkId }) => serviceLinkKey(serviceId, linkId)),
    ...twice('cloud encryption key', world.cloudEncryptionKeys, ({ id }) => id),
    ...twice(
      'default keyset of site',
      world.keysets.filter(({ enabled, isDefault }) => enabled && isDefault),
      ({ siteId }) => siteId,
    ),
    ...[MASTER_KEYSET_ID, REFRESH_KEYSET_ID].filter((id) => !keysets.has(id)).map((id) => `keyset ${id} is missing`),
    ...world.keysets
      .filter(({ siteId }) => siteId > 0 && !sites.has(siteId))
      .map(({ id, siteId }) => `keyset ${id} belongs to site ${siteId}, which does not exist`),
    ...world.keysetKeys
      .filter(({ keysetId }) => !keysets.has(keysetId))
      .map(({ id, keysetId }) => `key ${id} belongs to keyset ${keysetId}, which does not exist`),
    ...world.serviceLinks
      .filter(({ serviceId }) => !services.has(serviceId))
      .map(({ linkId, serviceId }) => `link ${linkId} belongs to service ${serviceId}, which does not exist`),
    ...[...world.clients, ...world.operators]
      .filter(({ siteId }) => siteId !== undefined && !sites.has(siteId))
      .map(({ name, siteId }) => `${name} belongs to site ${siteId}, which does not exist`),
  ];
  if (problems.length === 0) return;
  throw new MalformedError('WORLD_INCONSISTENT', problems.join('; '), {
    details: { problems },
    action: 'Correct the named records; nothing was changed.',
  });
}

function twice<T>(kind: string, records: readonly T[], keyOf: (record: T) => string | number): readonly string[] {
  const seen = new Set<string | number>();
  const repeated = new Set<string | number>();
  for (const record of records) {
    const key = keyOf(record);
    if (seen.has(key)) repeated.add(key);
    seen.add(key);
  }
  return [...repeated].map((key) => `${kind} ${key} exists twice`);
}
