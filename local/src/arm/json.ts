/** JSON as it goes over the wire. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

export interface JsonObject {
  [member: string]: JsonValue;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path such as `properties.sku.name`; a number selects an entry of a list. */
export function valueAt(value: JsonValue | undefined, path: string): JsonValue | undefined {
  let at = value;
  for (const part of path.split('.')) {
    if (Array.isArray(at)) at = at[Number(part)];
    else if (isObject(at) && Object.hasOwn(at, part)) at = at[part];
    else return undefined;
  }
  return at;
}

/** The text at a path, or undefined. */
export function textAt(value: JsonValue | undefined, path: string): string | undefined {
  const found = valueAt(value, path);
  return typeof found === 'string' ? found : undefined;
}

/** The object at a path, or an empty one. */
export function objectAt(value: JsonValue | undefined, path: string): JsonObject {
  const found = valueAt(value, path);
  return isObject(found) ? found : {};
}

/** A value as text: text as it is, everything else as JSON. */
export function asText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The texts of the list at a path, or none. */
export function textsAt(value: JsonValue | undefined, path: string): string[] {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found.map(asText) : [];
}

/** The objects of the list at a path, or none. */
export function objectsAt(value: JsonValue | undefined, path: string): JsonObject[] {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found.filter(isObject) : [];
}

/** `first` with the members of `second` laid over it, level by level; lists are replaced whole. */
export function overlay(first: JsonObject, second: JsonObject): JsonObject {
  const result: JsonObject = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const below = result[name];
    result[name] = isObject(below) && isObject(value) ? overlay(below, value) : value;
  }
  return result;
}

/** A copy without members whose value is undefined, for literals with optional members. */
export function compact(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}
