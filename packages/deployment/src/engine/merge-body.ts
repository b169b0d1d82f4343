import type { JsonValue } from '../arm/template.ts';
import type { UpdateRules } from '../graph/types.ts';
import { isUnevaluated, keyOf, sameScalar } from '../plan/owned-diff.ts';
import type { JsonObject } from './ports.ts';

/** What a service answers about a resource and never takes. */
const answersOnly: ReadonlySet<string> = new Set(['id', 'name', 'type', 'etag', 'systemData']);

/**
 * The body to write for a resource that exists: what is there, with our fields over it. What is not ours goes back as it
 * came, tags and entries of lists included, because a write replaces the whole resource. Fields that are written at
 * creation only keep their live values, and values that mean the same stay as Azure writes them.
 * With `forTemplate`, live text that looks like an expression is escaped.
 */
export function mergedBody(owned: JsonObject, live: JsonObject, rules: UpdateRules, forTemplate: boolean): JsonObject {
  const kept = Object.fromEntries(Object.entries(live).filter(([name]) => !answersOnly.has(name)));
  return merge(owned, kept, { place: '', rules, forTemplate }) as JsonObject;
}

interface Context {
  /** As rules name fields. */
  readonly place: string;
  readonly rules: UpdateRules;
  readonly forTemplate: boolean;
}

function merge(owned: JsonValue, live: JsonValue | undefined, context: Context): JsonValue {
  if (live === undefined) return owned;
  if (context.rules.createOnly?.includes(context.place) === true) return copy(live, context);
  if (Array.isArray(owned)) return mergeLists(owned as readonly JsonValue[], live, context);
  if (typeof owned === 'object' && owned !== null) {
    if (typeof live !== 'object' || live === null || Array.isArray(live)) return owned;
    const other = live as JsonObject;
    const merged: Record<string, JsonValue> = {};
    for (const [name, value] of Object.entries(other)) {
      if (!Object.hasOwn(owned, name)) merged[name] = copy(value, context);
    }
    for (const [name, value] of Object.entries(owned)) {
      const place = context.place === '' ? name : `${context.place}.${name}`;
      merged[name] = merge(value, Object.hasOwn(other, name) ? other[name] : undefined, { ...context, place });
    }
    return merged;
  }
  return !isUnevaluated(owned) && sameScalar(owned, live) ? copy(live, context) : owned;
}

function mergeLists(owned: readonly JsonValue[], live: JsonValue, context: Context): JsonValue {
  const others = Array.isArray(live) ? (live as readonly JsonValue[]) : [];
  const keys = owned.map((item) => keyOf(item)?.toLowerCase());
  if (owned.length === 0 || keys.includes(undefined)) return owned;
  const entry = { ...context, place: `${context.place}[]` };
  const same = (item: JsonValue, key: string | undefined): boolean => keyOf(item)?.toLowerCase() === key;
  const mergedOwn = owned.map((item, index) =>
    merge(
      item,
      others.find((other) => same(other, keys[index])),
      entry,
    ),
  );
  const foreign = others.filter((other) => !keys.some((key) => same(other, key)));
  return [...mergedOwn, ...foreign.map((item) => copy(item, context))];
}

function copy(value: JsonValue, context: Context): JsonValue {
  if (!context.forTemplate) return value;
  if (typeof value === 'string') return value.startsWith('[') ? `[${value}` : value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => copy(item, context));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member, context)]));
}
