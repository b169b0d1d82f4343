import { equalJson, isMap } from '../objects.ts';
import { ANY, memberSchema } from '../scheme/schema.ts';
import type { ListSchema, Schema } from '../scheme/schema.ts';
import { difference, fieldElement, joinPath, keyElement, pathElements, prefixesOf, valueElement } from './field-set.ts';
import type { FieldSet } from './field-set.ts';

type Shape = 'leaf' | 'map' | 'list';

/** How a schema treats a value. Lists of values without a declared merge, or without a schema, are replaced as a whole. */
function shapeOf(schema: Schema, value: unknown): Shape {
  if (isMap(value)) return schema.kind === 'any' || (schema.kind === 'map' && !schema.atomic) ? 'map' : 'leaf';
  if (Array.isArray(value)) return schema.kind === 'list' && schema.merge !== 'atomic' ? 'list' : 'leaf';
  // Null is an empty map or list where there may be one.
  if (value === null && (schema.kind === 'any' || (schema.kind === 'map' && !schema.atomic))) return 'map';
  if (value === null && schema.kind === 'list' && schema.merge !== 'atomic') return 'list';
  return 'leaf';
}

/** The element of a path that stands for an item of a merged list; undefined when it has none. */
export function itemElement(schema: ListSchema, item: unknown): string | undefined {
  if (schema.merge === 'set') return typeof item === 'object' ? undefined : valueElement(item);
  if (!isMap(item)) return undefined;
  const keys = schema.keys.map((key) => [key, item[key] ?? schema.keyDefaults[key]] as const);
  const present = keys.filter(([, value]) => value !== undefined && value !== null);
  return present.length === 0 ? undefined : keyElement(present);
}

/** Items in order, with their elements; those without one are left out. */
function itemsOf(schema: ListSchema, list: unknown): readonly (readonly [string, unknown])[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    const element = itemElement(schema, item);
    return element === undefined ? [] : [[element, item] as const];
  });
}

function groupedItems(schema: ListSchema, list: unknown): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const [element, item] of itemsOf(schema, list)) groups.set(element, [...(groups.get(element) ?? []), item]);
  return groups;
}

function membersOf(value: unknown): readonly (readonly [string, unknown])[] {
  return isMap(value) ? Object.entries(value).filter(([, member]) => member !== undefined) : [];
}

function isDeclared(schema: Schema, name: string): boolean {
  return schema.kind === 'map' && schema.fields().has(name);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : membersOf(value).length === 0;
}

/** All fields of a value, as server-side apply counts what an applier owns. */
export function fieldsOf(schema: Schema, value: unknown): FieldSet {
  const fields = new Set<string>();
  collect(schema, value, '', fields);
  return fields;
}

function collect(schema: Schema, value: unknown, path: string, into: Set<string>): void {
  const shape = shapeOf(schema, value);
  if (shape === 'leaf') {
    if (path !== '') into.add(path);
    return;
  }
  if (shape === 'list' && schema.kind === 'list') {
    for (const [element, items] of groupedItems(schema, value)) {
      const at = joinPath(path, element);
      into.add(at);
      // Items that share a key are owned as one.
      if (items.length === 1) collect(schema.items, items[0], at, into);
    }
    return;
  }
  for (const [name, member] of membersOf(value)) {
    const at = joinPath(path, fieldElement(name));
    // A key of a free map belongs to whoever set it, and so does what is empty: nothing below stands for it.
    if (!isDeclared(schema, name) || member === null || (isMap(member) && isEmpty(member))) into.add(at);
    collect(memberSchema(schema, name) ?? ANY, member, at, into);
  }
}

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

interface Changes {
  readonly added: Set<string>;
  readonly modified: Set<string>;
  readonly removed: Set<string>;
}

/** What differs between two values of one schema. Members that come or go are named with everything in them. */
export function compareValues(schema: Schema, before: unknown, after: unknown): Comparison {
  const changes: Changes = { added: new Set(), modified: new Set(), removed: new Set() };
  compareNode(schema, before, after, '', changes);
  return changes;
}

