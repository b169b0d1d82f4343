import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

import { DependencyError, errorMessage, MalformedError, PlatformError } from '@holdfast/base';
import { parseRuntimeConfigurationFile, parseSaltFile, parseSaltMetadata } from '@holdfast/uid2';
import type { JsonObject, SaltMetadata } from '@holdfast/uid2';
import { checkWorld, importConsequences, readWorld, WORLD_STORES } from '@holdfast/uid2/administration';
import type { World } from '@holdfast/uid2/administration';

import type { ChangeFlags } from '../commands/uid2-admin/flags.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { confirm } from './confirm.ts';
import { refreshViews } from './derived-views.ts';
import { malformed, parseWorldDocument } from './export-document.ts';
import type { ExportedSalts, WorldDocument } from './export-document.ts';
import { openBucket } from './open-bucket.ts';
import type { Bucket } from './bucket.ts';
import { needsConsent, tell, tellProblem, tellVersions } from './run-change.ts';
import { loadSalts } from './salt-repository.ts';
import type { LoadedSalts } from './salt-repository.ts';
import { metadataPath, nextVersion, publishStores, readStore, readText } from './store-files.ts';
import type { StoreFile, StoreUpdate } from './store-files.ts';
import { whileLocked } from './world-lock.ts';
import { loadWorld } from './world-repository.ts';
import type { Published } from './world-repository.ts';

const decompress = promisify(gunzip);
/** Sixteen times the salts that are in use, with room to spare. */
const MAX_SALT_FILE_BYTES = 4 * 1024 ** 3 - 1;

/** Everything an exported file holds, checked. */
interface CheckedImport {
  readonly document: WorldDocument;
  readonly world: World;
  readonly salts: CheckedSalts | undefined;
}

interface CheckedSalts {
  readonly metadata: SaltMetadata;
  readonly raw: JsonObject;
  /** By location. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** `holdfast uid2 import`: replaces the world, after everything in the file was checked. */
export async function runImport(context: CliContext, flags: ChangeFlags, file: string): Promise<void> {
  const { io } = context;
  const bucket = openBucket(flags, io);
  const checked = await readImport(resolve(io.cwd, file), Date.now());
  await bucket.prepare();
  let accepted: readonly string[] | undefined;
  for (;;) {
    const outcome = await whileLocked(bucket, async () => {
      const now = Date.now();
      const current = await currentWorld(bucket, now);
      if (current.salts === undefined && checked.salts === undefined) {
        throw malformed('it holds no salts, and neither does the world it should replace');
      }
      const consequences = [...current.damage, ...replacementConsequences(current, checked)];
      if (needsConsent(consequences, flags, accepted)) return { asked: consequences };
      return { published: await publish(bucket, checked, current.salts, now), consequences };
    });
    if (outcome.asked !== undefined) {
      await confirm(io, outcome.asked);
      accepted = outcome.asked;
      continue;
    }
    const { published, consequences } = outcome;
    const { versions, problem } = published;
    if (flags.json) writeJson(io, { version: 1, versions, consequences });
    else io.stdout.write(`imported ${Object.keys(versions).length} stores into ${bucket.name}\n`);
    if (flags.yes) tell(io, 'warning', consequences);
    tellVersions(io, versions);
    tellProblem(context, problem);
    return;
  }
}

async function readImport(file: string, now: number): Promise<CheckedImport> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new DependencyError('WORLD_EXPORT_UNREADABLE', `cannot read ${file}: ${errorMessage(cause)}`, {
      retryable: false,
      cause,
      action: 'Name a file that `holdfast uid2 export` wrote.',
    });
  }
  const document = parseWorldDocument(text);
  const missing = WORLD_STORES.find(({ directory, required }) => required && document.stores[directory] === undefined);
  if (missing !== undefined) throw malformed(`it lacks the store ${missing.directory}`);
  const contents = new Map(
    Object.entries(document.stores).map(([directory, { content }]) => [directory, JSON.stringify(content)]),
  );
  const maxKeyId = document.stores['keyset_keys']?.metadata['max_key_id'];
  const world = readWorld(contents, typeof maxKeyId === 'number' ? maxKeyId : 0);
  checkWorld(world);
  for (const [path, value] of Object.entries(document.objects)) {
    if (path !== 'operator/operator-config.json') throw malformed(`${path} is no object of a world`);
    parseRuntimeConfigurationFile(JSON.stringify(value));
  }
  return { document, world, salts: document.salts && (await checkSalts(document.salts, now)) };
}

async function checkSalts(exported: ExportedSalts, now: number): Promise<CheckedSalts> {
  const metadata = parseSaltMetadata(exported.metadata, now);
  const files = new Map<string, Uint8Array>();
  for (const { location, size } of metadata.salts) {
    const compressed = exported.files[location];
    if (compressed === undefined) throw malformed(`it lacks the salt file ${location}`);
    const bytes = await decompress(Buffer.from(compressed, 'base64'), { maxOutputLength: MAX_SALT_FILE_BYTES }).catch(
      (cause: unknown) => {
        throw malformed(`the salt file ${location} is damaged`, cause);
      },
    );
    const table = parseSaltFile(bytes, { size, idPrefix: metadata.idPrefix, idSecret: metadata.idSecret });
    if (!table.isLoaded(size - 1)) throw malformed(`the salt file ${location} has fewer than ${size} lines`);
    files.set(location, bytes);
  }
  return { metadata, raw: exported.metadata, files };
}

