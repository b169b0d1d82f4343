import type { JsonObject, JsonValue } from './json.ts';

/**
 * JSON in the canonical form of RFC 8785: members ordered by UTF-16 code units, no blanks, only the escapes JSON
 * requires. Integers beyond 2^53 are written exactly, where RFC 8785 would round them.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(canonicalJson).join()}]`;
  const object = value as JsonObject;
  const members = Object.keys(object)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(object[name] ?? null)}`);
  return `{${members.join()}}`;
}