function compareNode(schema: Schema, before: unknown, after: unknown, path: string, changes: Changes): void {
  const shapes = new Set([before, after].filter((one) => one !== undefined).map((one) => shapeOf(schema, one)));
  let isLeaf = false;
  // A member without a schema may change from one shape to another: what it held goes, and what it holds comes.
  for (const shape of shapes) {
    if (shape === 'leaf' || (isEmpty(before) && isEmpty(after))) {
      isLeaf = true;
      compareLeaf(before, after, path, changes);
    } else if (shape === 'list' && schema.kind === 'list') compareLists(schema, before, after, path, changes);
    else compareMaps(schema, before, after, path, changes);
  }
  if (isLeaf || path === '') return;
  if (before === undefined) changes.added.add(path);
  else if (after === undefined) changes.removed.add(path);
}

function compareLeaf(before: unknown, after: unknown, path: string, changes: Changes): void {
  if (path === '') return;
  if (before === undefined) changes.added.add(path);
  else if (after === undefined) changes.removed.add(path);
  else if (!equalJson(before, after)) changes.modified.add(path);
}

function compareMaps(schema: Schema, before: unknown, after: unknown, path: string, changes: Changes): void {
  const old = new Map(membersOf(before));
  const now = new Map(membersOf(after));
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const at = joinPath(path, fieldElement(name));
    compareNode(memberSchema(schema, name) ?? ANY, old.get(name), now.get(name), at, changes);
  }
}

function compareLists(schema: ListSchema, before: unknown, after: unknown, path: string, changes: Changes): void {
  const old = groupedItems(schema, before);
  const now = groupedItems(schema, after);
  for (const element of new Set([...old.keys(), ...now.keys()])) {
    const at = joinPath(path, element);
    const was = old.get(element) ?? [];
    const is = now.get(element) ?? [];
    if (was.length < 2 && is.length < 2) compareNode(schema.items, was[0], is[0], at, changes);
    else if (was.length > 1 && is.length > 1) {
      if (!equalJson(was, is)) changes.modified.add(at);
    } else if (was.length > 1) {
      if (is.length === 1) compareNode(schema.items, undefined, is[0], at, changes);
      changes.removed.add(at);
    } else {
      if (was.length === 1) compareNode(schema.items, was[0], undefined, at, changes);
      changes.added.add(at);
    }
  }
}

/** Lays `over` upon `under`: members and items that only one of them has are kept. */
export function mergeValues(schema: Schema, under: unknown, over: unknown): unknown {
  if (over === undefined) return under;
  if (under === undefined) return over;
  const shape = shapeOf(schema, over);
  if (shape === 'leaf' || (isEmpty(under) && isEmpty(over))) return over;
  if (shape === 'list' && schema.kind === 'list') return mergeLists(schema, under, over);
  const merged: Record<string, unknown> = isMap(under) ? { ...under } : {};
  for (const [name, member] of membersOf(over)) {
    merged[name] = mergeValues(memberSchema(schema, name) ?? ANY, isMap(under) ? under[name] : undefined, member);
  }
  return merged;
}

/**
 * Items of both keep the order of `over`. Those that only `under` has stay where they were before the next item of both, and items
 * that only `over` has come after them.
 */
