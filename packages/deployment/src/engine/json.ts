import type { JsonValue } from '../arm/template.ts';

/** The value at a path such as `properties.powerState.code`. */
export function valueAt(value: unknown, path: string): JsonValue | undefined {
  let at: unknown = value;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at as JsonValue | undefined;
}

/** The text at a path, if there is one. */
export function textAt(value: unknown, path: string): string | undefined {
  const found = valueAt(value, path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** The number at a path. */
export function numberAt(value: unknown, path: string): number | undefined {
  const found = valueAt(value, path);
  return typeof found === 'number' ? found : undefined;
}

/** The objects in the list at a path; none when there is no list. */
export function objectsAt(value: unknown, path: string): readonly Readonly<Record<string, JsonValue>>[] {
  const found = valueAt(value, path);
  if (!Array.isArray(found)) return [];
  return (found as readonly JsonValue[]).filter(
    (item): item is Readonly<Record<string, JsonValue>> =>
      typeof item === 'object' && item !== null && !Array.isArray(item),
  );
}
