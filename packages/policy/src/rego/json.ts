import { limitExceeded } from './position.ts';
import { compareTexts, RegoArray, RegoObject, RegoSet } from './value.ts';
import type { RegoValue } from './value.ts';

/** JSON as it enters and leaves the interpreter; integers beyond 2^53 are bigints. */
export type RegoJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly RegoJson[]
  | { readonly [name: string]: RegoJson | undefined };

const maxJsonNesting = 500;

/**
 * The Rego value of a JSON value. Members that are undefined are left out; a number that is not finite becomes null.
 * @throws UnsupportedError REGO_LIMIT_EXCEEDED when it nests deeper than 500 levels.
 */
export function fromJson(json: RegoJson | undefined, depth = 0): RegoValue {
  if (depth > maxJsonNesting) throw limitExceeded('nesting of a JSON value', maxJsonNesting);
  if (json === null || json === undefined) return null;
  switch (typeof json) {
    case 'boolean':
      return json;
    case 'string':
      return json.toWellFormed();
    case 'number':
      return normalizeNumber(json);
    case 'bigint':
      return normalizeInteger(json);
    default:
      return compositeFromJson(json, depth);
  }
}

function compositeFromJson(
  json: Exclude<RegoJson, null | boolean | number | bigint | string>,
  depth: number,
): RegoValue {
  if (Array.isArray(json)) return new RegoArray(json.map((item: RegoJson) => fromJson(item, depth + 1)));
  const object = new RegoObject();
  for (const [name, value] of Object.entries(json)) {
    if (value !== undefined) object.set(name.toWellFormed(), fromJson(value, depth + 1));
  }
  return object;
}

export function normalizeNumber(value: number): RegoValue {
  if (!Number.isFinite(value)) return null;
  if (value === 0) return 0;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value;
}

export function normalizeInteger(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** The JSON of a value: sets become sorted arrays, keys that are no texts become their JSON. */
export function toJson(value: RegoValue): RegoJson {
  if (value instanceof RegoArray) return value.items.map(toJson);
  if (value instanceof RegoSet) return value.sorted().map(toJson);
  if (value instanceof RegoObject) {
    return Object.fromEntries(value.sorted().map((entry) => [keyText(entry.key), toJson(entry.value)]));
  }
  return value;
}

function keyText(key: RegoValue): string {
  return typeof key === 'string' ? key : jsonText(key);
}

/** Compact JSON text with members in the order of their names, as Go writes it without HTML escapes. */
export function jsonText(value: RegoValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof RegoArray) return `[${value.items.map(jsonText).join()}]`;
  if (value instanceof RegoSet) return `[${value.sorted().map(jsonText).join()}]`;
  if (value instanceof RegoObject) {
    const members = value.sorted().map((entry) => [keyText(entry.key), jsonText(entry.value)] as const);
    members.sort((a, b) => compareTexts(a[0], b[0]));
    return `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join()}}`;
  }
  return String(value);
}
