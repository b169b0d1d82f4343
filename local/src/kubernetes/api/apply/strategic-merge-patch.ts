import { cloneJson, equalJson, isMap } from '../objects.ts';
import { ANY, memberSchema } from '../scheme/schema.ts';
import type { ListSchema, Schema } from '../scheme/schema.ts';
import { badRequest } from '../status.ts';

const DIRECTIVE = '$patch';
const DELETE_FROM = '$deleteFromPrimitiveList/';
const SET_ORDER = '$setElementOrder/';
const RETAIN_KEYS = '$retainKeys';

/**
 * Applies a strategic merge patch to a copy of the object: lists with a merge key are merged item by item, `$patch: delete` and
 * `$patch: replace`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…` and `$retainKeys` do what they say.
 * @throws StatusError BadRequest for a directive or an item that cannot be understood
 * @see Kubernetes community documentation, Strategic Merge Patch
 */
export function applyStrategicMergePatch(schema: Schema, document: unknown, patch: unknown): unknown {
  if (!isMap(patch)) throw badRequest('a strategic merge patch is an object');
  return mergeMap(schema, isMap(document) ? document : {}, patch) ?? {};
}

/** Undefined when the patch deletes it. */
function mergeMap(
  schema: Schema,
  original: Record<string, unknown>,
  patch: Record<string, unknown>,
): Record<string, unknown> | undefined {
  const directive = patch[DIRECTIVE];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return undefined;
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`unknown $patch type ${JSON.stringify(directive)}`);
  const merged = retained(cloneJson(original), patch[RETAIN_KEYS]);
  const orders: (readonly [string, unknown])[] = [];
  for (const [name, value] of Object.entries(patch)) {
    if (name === DIRECTIVE || name === RETAIN_KEYS) continue;
    if (name.startsWith(SET_ORDER)) orders.push([name.slice(SET_ORDER.length), value]);
    else if (name.startsWith(DELETE_FROM)) deleteValues(merged, name.slice(DELETE_FROM.length), value);
    else setMember(merged, name, mergeMember(memberSchema(schema, name) ?? ANY, merged[name], value));
  }
  for (const [name, order] of orders) {
    const list = merged[name];
    if (Array.isArray(list) && Array.isArray(order)) {
      const before = original[name];
      merged[name] = inOrder(memberSchema(schema, name) ?? ANY, list, order, Array.isArray(before) ? before : []);
    }
  }
  return merged;
}

function setMember(target: Record<string, unknown>, name: string, value: unknown): void {
  if (value === undefined) delete target[name];
  else Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}

function mergeMember(schema: Schema, original: unknown, patch: unknown): unknown {
  if (patch === null) return undefined;
  if (isMap(patch)) return mergeMap(schema, isMap(original) ? original : {}, patch);
  if (Array.isArray(patch)) {
    if (schema.kind === 'list' && schema.merge !== 'atomic') {
      return mergeList(schema, Array.isArray(original) ? original : [], patch);
    }
    return patch.filter((item) => !isReplaceMark(item)).map((item: unknown) => withoutDirectivesIn(item));
  }
  return patch;
}

function isReplaceMark(item: unknown): boolean {
  return isMap(item) && item[DIRECTIVE] === 'replace' && Object.keys(item).length === 1;
}

function mergeList(schema: ListSchema, original: readonly unknown[], patch: readonly unknown[]): unknown[] {
  if (schema.merge === 'set') {
    const all = [...original, ...patch.filter((item) => !original.some((one) => equalJson(one, item)))];
    return [...inOrder(schema, all, patch, original)];
  }
  if (patch.some(isReplaceMark))
    return patch.filter((item) => !isReplaceMark(item)).map((item) => withoutDirectivesIn(item));
  // Strategic merge knows one key only, the first: ports of a container merge by number, whatever their protocol.
  const key = schema.keys[0] ?? 'name';
  let merged = [...original];
  for (const item of patch) {
    if (!isMap(item)) throw badRequest(`an item of a list merged by ${key} is not an object`);
    if (item[key] === undefined) throw badRequest(`map: does not contain declared merge key: ${key}`);
    const at = merged.findIndex((one) => isMap(one) && equalJson(one[key], item[key]));
    if (item[DIRECTIVE] === 'delete') {
      merged = merged.filter((one) => !(isMap(one) && equalJson(one[key], item[key])));
      continue;
    }
    const existing = merged[at];
    const result = mergeMap(schema.items, isMap(existing) ? existing : {}, item);
    if (at < 0) merged.push(result);
    else merged[at] = result;
  }
  return [...inOrder(schema, merged, patch, original)];
}

function deleteValues(target: Record<string, unknown>, name: string, values: unknown): void {
  const list = target[name];
  if (!Array.isArray(list) || !Array.isArray(values)) return;
  target[name] = list.filter((item) => !values.some((value) => equalJson(value, item)));
}

/** Named items in the wished order, before the others unless these stood before them. */
function inOrder(
  schema: Schema,
  list: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
): readonly unknown[] {
  const key = schema.kind === 'list' ? schema.keys[0] : undefined;
  const same = (item: unknown, wish: unknown): boolean =>
    key !== undefined && isMap(item) && isMap(wish) ? equalJson(item[key], wish[key]) : equalJson(item, wish);
  const placeOf = (item: unknown): number => before.findIndex((one) => same(one, item));
  const wished = order.flatMap((wish) => list.filter((item) => same(item, wish)).slice(0, 1));
  const others = list.filter((item) => !wished.includes(item));
  const result: unknown[] = [];
  for (const next of wished) {
    const place = placeOf(next);
    const follows = others.findIndex((other) => placeOf(other) < 0 || placeOf(other) >= place);
    result.push(...others.splice(0, follows < 0 ? others.length : follows), next);
  }
  return [...result, ...others];
}

function retained(original: Record<string, unknown>, keys: unknown): Record<string, unknown> {
  if (keys === undefined) return original;
  if (!Array.isArray(keys)) throw badRequest('$retainKeys is a list of names');
  return Object.fromEntries(Object.entries(original).filter(([name]) => keys.includes(name)));
}

function withoutDirectivesIn(value: unknown): unknown {
  return isMap(value) ? withoutDirectives(value) : cloneJson(value);
}

/** What a patch means where there is nothing to merge with. */
function withoutDirectives(patch: Record<string, unknown>): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(patch)) {
    if (name === DIRECTIVE || name === RETAIN_KEYS || name.startsWith(SET_ORDER) || name.startsWith(DELETE_FROM))
      continue;
    if (value === null) continue;
    plain[name] = Array.isArray(value) ? value.map(withoutDirectivesIn) : withoutDirectivesIn(value);
  }
  return plain;
}
