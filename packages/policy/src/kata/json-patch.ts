import { MalformedError } from '@holdfast/base';

import { isPlainObject } from './json-shape.ts';

interface Operation {
  readonly op: string;
  readonly path: readonly string[];
  readonly from: readonly string[] | undefined;
  readonly value: unknown;
  readonly hasValue: boolean;
}

/**
 * Applies a JSON Patch to a copy of a JSON value and returns the copy. All six operations.
 * @throws MalformedError KATA_PATCH_INVALID when the patch is not one, names a place that does not exist, or a test fails.
 * @see RFC 6902, and RFC 6901 for the pointers
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw invalid('A JSON Patch is a list of operations.', 0);
  let current: unknown = structuredClone(document);
  patch.forEach((item: unknown, index) => {
    current = applyOperation(current, readOperation(item, index), index);
  });
  return current;
}

function invalid(message: string, index: number): MalformedError {
  return new MalformedError('KATA_PATCH_INVALID', message, { details: { operation: index } });
}

function readOperation(item: unknown, index: number): Operation {
  if (!isPlainObject(item) || typeof item['op'] !== 'string') throw invalid('An operation needs a member "op".', index);
  return {
    op: item['op'],
    path: readPointer(item['path'], index),
    from: item['from'] === undefined ? undefined : readPointer(item['from'], index),
    value: structuredClone(item['value']),
    hasValue: Object.hasOwn(item, 'value'),
  };
}

function readPointer(pointer: unknown, index: number): string[] {
  if (pointer === '') return [];
  if (typeof pointer !== 'string' || !pointer.startsWith('/')) throw invalid('A JSON Pointer starts with "/".', index);
  return pointer
    .slice(1)
    .split('/')
    .map((part) => {
      if (/~(?![01])/u.test(part)) throw invalid('A "~" in a JSON Pointer is written "~0" or "~1".', index);
      return part.replaceAll('~1', '/').replaceAll('~0', '~');
    });
}

function applyOperation(document: unknown, operation: Operation, index: number): unknown {
  const { op, path, from, value } = operation;
  if (['add', 'replace', 'test'].includes(op) && !operation.hasValue) throw invalid(`"${op}" needs a "value".`, index);
  switch (op) {
    case 'add':
      return add(document, path, value, index);
    case 'remove':
      return remove(document, path, index);
    case 'replace':
      read(document, path, index);
      return path.length === 0 ? value : add(remove(document, path, index), path, value, index);
    case 'test':
      if (!sameJson(read(document, path, index), value)) throw invalid('A "test" of the patch does not hold.', index);
      return document;
    case 'copy':
    case 'move': {
      if (from === undefined) throw invalid(`"${op}" needs a "from".`, index);
      if (op === 'move' && path.length > from.length && from.every((part, at) => part === path[at])) {
        throw invalid('A value cannot be moved into itself.', index);
      }
      const moved: unknown = structuredClone(read(document, from, index));
      return add(op === 'move' ? remove(document, from, index) : document, path, moved, index);
    }
    default:
      throw invalid('The operation is none of add, remove, replace, move, copy, test.', index);
  }
}

function child(node: unknown, part: string, index: number): unknown {
  if (Array.isArray(node)) {
    const items: readonly unknown[] = node;
    return items[position(part, items.length - 1, index)];
  }
  if (isPlainObject(node) && Object.hasOwn(node, part)) return node[part];
  throw invalid(`The patch names "${part}", which is not there.`, index);
}

function position(part: string, last: number, index: number): number {
  const at = /^(?:0|[1-9][0-9]{0,8})$/u.test(part) ? Number(part) : Number.NaN;
  if (!(at <= last)) throw invalid(`"${part}" is not a position in the list.`, index);
  return at;
}

function read(document: unknown, path: readonly string[], index: number): unknown {
  return path.reduce<unknown>((node, part) => child(node, part, index), document);
}

function add(document: unknown, path: readonly string[], value: unknown, index: number): unknown {
  const key = path.at(-1);
  if (key === undefined) return value;
  const parent = read(document, path.slice(0, -1), index);
  if (Array.isArray(parent)) {
    parent.splice(key === '-' ? parent.length : position(key, parent.length, index), 0, value);
  } else if (isPlainObject(parent)) {
    // defineProperty: a key `__proto__` is data here, as any other.
    Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    throw invalid('The patch adds to a value that is neither a list nor an object.', index);
  }
  return document;
}

function remove(document: unknown, path: readonly string[], index: number): unknown {
  const key = path.at(-1);
  if (key === undefined) throw invalid('The whole document cannot be removed.', index);
  const parent = read(document, path.slice(0, -1), index);
  child(parent, key, index);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (isPlainObject(parent)) delete parent[key];
  return document;
}

/** Whether two JSON values are equal: members in any order, list items in theirs. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    const others: readonly unknown[] = b;
    return a.every((item, at) => sameJson(item, others[at]));
  }
  if (isPlainObject(a) && isPlainObject(b)) {
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
  }
  return a === b;
}
