import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { fromUtf8, MalformedError } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

import { checkKey } from './key-value-store.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { readIfPresent } from './local-fs-store.ts';

const BASE64URL_PADDED = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?$/;

/** One JSON file per namespace: names to Base64 of the values, with the URL-safe alphabet and padding. */
export function createLocalJsonStore(file: string): KeyValueStore {
  // Changes wait for each other, so that none is made on the content before another.
  let last: Promise<unknown> = Promise.resolve();
  const change = <T>(apply: (values: Map<string, string>) => T): Promise<T> => {
    const next = last.then(async () => {
      const values = await readValues(file);
      const result = apply(values);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFileAtomic(file, JSON.stringify(Object.fromEntries(values)), { mode: 0o600 });
      return result;
    });
    last = next.catch(() => undefined);
    return next;
  };
  return {
    get: async (key) => {
      const value = (await readValues(file)).get(key);
      return value === undefined ? undefined : new Uint8Array(Buffer.from(value, 'base64url'));
    },
    set: async (key, value) => {
      checkKey(key);
      await change((values) => values.set(key, encode(value)));
    },
    delete: (key) => change((values) => values.delete(key)),
    list: async () => [...(await readValues(file)).keys()].sort(),
  };
}

function encode(value: Uint8Array): string {
  return Buffer.from(value).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

async function readValues(file: string): Promise<Map<string, string>> {
  const bytes = await readIfPresent(file);
  if (bytes === undefined) return new Map();
  let parsed: unknown;
  try {
    parsed = JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw malformed(file, cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw malformed(file);
  const entries = Object.entries(parsed).map(([key, value]): [string, string] => {
    if (typeof value !== 'string' || !BASE64URL_PADDED.test(value)) throw malformed(file);
    return [key, value];
  });
  return new Map(entries);
}

function malformed(file: string, cause?: unknown): MalformedError {
  return new MalformedError('TRUSTEE_STORAGE_MALFORMED', `${file} is no JSON object of Base64 texts`, { cause });
}
