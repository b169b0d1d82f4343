import { RequestError } from '@holdfast/base';

import { FALLBACK_PUBLISHER_SITE_ID } from '../keysets/keyset.ts';
import type { Keyset, KeysetKey } from '../keysets/keyset.ts';
import { DEFAULT_KEY_SCHEDULE, findKeyset, withNewKey } from './keys.ts';
import { existingRecord, invalidValue, requireText } from './refusals.ts';
import { findSite } from './sites.ts';
import { change, nowSeconds, replaced } from './world.ts';
import type { AdministrationContext, Change, World } from './world.ts';

export interface KeysetFields {
  readonly name: string;
  /** Undefined admits every client with the role ID_READER; an empty list admits nobody but the owner. */
  readonly allowedSites: readonly number[] | undefined;
}

export interface ChangedKeyset {
  readonly keyset: Keyset;
  /** The key that came with the change. */
  readonly key: KeysetKey;
}

/** Ids up to 3 are reserved: master, refresh, fallback publisher. */
const FIRST_KEYSET_ID = 4;

/**
 * Adds the keyset of a site, with a first key that is active at once.
 * @throws RequestError ADMIN_RECORD_UNKNOWN when the site, or one of those allowed, does not exist
 * @throws RequestError ADMIN_RECORD_EXISTS when the site has a keyset
 */
export function createKeyset(
  world: World,
  siteId: number,
  fields: KeysetFields,
  context: AdministrationContext,
): Change<ChangedKeyset> {
  findSite(world, siteId);
  const owned = world.keysets.find((keyset) => keyset.siteId === siteId);
  if (owned !== undefined) throw existingRecord('keyset', `site ${siteId} has keyset ${owned.id} already`);
  const keyset: Keyset = {
    ...checkedFields(world, siteId, fields),
    id: world.keysets.reduce((id, keyset) => Math.max(id, keyset.id + 1), FIRST_KEYSET_ID),
    siteId,
    createdSeconds: nowSeconds(context),
    enabled: true,
    isDefault: true,
  };
  const grown = { ...world, keysets: [...world.keysets, keyset] };
  const { world: next, key } = withNewKey(
    grown,
    keyset.id,
    { ...DEFAULT_KEY_SCHEDULE, activatesInSeconds: 0 },
    context,
  );
  return change(next, { keyset, key }, { notes: noteOnOpenKeyset(keyset) });
}

/**
 * Replaces name or allowed sites of a keyset. As in the UID2 reference its time of creation becomes now, and it gets
 * another key, which takes over after the usual delay, so that sites shut out cannot read what is made from then on.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_KEYSET_RESERVED
 */
export function updateKeyset(
  world: World,
  id: number,
  fields: Partial<KeysetFields>,
  context: AdministrationContext,
): Change<ChangedKeyset> {
  const keyset = ownKeyset(world, id);
  const allowedSites = keyset.allowedSites === undefined ? undefined : [...keyset.allowedSites];
  const updated: Keyset = {
    ...keyset,
    ...checkedFields(world, keyset.siteId, { name: keyset.name, allowedSites, ...fields }),
    createdSeconds: nowSeconds(context),
  };
  const hasKeys = world.keysetKeys.some((key) => key.keysetId === id);
  const schedule = hasKeys ? DEFAULT_KEY_SCHEDULE : { ...DEFAULT_KEY_SCHEDULE, activatesInSeconds: 0 };
  const { world: next, key } = withNewKey(
    { ...world, keysets: replaced(world.keysets, keyset, updated) },
    id,
    schedule,
    context,
  );
  return change(
    next,
    { keyset: updated, key },
    { consequences: sitesShutOut(world, keyset, updated), notes: noteOnOpenKeyset(updated) },
  );
}

/**
 * Enables or disables a keyset of a site.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_KEYSET_RESERVED
 */
export function setKeysetEnabled(world: World, id: number, enabled: boolean): Change<Keyset> {
  const keyset = ownKeyset(world, id);
  const updated = { ...keyset, enabled };
  const consequences =
    enabled || !keyset.enabled
      ? []
      : [
          `Nobody gets the keys of keyset ${id} (${keyset.name}) any more: tokens made with them can no longer be read, and new tokens of site ${keyset.siteId} are made with the fallback publisher's key.`,
        ];
  return change({ ...world, keysets: replaced(world.keysets, keyset, updated) }, updated, { consequences });
}

/** `world` with a default keyset for `siteId`; unchanged, and without a keyset in the answer, when the site has one. */
export function withKeysetOf(
  world: World,
  siteId: number,
  allowedSites: readonly number[] | undefined,
  context: AdministrationContext,
): { readonly world: World; readonly keyset: Keyset | undefined; readonly notes: readonly string[] } {
  if (world.keysets.some((keyset) => keyset.siteId === siteId)) return { world, keyset: undefined, notes: [] };
  const name = `${findSite(world, siteId).name} keyset`;
  const { world: next, result, notes } = createKeyset(world, siteId, { name, allowedSites }, context);
  return { world: next, keyset: result.keyset, notes };
}

function ownKeyset(world: World, id: number): Keyset {
  const keyset = findKeyset(world, id);
  if (keyset.siteId > FALLBACK_PUBLISHER_SITE_ID) return keyset;
  throw new RequestError('ADMIN_KEYSET_RESERVED', `keyset ${id} (${keyset.name}) belongs to the framework`, {
    details: { keysetId: id },
    action: 'Rotate its keys if you want to replace them.',
  });
}

function checkedFields(
  world: World,
  siteId: number,
  { name, allowedSites }: KeysetFields,
): Pick<Keyset, 'name' | 'allowedSites'> {
  for (const allowed of allowedSites ?? []) {
    findSite(world, allowed);
    if (allowed === siteId) {
      throw invalidValue('allowed sites', `site ${siteId} owns the keyset and always has access`, 'Leave it out.');
    }
  }
  return {
    name: requireText('name', name),
    allowedSites: allowedSites === undefined ? undefined : new Set(allowedSites),
  };
}

function noteOnOpenKeyset(keyset: Keyset): readonly string[] {
  if (keyset.allowedSites !== undefined) return [];
  return [
    `Keyset ${keyset.id} is open to every client with the role ID_READER; private operators of other sites do not get its keys unless their sites are named with \`keyset update ${keyset.id} --allow\`.`,
  ];
}

/** Who had access before and has none now. */
function sitesShutOut(world: World, before: Keyset, after: Keyset): readonly string[] {
  const shutOut = world.sites.filter(({ id }) =>
    world.clients.some((client) => {
      if (client.siteId !== id || client.disabled || id === before.siteId) return false;
      const isReader = client.roles.includes('ID_READER');
      return (before.allowedSites?.has(id) ?? isReader) && !(after.allowedSites?.has(id) ?? isReader);
    }),
  );
  if (shutOut.length === 0) return [];
  const names = shutOut.map(({ id, name }) => `${id} (${name})`).join(', ');
  return [`Clients of these sites can no longer read what is made with keyset ${before.id}: ${names}.`];
}
