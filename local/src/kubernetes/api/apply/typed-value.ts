import { equalJson, isMap } from '../objects.ts';
import { ANY, KEY_DEFAULTS, memberSchema } from '../scheme/schema.ts';
import type { ListSchema, Schema } from '../scheme/schema.ts';
import { badRequest } from '../status.ts';
import { difference, fieldElement, joinPath, keyElement, valueElement } from './field-set.ts';
import type { FieldSet } from './field-set.ts';

/** Lists of values without a declared merge are replaced as a whole, and so are those whose schema is not known. */
type Shape = 'leaf' | 'map' | 'list';

export function shapeOf(schema: Schema, value: unknown): Shape {
  if (isMap(value))
    return schema.kind === 'map' && schema.atomic
      ? 'leaf'
      : schema.kind === 'map' || schema.kind === 'any'
        ? 'map'
        : 'leaf';
  if (Array.isArray(value)) return schema.kind === 'list' && schema.merge !== 'atomic' ? 'list' : 'leaf';
  return 'leaf';
}

/** The element of a path that stands for an item of a merged list. Throws BadRequest when a key is missing. */
export function itemElement(schema: ListSchema, item: unknown, path = ''): string {
  if (schema.merge === 'set') {
    if (typeof item === 'object' && item !== null) throw badRequest(`${path}: items of a set are plain values`);
    return valueElement(item);
  }
  if (!isMap(item)) throw badRequest(`${path}: items of this list are objects with ${schema.keys.join(', ')}`);
  const keys = schema.keys.map((key) => [key, item[key] ?? KEY_DEFAULTS[key]] as const);
  const present = keys.filter(([, value]) => value !== undefined);
  if (present.length === 0) {
    const missing = schema.keys.map((key) => JSON.stringify(key)).join(', ');
    throw badRequest(`${path}: an item lacks its key ${missing}`);
  }
  return keyElement(present);
}

export type DuplicateItems = 'refuse' | 'first';

/** Items by their element, in order. Appliers may not name an item twice; in a live object the first one counts. */
export function itemsByElement(
  schema: ListSchema,
  list: readonly unknown[],
  duplicates: DuplicateItems,
  path = '',
): Map<string, unknown> {
  const items = new Map<string, unknown>();
  for (const item of list) {
    const element = itemElement(schema, item, path);
    if (!items.has(element)) items.set(element, item);
    else if (duplicates === 'refuse') throw badRequest(`${path}: duplicate entries for key ${element.slice(2)}`);
  }
  return items;
}

/** Leaves (scalars, values owned as a whole, nulls and empty maps) with their values; members without a value of their own. */
export interface Fields {
  readonly set: FieldSet;
  readonly leaves: ReadonlyMap<string, unknown>;
}

/** All fields of a value, as server-side apply counts them. */
export function fieldsOf(schema: Schema, value: unknown, duplicates: DuplicateItems = 'first'): Fields {
  const leaves = new Map<string, unknown>();
  const members = new Set<string>();
  collect(schema, value, '', { leaves, members, duplicates });
  return { set: members, leaves };
}

interface Collection {
  readonly leaves: Map<string, unknown>;
  readonly members: Set<string>;
  readonly duplicates: DuplicateItems;
}

function collect(schema: Schema, value: unknown, path: string, into: Collection): void {
  const shape = shapeOf(schema, value);
  if (shape === 'list' && schema.kind === 'list') {
    for (const [element, item] of itemsByElement(schema, value as unknown[], into.duplicates, path)) {
      const at = joinPath(path, element);
      into.members.add(at);
      collect(schema.items, item, at, into);
    }
    return;
  }
  if (shape === 'map' && isMap(value)) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    if (members.length === 0 && path !== '') addLeaf(path, value, into);
    const declared = schema.kind === 'map' ? schema.fields() : undefined;
    for (const [name, member] of members) {
      const at = joinPath(path, fieldElement(name));
      // A key of a free map belongs to whoever set it, not only what stands below it.
      if (declared?.has(name) !== true) into.members.add(at);
      collect(memberSchema(schema, name) ?? ANY, member, at, into);
    }
    return;
  }
  if (path !== '') addLeaf(path, value, into);
}

