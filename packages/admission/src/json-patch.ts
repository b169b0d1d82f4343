import { isObject } from './json.ts';
import type { Json } from './json.ts';

/** One step of a JSON Patch (RFC 6902): all that a difference of two values needs. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string };

/**
 * The JSON Patch that turns one value into another; empty when they are equal. Members are compared one by one and in order
 * of the result. Lists are compared entry by entry when the result only puts entries around those that were there, and
 * replaced as a whole otherwise.
 */
export function jsonPatch(from: Json, to: Json): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  compare(from, to, '', operations);
  return operations;
}

function compare(from: Json, to: Json, path: string, operations: PatchOperation[]): void {
  if (isObject(from) && isObject(to)) {
    compareMembers(from, to, path, operations);
    return;
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    compareLists(from as readonly Json[], to as readonly Json[], path, operations);
    return;
  }
  if (!same(from, to)) operations.push({ op: 'replace', path, value: to });
}

function compareMembers(
  from: Readonly<Record<string, Json>>,
  to: Readonly<Record<string, Json>>,
  path: string,
  operations: PatchOperation[],
): void {
  for (const name of Object.keys(from)) {
    if (!Object.hasOwn(to, name)) operations.push({ op: 'remove', path: child(path, name) });
  }
  for (const [name, value] of Object.entries(to)) {
    const at = child(path, name);
    const before = from[name];
    if (!Object.hasOwn(from, name) || before === undefined) operations.push({ op: 'add', path: at, value });
    else compare(before, value, at, operations);
  }
}

function compareLists(from: readonly Json[], to: readonly Json[], path: string, operations: PatchOperation[]): void {
  const offset = from.length === 0 ? 0 : offsetOf(from, to);
  if (offset === undefined) {
    operations.push({ op: 'replace', path, value: to });
    return;
  }
  // Entries put in front shift all that follow, so they come first.
  for (let index = 0; index < offset; index += 1) {
    operations.push({ op: 'add', path: child(path, String(index)), value: to[index] ?? null });
  }
  for (const [index, entry] of from.entries()) {
    compare(entry, to[index + offset] ?? null, child(path, String(index + offset)), operations);
  }
  for (const value of to.slice(offset + from.length)) operations.push({ op: 'add', path: child(path, '-'), value });
}

/** How many entries the result puts in front of those that were there; undefined when they are not all there in order. */
function offsetOf(from: readonly Json[], to: readonly Json[]): number | undefined {
  for (let offset = 0; offset + from.length <= to.length; offset += 1) {
    if (from.every((entry, index) => isSameEntry(entry, to[index + offset]))) return offset;
  }
  return undefined;
}

/** Entries of Kubernetes lists are told apart by name; others must be equal. */
function isSameEntry(from: Json, to: Json | undefined): boolean {
  if (isObject(from) && isObject(to) && typeof from['name'] === 'string') return from['name'] === to['name'];
  return to !== undefined && same(from, to);
}

function same(from: Json, to: Json): boolean {
  if (isObject(from) && isObject(to)) {
    const names = Object.keys(from);
    if (names.length !== Object.keys(to).length) return false;
    return names.every((name) => Object.hasOwn(to, name) && same(from[name] ?? null, to[name] ?? null));
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    const others = to as readonly Json[];
    return from.length === others.length && from.every((entry: Json, index) => same(entry, others[index] ?? null));
  }
  return from === to;
}

function child(path: string, name: string): string {
  return `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
