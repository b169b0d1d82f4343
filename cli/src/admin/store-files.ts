import { fromUtf8, MalformedError, PlatformError } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';
import { isJsonObject, parseJsonObject, parseStoreMetadata } from '@holdfast/uid2';
import type { JsonObject } from '@holdfast/uid2';

/** The metadata and the content of one store, as they were read. */
export interface StoreFile {
  /** All members, also those that nothing here knows. */
  readonly metadata: JsonObject;
  readonly version: number;
  readonly location: string;
  readonly text: string;
}

const HOUR_MS = 3_600_000;

/** An object; undefined when there is none. */
export async function readBytes(objects: ObjectStore, path: string): Promise<Uint8Array | undefined> {
  try {
    return await objects.read(path);
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'OBJECT_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The text of an object; undefined when there is none. */
export async function readText(objects: ObjectStore, path: string): Promise<string | undefined> {
  const bytes = await readBytes(objects, path);
  return bytes === undefined ? undefined : fromUtf8(bytes);
}

export function metadataPath(directory: string): string {
  return `${directory}/metadata.json`;
}

/**
 * Reads a store; undefined when it has no metadata.
 * @throws MalformedError SEED_FILE_MALFORMED
 * @throws MalformedError WORLD_INCOMPLETE when the metadata name a content that is not there
 */
export async function readStore(
  objects: ObjectStore,
  directory: string,
  member: string,
): Promise<StoreFile | undefined> {
  const metadataText = await readText(objects, metadataPath(directory));
  if (metadataText === undefined) return undefined;
  const { version, location } = parseStoreMetadata(metadataText, member);
  const text = await readText(objects, location);
  if (text === undefined) throw missingContent(directory, location);
  return { metadata: parseJsonObject(metadataText), version, location, text };
}

export function missingContent(directory: string, location: string): MalformedError {
  return new MalformedError('WORLD_INCOMPLETE', `${metadataPath(directory)} names ${location}, which is not there`, {
    details: { file: location },
    action: 'Restore the object from a copy, or import an exported world.',
  });
}

export interface StoreUpdate {
  readonly directory: string;
  readonly member: string;
  readonly previous: StoreFile | undefined;
  readonly text: string;
  /** Members of the metadata that change besides version, time and location. */
  readonly extra?: JsonObject;
}

/** The version after `previous`: the time, or one more where the clock is behind. */
export function nextVersion(previous: number | undefined, now: number): number {
  return Math.max(now, (previous ?? 0) + 1);
}

/**
 * Publishes several stores: first every content, each under a new name, then the metadata in the given order. Whatever
 * stops this in between, each store's metadata name a whole content, old or new.
 * @returns The new versions by directory.
 */
export async function publishStores(
  objects: ObjectStore,
  updates: readonly StoreUpdate[],
  now: number,
): Promise<Readonly<Record<string, number>>> {
  const prepared = updates.map((update) => {
    const version = nextVersion(update.previous?.version, now);
    return { ...update, version, location: `${update.directory}/${update.directory}.${version}.json` };
  });
  for (const { location, text } of prepared) await objects.write(location, text);
  for (const { directory, member, previous, extra, version, location } of prepared) {
    const content = previous?.metadata[member];
    const metadata = {
      ...previous?.metadata,
      version,
      generated: Math.floor(now / 1000),
      [member]: { ...(isJsonObject(content) ? content : {}), location },
      ...extra,
    };
    await objects.write(metadataPath(directory), `${JSON.stringify(metadata, undefined, 2)}\n`);
  }
  for (const { directory, location, previous } of prepared) {
    await removeSuperseded(objects, `${directory}/`, directory, new Set([location, previous?.location]), now);
  }
  return Object.fromEntries(prepared.map(({ directory, version }) => [directory, version]));
}

/**
 * Deletes contents of `store` in `folder` (with its slash) whose successor is older than an hour: a reader that learned
 * their name before is done by then, as its download link has expired. Those in `kept` stay.
 */
export async function removeSuperseded(
  objects: ObjectStore,
  folder: string,
  store: string,
  kept: ReadonlySet<string | undefined>,
  now: number,
): Promise<void> {
  const contents = (await objects.list(`${folder}${store}.`))
    .flatMap((info) => {
      const version = /^(?:\.(\d+))?\.json$/.exec(info.path.slice(folder.length + store.length));
      return version === null ? [] : [{ ...info, version: Number(version[1] ?? 0) }];
    })
    .sort((a, b) => a.version - b.version);
  for (const [index, { path }] of contents.entries()) {
    const successor = contents[index + 1];
    if (successor === undefined || kept.has(path) || successor.modifiedAt > now - HOUR_MS) continue;
    await objects.delete(path);
  }
}