function mergeLists(schema: ListSchema, under: unknown, over: unknown): unknown[] {
  const below = itemsOf(schema, under);
  const above = itemsOf(schema, over);
  const belowOf = groupedItems(schema, under);
  const aboveOf = new Map(above);
  const shared = above.map(([element]) => element).filter((element) => belowOf.has(element));
  const out: unknown[] = [];
  const done = new Set<string>();
  const take = ([element, item]: readonly [string, unknown]): void => {
    done.add(element);
    if (shared[0] === element) shared.shift();
    const live = belowOf.get(element) ?? [];
    // An item that is there twice is not merged with: it cannot be said with which.
    out.push(live.length > 1 ? item : mergeValues(schema.items, live[0], item));
  };
  let [low, high] = [0, 0];
  while (low < below.length || high < above.length) {
    const lower = below[low];
    const upper = above[high];
    if (lower !== undefined && upper !== undefined && lower[0] === upper[0]) {
      take(upper);
      low += 1;
      high += 1;
      continue;
    }
    if (lower !== undefined) {
      const isShared = aboveOf.has(lower[0]);
      if (!isShared) out.push(lower[1]);
      const comesElsewhere = isShared && upper !== undefined && shared.length > 0 && shared[0] !== lower[0];
      if (!isShared || comesElsewhere || done.has(lower[0])) low += 1;
      if (!isShared || comesElsewhere) continue;
    }
    if (upper === undefined) continue;
    take(upper);
    high += 1;
  }
  return out;
}

/** The value without the named fields. What has lost everything it held is null. */
export function removeFields(schema: Schema, value: unknown, remove: FieldSet): unknown {
  return remove.size === 0 ? value : without(schema, value, '', { remove, prefixes: prefixesOf(remove) });
}

interface Removal {
  readonly remove: FieldSet;
  /** Every path that leads to a member: only those need to be walked. */
  readonly prefixes: FieldSet;
}

function without(schema: Schema, value: unknown, path: string, removal: Removal): unknown {
  const shape = shapeOf(schema, value);
  if (shape === 'leaf') return typeof value === 'object' ? null : value;
  const kept = (at: string, item: unknown, itemSchema: Schema): unknown =>
    removal.prefixes.has(at) ? without(itemSchema, item, at, removal) : item;
  if (shape === 'list' && schema.kind === 'list') {
    const items = itemsOf(schema, value).flatMap(([element, item]) => {
      const at = joinPath(path, element);
      return removal.remove.has(at) ? [] : [kept(at, item, schema.items)];
    });
    return items.length === 0 ? null : items;
  }
  const members = membersOf(value).flatMap(([name, member]) => {
    const at = joinPath(path, fieldElement(name));
    return removal.remove.has(at) ? [] : [[name, kept(at, member, memberSchema(schema, name) ?? ANY)] as const];
  });
  return members.length === 0 ? null : Object.fromEntries(members);
}

/** The set with every declared member on the way to one of its own: who owns a part owns what holds it. */
export function withDeclaredParents(schema: Schema, set: FieldSet): FieldSet {
  const all = new Set(set);
  const schemas = new Map<string, Schema>([['', schema]]);
  for (const path of set) {
    let at = '';
    for (const element of pathElements(path)) {
      const parent = schemas.get(at) ?? ANY;
      at = joinPath(at, element);
      const name = element.startsWith('f:') ? element.slice(2) : undefined;
      if (name !== undefined && isDeclared(parent, name)) all.add(at);
      if (schemas.has(at)) continue;
      const child = name === undefined ? itemSchema(parent) : memberSchema(parent, name);
      schemas.set(at, child ?? ANY);
    }
  }
  return all;
}

function itemSchema(schema: Schema): Schema {
  return schema.kind === 'list' ? schema.items : ANY;
}

/** Removes from `merged` what `last` names and nobody in `owned` owns, unless it was nobody's alone. */
export function pruneValues(schema: Schema, merged: unknown, last: FieldSet, owned: FieldSet): unknown {
  if (last.size === 0) return merged;
  const before = withDeclaredParents(schema, last);
  const present = withDeclaredParents(schema, fieldsOf(schema, merged));
  const fieldsWithout = (remove: FieldSet): FieldSet =>
    withDeclaredParents(schema, fieldsOf(schema, removeFields(schema, merged, remove)));
  const others = fieldsWithout(before);
  const claimed = withDeclaredParents(schema, owned);
  const kept = fieldsWithout(difference(difference(present, others), claimed));
  const remove = new Set([...difference(present, kept)].filter((path) => before.has(path)));
  return removeFields(schema, merged, remove);
}
