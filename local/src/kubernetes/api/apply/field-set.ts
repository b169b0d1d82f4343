import { isMap } from '../objects.ts';
import type { JsonMap } from '../objects.ts';
import { badRequest } from '../status.ts';

/**
 * A set of fields. Each path is its elements in the notation of FieldsV1 (`f:spec`, `k:{"name":"web"}`, `v:"a"`, `i:0`), joined by
 * NUL, which none of them holds unescaped.
 */
export type FieldSet = ReadonlySet<string>;

const SEPARATOR = '\u0000';

export function joinPath(parent: string, element: string): string {
  return parent === '' ? element : parent + SEPARATOR + element;
}

export function pathElements(path: string): readonly string[] {
  return path.split(SEPARATOR);
}

export function fieldElement(name: string): string {
  return `f:${name}`;
}

export function valueElement(value: unknown): string {
  return `v:${escaped(value)}`;
}

/** JSON with `<`, `>` and `&` escaped, as the API server writes it. */
function escaped(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Keys in alphabetical order, as FieldsV1 has them. */
export function keyElement(keys: readonly (readonly [string, unknown])[]): string {
  const sorted = [...keys].sort(([a], [b]) => (a < b ? -1 : 1));
  return `k:${escaped(Object.fromEntries(sorted))}`;
}

export function union(...sets: readonly FieldSet[]): FieldSet {
  const all = new Set<string>();
  for (const set of sets) for (const path of set) all.add(path);
  return all;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const both = new Set<string>();
  for (const path of a) if (b.has(path)) both.add(path);
  return both;
}

export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const left = new Set<string>();
  for (const path of a) if (!b.has(path)) left.add(path);
  return left;
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  return a.size === b.size && difference(a, b).size === 0;
}

/** Every path that leads to a member, the root among them. */
export function prefixesOf(set: FieldSet): FieldSet {
  const prefixes = new Set<string>(['']);
  for (const path of set) {
    let end = path.lastIndexOf(SEPARATOR);
    while (end > 0 && !prefixes.has(path.slice(0, end))) {
      prefixes.add(path.slice(0, end));
      end = path.lastIndexOf(SEPARATOR, end - 1);
    }
  }
  return prefixes;
}

/** Drops the named paths and everything below them. */
export function withoutPrefixes(set: FieldSet, prefixes: readonly string[]): FieldSet {
  const kept = new Set<string>();
  for (const path of set) {
    if (!prefixes.some((prefix) => path === prefix || path.startsWith(prefix + SEPARATOR))) kept.add(path);
  }
  return kept;
}

/** Order of paths: what ends at a level stands before what goes deeper, and names are in alphabetical order. */
export function membersFirst(a: string, b: string): number {
  const [left, right] = [pathElements(a), pathElements(b)];
  for (let depth = 0; depth < Math.max(left.length, right.length); depth += 1) {
    const ends = [left, right].map((path) => (path.length === depth + 1 ? 0 : 1)) as [number, number];
    if (ends[0] !== ends[1]) return ends[0] - ends[1];
    const [one = '', other = ''] = [left[depth], right[depth]];
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}

/** `.spec.template.spec.containers[name="web"].image`, as conflicts name fields. */
export function showPath(path: string): string {
  return pathElements(path)
    .map((element) => {
      const rest = element.slice(2);
      switch (element.slice(0, 2)) {
        case 'f:':
          return `.${rest}`;
        case 'v:':
          return `[=${rest}]`;
        case 'i:':
          return `[${rest}]`;
        default:
          return `[${Object.entries(JSON.parse(rest) as Record<string, unknown>)
            .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
            .join(',')}]`;
      }
    })
    .join('');
}

/** As `metadata.managedFields[].fieldsV1` holds it: a tree, `.` marking members that also have children. */
export function encodeFields(set: FieldSet): JsonMap {
  const root: Record<string, Record<string, unknown>> = {};
  const members = new Set(set);
  for (const path of [...set].sort()) {
    let node: Record<string, unknown> = root;
    let at = '';
    for (const element of pathElements(path)) {
      at = joinPath(at, element);
      const child = node[element];
      if (isMap(child)) {
        node = child;
        continue;
      }
      const made: Record<string, unknown> = {};
      node[element] = made;
      node = made;
    }
  }
  markMembers(root, '', members);
  return root;
}

function markMembers(node: Record<string, unknown>, at: string, members: ReadonlySet<string>): void {
  for (const [element, child] of Object.entries(node)) {
    if (!isMap(child)) continue;
    const path = joinPath(at, element);
    const isLeaf = Object.keys(child).length === 0;
    markMembers(child, path, members);
    if (!isLeaf && members.has(path)) child['.'] = {};
  }
}

/** Reads FieldsV1. Throws BadRequest when it is something else. */
export function decodeFields(fields: unknown): FieldSet {
  const set = new Set<string>();
  readNode(fields, '', set, 0);
  return set;
}

const MAX_DEPTH = 100;

function readNode(node: unknown, at: string, set: Set<string>, depth: number): void {
  if (!isMap(node) || depth > MAX_DEPTH) throw badRequest('metadata.managedFields: fieldsV1 is not a set of fields');
  for (const [element, child] of Object.entries(node)) {
    if (element === '.') {
      if (at !== '') set.add(at);
      continue;
    }
    if (!/^(?:f:|v:|k:\{|i:\d)/.test(element) || element.includes(SEPARATOR)) {
      throw badRequest(`metadata.managedFields: ${JSON.stringify(element)} is no element of a path`);
    }
    const path = joinPath(at, element);
    if (isMap(child) && Object.keys(child).length === 0) set.add(path);
    else readNode(child, path, set, depth + 1);
  }
}