/** What is published now. A damaged world may be replaced too. */
interface CurrentWorld {
  readonly world: World | undefined;
  readonly salts: LoadedSalts | undefined;
  /** What cannot be read, one sentence each. */
  readonly damage: readonly string[];
}

async function currentWorld(bucket: Bucket, now: number): Promise<CurrentWorld> {
  const damage: string[] = [];
  const unlessDamaged = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (error instanceof PlatformError && error.code === 'WORLD_MISSING') return undefined;
      if (!(error instanceof MalformedError)) throw error;
      damage.push(`The world there is damaged and would be replaced unseen: ${error.message}.`);
      return undefined;
    }
  };
  const hasSalts = await bucket.objects.exists(metadataPath('salts'));
  const salts = hasSalts ? await unlessDamaged(() => loadSalts(bucket, now)) : undefined;
  const world = await unlessDamaged(async () => (await loadWorld(bucket)).world);
  return { world, salts, damage };
}

function replacementConsequences(current: CurrentWorld, imported: CheckedImport): readonly string[] {
  const consequences = current.world === undefined ? [] : importConsequences(current.world, imported.world);
  const before = current.salts?.metadata.firstLevelSalt;
  const after = imported.salts?.metadata.firstLevelSalt;
  if (before === undefined || after === undefined || before === after) return consequences;
  return [
    ...consequences,
    'The first-level salt is another one: every identity gets another raw UID, and opt-outs no longer match.',
  ];
}

/** Salts first, then the stores, so that nothing names what is not there yet. */
async function publish(
  bucket: Bucket,
  checked: CheckedImport,
  currentSalts: LoadedSalts | undefined,
  now: number,
): Promise<Published> {
  const { document, salts } = checked;
  const saltVersion = salts === undefined ? {} : { salts: await publishSalts(bucket, salts, currentSalts, now) };
  for (const [path, value] of Object.entries(document.objects)) await publishConfiguration(bucket, path, value);
  const versions = await publishStores(bucket.objects, await storeUpdates(bucket, document), now);
  return { versions: { ...saltVersion, ...versions }, problem: await refreshViews(bucket.objects, now) };
}

async function storeUpdates(bucket: Bucket, document: WorldDocument): Promise<readonly StoreUpdate[]> {
  const known = WORLD_STORES.map(({ directory }) => directory);
  const others = Object.keys(document.stores).filter((directory) => !known.includes(directory));
  const updates: StoreUpdate[] = [];
  for (const directory of [...known, ...others]) {
    const store = document.stores[directory];
    const member = store?.member ?? WORLD_STORES.find((known) => known.directory === directory)?.member ?? directory;
    const previous = await readWholeStore(bucket, directory, member);
    if (store === undefined) {
      // A store that the imported world does not have is empty in it.
      if (previous !== undefined) updates.push({ directory, member, previous, text: '[]\n' });
      continue;
    }
    const { version: _version, generated: _generated, [member]: _content, ...extra } = store.metadata;
    updates.push({ directory, member, previous, text: `${JSON.stringify(store.content, undefined, 2)}\n`, extra });
  }
  return updates;
}

/** A store that is published; undefined when there is none, or it is damaged. */
async function readWholeStore(bucket: Bucket, directory: string, member: string): Promise<StoreFile | undefined> {
  try {
    return await readStore(bucket.objects, directory, member);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

async function publishSalts(
  bucket: Bucket,
  salts: CheckedSalts,
  current: LoadedSalts | undefined,
  now: number,
): Promise<number> {
  const version = nextVersion(current?.metadata.version, now);
  const entries: JsonObject[] = [];
  for (const { effective, expires, location, size } of salts.metadata.salts) {
    const bytes = salts.files.get(location) ?? new Uint8Array(0);
    // A file that readers may be loading is never overwritten: the imported one gets another name.
    const free = !(await bucket.objects.exists(location));
    const target = free ? location : `salts/salts.txt.${effective}.${version}`;
    await bucket.objects.write(target, bytes);
    entries.push({ effective, expires, location: target, size });
  }
  const metadata = { ...salts.raw, version, generated: Math.floor(now / 1000), salts: entries };
  await bucket.objects.write(metadataPath('salts'), `${JSON.stringify(metadata, undefined, 2)}\n`);
  return version;
}

/** Operators reload their configuration when its version grows. */
async function publishConfiguration(bucket: Bucket, path: string, value: JsonObject): Promise<void> {
  const text = await readText(bucket.objects, path);
  const published = text === undefined ? 0 : parseRuntimeConfigurationFile(text).version;
  const version = Math.max(published + 1, Number(value['version']));
  await bucket.objects.write(path, `${JSON.stringify({ ...value, version }, undefined, 2)}\n`);
}
