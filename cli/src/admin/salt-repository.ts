import { MalformedError } from '@holdfast/base';
import { isJsonObject, parseJsonObject, parseSaltMetadata, SaltFileParser } from '@holdfast/uid2';
import type { JsonObject, JsonValue, SaltFileMetadata, SaltMetadata, SaltTable } from '@holdfast/uid2';
import { publishedSnapshots } from '@holdfast/uid2/administration';

import type { Bucket } from './bucket.ts';
import { metadataPath, missingContent, nextVersion, readText } from './store-files.ts';

const DIRECTORY = 'salts';

/** What an entry of the metadata says, with members that nothing here knows. */
export interface ListedSnapshot extends SaltFileMetadata {
  readonly entry: JsonObject;
}

/** The salt metadata as they are published. */
export interface LoadedSalts {
  readonly metadata: SaltMetadata;
  /** By effective time. */
  readonly snapshots: readonly ListedSnapshot[];
  readonly raw: JsonObject;
}

/**
 * @param now An entry without `expires` expires a year after (ms).
 * @throws MalformedError WORLD_INCOMPLETE when there are no salts, SALT_METADATA_MALFORMED when they are damaged
 */
export async function loadSalts(bucket: Bucket, now: number): Promise<LoadedSalts> {
  const text = await readText(bucket.objects, metadataPath(DIRECTORY));
  if (text === undefined) {
    throw new MalformedError(
      'WORLD_INCOMPLETE',
      `${bucket.name} holds no salts: there is no ${metadataPath(DIRECTORY)}`,
      {
        details: { file: metadataPath(DIRECTORY) },
        action: 'Import an exported world with its salts.',
      },
    );
  }
  const raw = parseJsonObject(text);
  const metadata = parseSaltMetadata(raw, now);
  const entries = Array.isArray(raw['salts']) ? (raw['salts'] as readonly JsonValue[]) : [];
  const snapshots = metadata.salts.map((snapshot, index) => {
    const entry = entries[index];
    return { ...snapshot, entry: entry !== undefined && isJsonObject(entry) ? entry : {} };
  });
  return { metadata, raw, snapshots: snapshots.toSorted((a, b) => a.effective - b.effective) };
}

/** The snapshot that takes effect last. */
export function newestSnapshot(salts: LoadedSalts): ListedSnapshot {
  const newest = salts.snapshots.at(-1);
  if (newest === undefined) throw new MalformedError('SALT_METADATA_MALFORMED', 'the salt metadata list no snapshot');
  return newest;
}

/**
 * Reads the salts of a snapshot.
 * @throws MalformedError WORLD_INCOMPLETE, SALT_FILE_MALFORMED
 */
export async function loadSaltTable(
  bucket: Bucket,
  salts: LoadedSalts,
  snapshot: SaltFileMetadata,
): Promise<SaltTable> {
  const { idPrefix, idSecret } = salts.metadata;
  const parser = new SaltFileParser({ size: snapshot.size, idPrefix, idSecret });
  if (!(await bucket.objects.exists(snapshot.location))) throw missingContent(DIRECTORY, snapshot.location);
  const { stream } = await bucket.objects.readStream(snapshot.location);
  for await (const chunk of stream as AsyncIterable<Uint8Array>) parser.push(chunk);
  return parser.finish();
}

/** What is published beside the snapshots that are listed. */
export interface NewSnapshot {
  readonly effective: number;
  readonly expires: number;
  readonly size: number;
  readonly file: Uint8Array;
}

/**
 * Publishes a snapshot: the file first, then the metadata under a greater version. A file that no metadata name, left by
 * a run that was interrupted, is replaced; one that they name never is.
 * @returns The new version and the snapshots that are listed now.
 */
export async function publishSnapshot(
  bucket: Bucket,
  salts: LoadedSalts,
  added: NewSnapshot,
  now: number,
): Promise<{ readonly version: number; readonly snapshots: readonly SaltFileMetadata[] }> {
  const version = nextVersion(salts.metadata.version, now);
  const { effective, expires, size, file } = added;
  const plain = `${DIRECTORY}/salts.txt.${effective}`;
  const isNamed = salts.snapshots.some((snapshot) => snapshot.location === plain);
  const location = isNamed ? `${plain}.${version}` : plain;
  await bucket.objects.write(location, file);
  const entry = { effective, expires, location, size };
  const published = publishedSnapshots<ListedSnapshot>(salts.snapshots, { ...entry, entry }, now);
  const metadata = {
    ...salts.raw,
    version,
    generated: Math.floor(now / 1000),
    salts: published.map((snapshot) => snapshot.entry),
  };
  await bucket.objects.write(metadataPath(DIRECTORY), `${JSON.stringify(metadata, undefined, 2)}\n`);
  return { version, snapshots: published };
}

/** Salt files that no metadata name: those of earlier snapshots, kept until somebody removes them. */
export async function unlistedSaltFiles(
  bucket: Bucket,
  salts: LoadedSalts,
): Promise<readonly { readonly path: string; readonly sizeBytes: number }[]> {
  const named = new Set(salts.snapshots.map(({ location }) => location));
  return (await bucket.objects.list(`${DIRECTORY}/salts.txt.`)).filter(({ path }) => !named.has(path));
}
