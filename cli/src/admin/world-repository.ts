import { changedStores, readWorld, WORLD_STORES, writeLegacyKeys } from '@holdfast/uid2/administration';
import type { World } from '@holdfast/uid2/administration';
import type { JsonObject } from '@holdfast/uid2';

import { refreshViews } from './derived-views.ts';
import { missingWorld } from './bucket.ts';
import type { Bucket } from './bucket.ts';
import { metadataPath, publishStores, readStore } from './store-files.ts';
import type { StoreFile, StoreUpdate } from './store-files.ts';

/** A world with the files it was read from. */
export interface LoadedWorld {
  readonly world: World;
  /** By store directory. */
  readonly files: ReadonlyMap<string, StoreFile>;
}

/** The legacy store that mirrors the keyset keys, in worlds that have it. */
const LEGACY_KEYS = 'keys';
const KEYSET_KEYS = 'keyset_keys';

/**
 * Reads all stores of a bucket.
 * @throws RequestError WORLD_MISSING when the folder holds no world
 * @throws MalformedError when a store is damaged
 */
export async function loadWorld(bucket: Bucket): Promise<LoadedWorld> {
  const files = new Map<string, StoreFile>();
  for (const { directory, member, required } of [
    ...WORLD_STORES,
    { directory: LEGACY_KEYS, member: LEGACY_KEYS, required: false },
  ]) {
    const file = await readStore(bucket.objects, directory, member);
    if (file !== undefined) files.set(directory, file);
    else if (required) throw missingWorld(bucket.name, `there is no ${metadataPath(directory)}`);
  }
  const contents = new Map([...files].map(([directory, { text }]) => [directory, text]));
  return { world: readWorld(contents, rememberedKeyId(files)), files };
}

/** What a change did to the bucket. */
export interface Published {
  /** The new versions by store directory; empty when nothing differs. */
  readonly versions: Readonly<Record<string, number>>;
  /** What could not be done after the change was published, as a sentence. */
  readonly problem: string | undefined;
}

/**
 * Publishes what differs between `loaded` and `world`, each store under a greater version, and then everything that is
 * derived from them. Call it only while the bucket is locked.
 */
export async function publishWorld(bucket: Bucket, loaded: LoadedWorld, world: World, now: number): Promise<Published> {
  const changed = changedStores(loaded.world, world);
  const updates: StoreUpdate[] = changed.map(({ directory, member, write }) => {
    const previous = loaded.files.get(directory);
    return {
      directory,
      member,
      previous,
      text: write(world, previous?.text),
      ...(directory === KEYSET_KEYS ? { extra: keyIdMembers(world, previous) } : {}),
    };
  });
  const legacy = loaded.files.get(LEGACY_KEYS);
  if (legacy !== undefined && changed.some(({ directory }) => directory === KEYSET_KEYS)) {
    const text = writeLegacyKeys(world, legacy.text);
    updates.push({
      directory: LEGACY_KEYS,
      member: LEGACY_KEYS,
      previous: legacy,
      text,
      extra: keyIdMembers(world, legacy),
    });
  }
  if (updates.length === 0) return { versions: {}, problem: undefined };
  const versions = await publishStores(bucket.objects, updates, now);
  return { versions, problem: await refreshViews(bucket.objects, now) };
}

function keyIdMembers(world: World, previous: StoreFile | undefined): JsonObject {
  return { max_key_id: world.maxKeyId, system_key_id: previous?.metadata['system_key_id'] ?? 1 };
}

function rememberedKeyId(files: ReadonlyMap<string, StoreFile>): number {
  const remembered = [KEYSET_KEYS, LEGACY_KEYS].map((directory) => files.get(directory)?.metadata['max_key_id']);
  return Math.max(0, ...remembered.filter((id) => typeof id === 'number'));
}
