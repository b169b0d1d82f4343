import { cloneJson, equalJson, isMap } from '../objects.ts';
import { StatusError } from '../status.ts';

const MAX_OPERATIONS = 10_000;

/**
 * Applies a JSON patch to a copy of the document.
 * @throws StatusError BadRequest for a patch that is none; Invalid when an operation does not fit the document
 * @see RFC 6902, RFC 6901
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new StatusError('BadRequest', 'a JSON patch is a list of operations');
  if (patch.length > MAX_OPERATIONS) {
    throw new StatusError('RequestEntityTooLarge', `a JSON patch has at most ${MAX_OPERATIONS} operations`);
  }
  return patch.reduce<unknown>((value, operation) => applyOperation(value, operation), cloneJson(document));
}

function applyOperation(document: unknown, operation: unknown): unknown {
  if (!isMap(operation) || typeof operation['path'] !== 'string') throw refused('an operation has `op` and `path`');
  const { op, path } = operation as { readonly op: unknown; readonly path: string };
  switch (op) {
    case 'add':
      return add(document, path, newValue(operation));
    case 'remove':
      return remove(document, path);
    case 'replace':
      read(document, path);
      return path === '' ? newValue(operation) : add(remove(document, path), path, newValue(operation));
    case 'copy':
      return add(document, path, cloneJson(read(document, from(operation))));
    case 'move': {
      const source = from(operation);
      if (path.startsWith(`${source}/`)) throw refused(`${source} cannot be moved into itself`);
      const value = read(document, source);
      return add(remove(document, source), path, value);
    }
    case 'test':
      if (!equalJson(read(document, path), operation['value'])) throw refused(`testing path ${path} failed`);
      return document;
    default:
      throw refused(`unknown operation ${JSON.stringify(op)}`);
  }
}

function newValue(operation: Record<string, unknown>): unknown {
  if (!Object.hasOwn(operation, 'value')) throw refused(`operation ${String(operation['op'])} needs a value`);
  return cloneJson(operation['value']);
}

function from(operation: Record<string, unknown>): string {
  const source = operation['from'];
  if (typeof source !== 'string') throw refused('an operation of this kind has `from`');
  return source;
}

function tokens(pointer: string): readonly string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw refused(`${JSON.stringify(pointer)} is not a JSON pointer`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: unknown, pointer: string): unknown {
  let value = document;
  for (const token of tokens(pointer)) {
    if (Array.isArray(value)) value = value[indexOf(token, value.length - 1, pointer)];
    else if (isMap(value) && Object.hasOwn(value, token)) value = value[token];
    else throw missing(pointer);
  }
  return value;
}

function parentOf(document: unknown, pointer: string): { readonly parent: unknown; readonly last: string } {
  const all = tokens(pointer);
  const last = all.at(-1) ?? '';
  const parent = read(document, pointer.slice(0, pointer.lastIndexOf('/')));
  return { parent, last };
}

function add(document: unknown, pointer: string, value: unknown): unknown {
  if (pointer === '') return value;
  const { parent, last } = parentOf(document, pointer);
  if (Array.isArray(parent)) {
    parent.splice(last === '-' ? parent.length : indexOf(last, parent.length, pointer), 0, value);
  } else if (isMap(parent)) {
    Object.defineProperty(parent, last, { value, enumerable: true, writable: true, configurable: true });
  } else throw missing(pointer);
  return document;
}

function remove(document: unknown, pointer: string): unknown {
  if (pointer === '') return null;
  const { parent, last } = parentOf(document, pointer);
  if (Array.isArray(parent)) parent.splice(indexOf(last, parent.length - 1, pointer), 1);
  else if (isMap(parent) && Object.hasOwn(parent, last)) delete parent[last];
  else throw missing(pointer);
  return document;
}

function indexOf(token: string, largest: number, pointer: string): number {
  const index = /^(?:0|[1-9]\d{0,9})$/.test(token) ? Number(token) : -1;
  if (index < 0 || index > largest) throw missing(pointer);
  return index;
}

function missing(pointer: string): StatusError {
  return refused(`the server rejected our request due to an error in our request: ${pointer} does not exist`);
}

function refused(message: string): StatusError {
  return new StatusError('Invalid', message);
}