function addLeaf(path: string, value: unknown, into: Collection): void {
  into.members.add(path);
  into.leaves.set(path, value);
}

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** What differs between two values of one schema. */
export function compareValues(schema: Schema, before: unknown, after: unknown): Comparison {
  const old = fieldsOf(schema, before);
  const now = fieldsOf(schema, after);
  const modified = new Set<string>();
  for (const [path, value] of now.leaves) {
    if (old.leaves.has(path) && !equalJson(old.leaves.get(path), value)) modified.add(path);
  }
  return { added: difference(now.set, old.set), modified, removed: difference(old.set, now.set) };
}

/** Lays `over` upon `under`: members and items that only one of them has are kept; null takes a member away. */
export function mergeValues(schema: Schema, under: unknown, over: unknown): unknown {
  if (over === undefined) return under;
  const shape = shapeOf(schema, over);
  if (shape === 'map' && isMap(over)) {
    const merged: Record<string, unknown> = isMap(under) ? { ...under } : {};
    for (const [name, member] of Object.entries(over)) {
      if (member === null) delete merged[name];
      else
        merged[name] = mergeValues(memberSchema(schema, name) ?? ANY, isMap(under) ? under[name] : undefined, member);
    }
    return merged;
  }
  if (shape === 'list' && schema.kind === 'list' && Array.isArray(over)) {
    return mergeLists(schema, Array.isArray(under) ? under : [], over);
  }
  return over;
}

/** The order of `over` counts; what only `under` has stays behind the item it stood behind. */
function mergeLists(schema: ListSchema, under: readonly unknown[], over: readonly unknown[]): unknown[] {
  const below = itemsByElement(schema, under, 'first');
  const above = itemsByElement(schema, over, 'refuse');
  const followers = new Map<string, string[]>();
  let anchor = '';
  for (const element of below.keys()) {
    if (above.has(element)) anchor = element;
    else followers.set(anchor, [...(followers.get(anchor) ?? []), element]);
  }
  const merged: unknown[] = (followers.get('') ?? []).map((element) => below.get(element));
  for (const [element, item] of above) {
    merged.push(mergeValues(schema.items, below.get(element), item));
    for (const follower of followers.get(element) ?? []) merged.push(below.get(follower));
  }
  return merged;
}

/** The value without the named fields. */
export function removeFields(schema: Schema, value: unknown, remove: FieldSet): unknown {
  return remove.size === 0 ? value : without(schema, value, '', remove, prefixesOf(remove));
}

/** Every path that leads to a member: only those need to be walked. */
function prefixesOf(set: FieldSet): ReadonlySet<string> {
  const prefixes = new Set<string>(['']);
  for (const path of set) {
    let end = path.lastIndexOf('\u0000');
    while (end > 0 && !prefixes.has(path.slice(0, end))) {
      prefixes.add(path.slice(0, end));
      end = path.lastIndexOf('\u0000', end - 1);
    }
  }
  return prefixes;
}

function without(
  schema: Schema,
  value: unknown,
  path: string,
  remove: FieldSet,
  prefixes: ReadonlySet<string>,
): unknown {
  if (!prefixes.has(path)) return value;
  const shape = shapeOf(schema, value);
  if (shape === 'map' && isMap(value)) {
    const kept: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(value)) {
      const at = joinPath(path, fieldElement(name));
      if (!remove.has(at)) kept[name] = without(memberSchema(schema, name) ?? ANY, member, at, remove, prefixes);
    }
    return kept;
  }
  if (shape === 'list' && schema.kind === 'list' && Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      const at = joinPath(path, itemElement(schema, item, path));
      return remove.has(at) ? [] : [without(schema.items, item, at, remove, prefixes)];
    });
  }
  return value;
}
