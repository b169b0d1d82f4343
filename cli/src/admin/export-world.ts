import { Buffer } from 'node:buffer';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { DependencyError, errorMessage, fromUtf8 } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';
import { isJsonObject, parseJsonObject, parseLenientJson } from '@holdfast/uid2';
import type { JsonValue } from '@holdfast/uid2';

import type { ExportFlags } from '../commands/uid2-admin/transfer.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { malformed, writeWorldDocument } from './export-document.ts';
import type { ExportedSalts, ExportedStore } from './export-document.ts';
import { openBucket } from './open-bucket.ts';
import type { Bucket } from './bucket.ts';
import { loadSalts } from './salt-repository.ts';
import { readStore, readText } from './store-files.ts';
import { tell } from './run-change.ts';
import { whileLocked } from './world-lock.ts';
import { loadWorld } from './world-repository.ts';

/** Objects that are no store and belong to a world all the same. */
const CONFIGURATION = ['operator/operator-config.json'];
const FILE_MODE = 0o600;
/** Salts are random text: more effort makes them hardly smaller. */
const GZIP_LEVEL = 1;
const compress = promisify(gzip);

/** `holdfast uid2 export`: the stores as they are, so that members unknown here survive. */
export async function runExport({ io }: CliContext, flags: ExportFlags, file: string): Promise<void> {
  const bucket = openBucket(flags, io);
  const target = resolve(io.cwd, file);
  const now = Date.now();
  const document = await whileLocked(bucket, async () => {
    // Reads every store strictly: a damaged world is found now, not when it is imported.
    await loadWorld(bucket);
    const objects = [];
    for (const path of CONFIGURATION) {
      const text = await readText(bucket.objects, path);
      if (text !== undefined) objects.push([path, parseJsonObject(text)] as const);
    }
    return {
      stores: Object.fromEntries(await exportStores(bucket)),
      objects: Object.fromEntries(objects),
      salts: flags.withoutSalts ? undefined : await exportSalts(bucket, now),
    };
  });
  try {
    await writeFileAtomic(target, writeWorldDocument(document, now), { mode: FILE_MODE });
  } catch (cause) {
    throw new DependencyError('WORLD_EXPORT_FAILED', `cannot write ${target}: ${errorMessage(cause)}`, {
      retryable: false,
      cause,
      action: 'Name a file in a folder you may write to.',
    });
  }
  const stores = Object.keys(document.stores);
  if (flags.json) writeJson(io, { version: 1, file: target, stores, salts: document.salts !== undefined });
  else io.stdout.write(`${target}\n`);
  tell(io, 'note', ['The file holds every key of this world in clear. Guard it like them.']);
}

async function exportStores(bucket: Bucket): Promise<readonly (readonly [string, ExportedStore])[]> {
  const stores: (readonly [string, ExportedStore])[] = [];
  for (const { path } of await bucket.objects.list('')) {
    const directory = /^([^/]+)\/metadata\.json$/.exec(path)?.[1];
    if (directory === undefined || directory === 'salts') continue;
    const metadata = parseJsonObject(fromUtf8(await bucket.objects.read(path)));
    const member = Object.keys(metadata).find((name) => {
      const value = metadata[name];
      return value !== undefined && isJsonObject(value) && typeof value['location'] === 'string';
    });
    const store = member === undefined ? undefined : await readStore(bucket.objects, directory, member);
    if (member === undefined || store === undefined) continue;
    const content = parseLenientJson(store.text);
    if (!Array.isArray(content)) throw malformed(`${store.location} is not an array`);
    stores.push([directory, { member, metadata, content: content as readonly JsonValue[] }]);
  }
  return stores;
}

async function exportSalts(bucket: Bucket, now: number): Promise<ExportedSalts> {
  const salts = await loadSalts(bucket, now);
  const files: (readonly [string, string])[] = [];
  for (const { location } of salts.snapshots) {
    const compressed = await compress(await bucket.objects.read(location), { level: GZIP_LEVEL });
    files.push([location, Buffer.from(compressed).toString('base64')]);
  }
  return { metadata: salts.raw, files: Object.fromEntries(files) };
}
