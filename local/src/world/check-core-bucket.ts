import { Buffer } from 'node:buffer';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { errorMessage, MalformedError, VerificationError } from '@holdfast/base';
import {
  parseClients,
  parseEnclaves,
  parseKeysetKeys,
  parseKeysets,
  parseOperators,
  parseRuntimeConfigurationFile,
  parseSaltMetadata,
  parseSites,
  parseStoreMetadata,
} from '@holdfast/uid2';

/** How each store is read; the salts, which are no JSON, are checked apart. */
const STORES: readonly { directory: string; member: string; parse: (text: string) => unknown }[] = [
  { directory: 'sites', member: 'sites', parse: parseSites },
  { directory: 'clients', member: 'client_keys', parse: parseClients },
  { directory: 'keysets', member: 'keysets', parse: (text) => parseKeysets(JSON.parse(text)) },
  { directory: 'keyset_keys', member: 'keyset_keys', parse: (text) => parseKeysetKeys(JSON.parse(text)) },
  { directory: 'operators', member: 'operators', parse: parseOperators },
  { directory: 'enclaves', member: 'enclaves', parse: parseEnclaves },
];

const LINE_FEED = 0x0a;
const CHUNK_BYTES = 4 * 1024 * 1024;

export interface CoreBucketFacts {
  /** Number of salts in the newest snapshot. */
  readonly salts: number;
}

/**
 * Reads an existing Core bucket with the parsers that Core and the operator use, so that a damaged file is found before
 * anything starts. Salt files are checked for their number of lines only; the operator reads every line.
 * @throws MalformedError WORLD_CORRUPT naming the file
 * @throws VerificationError WORLD_EXPIRED when no salt snapshot is effective any more
 */
export async function checkCoreBucket(bucket: string, now: number): Promise<CoreBucketFacts> {
  for (const { directory, member, parse } of STORES) {
    await checked(bucket, `${directory}/metadata.json`, async (text) => {
      const { location } = parseStoreMetadata(text, member);
      await checked(bucket, location, (content) => Promise.resolve(parse(content)));
    });
  }
  await checked(bucket, 'operator/operator-config.json', (text) =>
    Promise.resolve(parseRuntimeConfigurationFile(text)),
  );
  const { salts } = await checked(bucket, 'salts/metadata.json', (text) =>
    Promise.resolve(parseSaltMetadata(JSON.parse(text), now)),
  );
  const newest = salts.reduce((a, b) => (b.effective > a.effective ? b : a), salts[0] ?? corruptSalts());
  if (newest.expires <= now) {
    throw new VerificationError(
      'WORLD_EXPIRED',
      `the salts of the local world expired at ${new Date(newest.expires).toISOString()}`,
      { details: { bucket }, action: 'Delete the home folder; the next start makes a new world.' },
    );
  }
  for (const { location, size } of salts) await checkSaltFile(bucket, location, size);
  return { salts: newest.size };
}

function corruptSalts(): never {
  throw new MalformedError('SALT_METADATA_MALFORMED', 'salts is empty');
}

async function checked<T>(bucket: string, path: string, read: (text: string) => Promise<T>): Promise<T> {
  try {
    return await read(await readFile(join(bucket, path), 'utf8'));
  } catch (cause) {
    if (cause instanceof MalformedError && cause.code === 'WORLD_CORRUPT') throw cause;
    throw corrupt(bucket, path, errorMessage(cause), cause);
  }
}

async function checkSaltFile(bucket: string, path: string, size: number): Promise<void> {
  let lines = 0;
  let last = LINE_FEED;
  try {
    await using handle = await open(join(bucket, path), 'r');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) break;
      const bytes = chunk.subarray(0, bytesRead);
      for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) lines += 1;
      last = bytes[bytesRead - 1] ?? last;
    }
  } catch (cause) {
    throw corrupt(bucket, path, errorMessage(cause), cause);
  }
  if (last !== LINE_FEED) lines += 1;
  if (lines !== size) throw corrupt(bucket, path, `it has ${lines} lines and its metadata promise ${size}`);
}

function corrupt(bucket: string, path: string, reason: string, cause?: unknown): MalformedError {
  return new MalformedError('WORLD_CORRUPT', `the seed file ${join(bucket, path)} is unusable: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { file: path },
    action: 'Restore the file, or delete the home folder; the next start makes a new world.',
  });
}
