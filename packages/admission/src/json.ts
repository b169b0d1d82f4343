/** JSON as it came over the wire. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [member: string]: Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member of an object; an empty one when it is missing or no object. */
export function objectIn(value: Json | undefined, member: string): JsonObject {
  const found = memberOf(value, member);
  return isObject(found) ? found : {};
}

/** The entries of a list as they are; none when it is missing or no list. */
export function entriesIn(value: Json | undefined, member: string): readonly Json[] {
  const found = memberOf(value, member);
  return Array.isArray(found) ? (found as readonly Json[]) : [];
}

/** The objects of a list; entries that are no objects are left out. */
export function listIn(value: Json | undefined, member: string): readonly JsonObject[] {
  return entriesIn(value, member).filter(isObject);
}

/** The text in a member; undefined when it is missing or no text. */
export function textIn(value: Json | undefined, member: string): string | undefined {
  const found = memberOf(value, member);
  return typeof found === 'string' ? found : undefined;
}

function memberOf(value: Json | undefined, member: string): Json | undefined {
  return isObject(value) && Object.hasOwn(value, member) ? value[member] : undefined;
}
