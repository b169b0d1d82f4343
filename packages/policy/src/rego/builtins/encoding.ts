import { createHash, createHmac } from 'node:crypto';

import { fromJson, jsonText } from '../json.ts';
import type { RegoJson } from '../json.ts';
import { limitExceeded } from '../position.ts';
import { RegoArray, RegoObject } from '../value.ts';
import type { RegoValue } from '../value.ts';
import { any, binary, text, unary } from './builtin.ts';
import type { Builtin, BuiltinTable } from './builtin.ts';
import { parseJsonExact } from './parse-json.ts';

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const base64url = /^[A-Za-z0-9_-]*={0,2}$/;
const hex = /^(?:[0-9A-Fa-f]{2})*$/;

function encode(encoding: 'base64' | 'base64url' | 'hex', padded: boolean): Builtin {
  return unary(text, (value, { budget }) => {
    budget.spendText(value.length);
    const encoded = Buffer.from(value, 'utf8').toString(encoding);
    return padded ? encoded.padEnd(Math.ceil(encoded.length / 4) * 4, '=') : encoded;
  });
}

function decode(encoding: 'base64' | 'base64url' | 'hex', form: RegExp): Builtin {
  return unary(text, (value, { budget }) => {
    budget.spendText(value.length);
    return form.test(value) ? Buffer.from(value, encoding).toString('utf8') : undefined;
  });
}

function hash(algorithm: 'md5' | 'sha1' | 'sha256'): Builtin {
  return unary(text, (value, { budget }) => {
    budget.spendText(value.length);
    return createHash(algorithm).update(value, 'utf8').digest('hex');
  });
}

function hmac(algorithm: 'sha256' | 'sha384' | 'sha512'): Builtin {
  return binary(text, text, (value, key, { budget }) => {
    budget.spendText(value.length);
    return createHmac(algorithm, key).update(value, 'utf8').digest('hex');
  });
}

function unmarshal(value: string): RegoValue | undefined {
  const parsed = parseJsonExact(value);
  return parsed === undefined ? undefined : fromJson(parsed as RegoJson);
}

/** Go's JSON keeps texts safe inside HTML. */
function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Escapes of Go's url.QueryEscape. */
function queryEscape(value: string): string {
  return encodeURIComponent(value)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

function queryUnescape(value: string): string | undefined {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function keyName(key: RegoValue | undefined): string {
  return typeof key === 'string' ? key : jsonText(key ?? null);
}

/** Paths as `a/b` or as arrays of keys. */
function pathsOf(value: RegoValue): readonly (readonly RegoValue[])[] | undefined {
  const items = value instanceof RegoArray ? value.items : undefined;
  return items?.map((path) => {
    if (path instanceof RegoArray) return path.items;
    return keyName(path)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  });
}

function removePaths(value: RegoValue, paths: readonly (readonly RegoValue[])[]): RegoValue {
  if (value instanceof RegoArray) return removeFromArray(value, paths);
  if (!(value instanceof RegoObject)) return value;
  const kept = new RegoObject();
  for (const entry of value.sorted()) {
    const here = paths.filter((path) => keyName(path[0]) === keyName(entry.key)).map((path) => path.slice(1));
    if (!here.some((path) => path.length === 0)) kept.set(entry.key, removePaths(entry.value, here));
  }
  return kept;
}

function removeFromArray(value: RegoArray, paths: readonly (readonly RegoValue[])[]): RegoArray {
  const kept: RegoValue[] = [];
  for (const [at, item] of value.items.entries()) {
    const here = paths.filter((path) => keyName(path[0]) === String(at)).map((path) => path.slice(1));
    if (!here.some((path) => path.length === 0)) kept.push(removePaths(item, here));
  }
  return new RegoArray(kept);
}

function keepPaths(value: RegoValue, paths: readonly (readonly RegoValue[])[]): RegoValue {
  if (paths.some((path) => path.length === 0)) return value;
  if (value instanceof RegoArray) {
    const kept: RegoValue[] = [];
    for (const [at, item] of value.items.entries()) {
      const here = paths.filter((path) => keyName(path[0]) === String(at));
      if (here.length > 0)
        kept.push(
          keepPaths(
            item,
            here.map((path) => path.slice(1)),
          ),
        );
    }
    return new RegoArray(kept);
  }
  const object = new RegoObject();
  if (!(value instanceof RegoObject)) return object;
  for (const entry of value.sorted()) {
    const here = paths.filter((path) => keyName(path[0]) === keyName(entry.key));
    if (here.length > 0)
      object.set(
        entry.key,
        keepPaths(
          entry.value,
          here.map((path) => path.slice(1)),
        ),
      );
  }
  return object;
}

function byPaths(select: (value: RegoValue, paths: readonly (readonly RegoValue[])[]) => RegoValue): Builtin {
  return binary(any, any, (value, paths, { budget }) => {
    const list = pathsOf(paths);
    if (!(value instanceof RegoObject) || list === undefined) return undefined;
    budget.spend(value.size * (1 + list.length));
    return select(value, list);
  });
}

export const encodingBuiltins: BuiltinTable = {
  'base64.encode': encode('base64', false),
  'base64.decode': decode('base64', base64),
  'base64.is_valid': unary(any, (value) => typeof value === 'string' && base64.test(value)),
  'base64url.encode': encode('base64url', true),
  'base64url.encode_no_pad': encode('base64url', false),
  'base64url.decode': decode('base64url', base64url),
  'hex.encode': encode('hex', false),
  'hex.decode': decode('hex', hex),
  'urlquery.encode': unary(text, queryEscape),
  'urlquery.decode': unary(text, queryUnescape),
  'json.marshal': unary(any, (value, { budget }) => {
    const written = jsonText(value).replace(/[<>&\u2028\u2029]/g, escapeUnit);
    budget.spendText(written.length);
    return written;
  }),
  'json.unmarshal': unary(text, (value, { budget }) => {
    budget.spendText(value.length * 8);
    if (value.length > budget.limits.maxValueSize) throw limitExceeded('size of a value', budget.limits.maxValueSize);
    return unmarshal(value);
  }),
  'json.is_valid': unary(any, (value, { budget }) => {
    if (typeof value !== 'string') return false;
    budget.spendText(value.length * 8);
    return parseJsonExact(value) !== undefined;
  }),
  'json.remove': byPaths(removePaths),
  'json.filter': byPaths(keepPaths),
  'crypto.md5': hash('md5'),
  'crypto.sha1': hash('sha1'),
  'crypto.sha256': hash('sha256'),
  'crypto.hmac.sha256': hmac('sha256'),
  'crypto.hmac.sha384': hmac('sha384'),
  'crypto.hmac.sha512': hmac('sha512'),
};
