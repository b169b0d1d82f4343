import { ArmFault } from './arm-fault.ts';
import { isObject } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';

/**
 * Which members a body may have. `any`: whatever stands there. `read`: the service's own, accepted because clients send back
 * what they read, and left out of what is written. A shape of a list is that of its entries.
 */
export type Shape = 'any' | 'read' | { readonly [member: string]: Shape };

/** Members that every resource has. */
export const commonShape = {
  id: 'read',
  name: 'read',
  type: 'read',
  etag: 'read',
  systemData: 'read',
  location: 'any',
  tags: 'any',
} as const satisfies Shape;

/** Members of an entry of a list that is a resource of its own: here its name is written. */
export const entryShape = { ...commonShape, name: 'any' } as const satisfies Shape;

/** A shape of several members with free values. */
export function anyOf(...names: readonly string[]): Record<string, Shape> {
  return Object.fromEntries(names.map((name) => [name, 'any']));
}

/** A shape of several members that only the service writes. */
export function readOnly(...names: readonly string[]): Record<string, Shape> {
  return Object.fromEntries(names.map((name) => [name, 'read']));
}

/**
 * The part of a body that its sender may write. Unknown members are refused for every type, although some services ignore
 * them: whatever makes bodies should not drift unnoticed.
 */
export function writable(body: JsonObject, shape: Shape): JsonObject {
  return strip(body, shape, '') as JsonObject;
}

function strip(value: JsonValue, shape: Shape, path: string): JsonValue {
  if (shape === 'any' || shape === 'read') return value;
  if (Array.isArray(value)) return value.map((entry, index) => strip(entry, shape, `${path}[${index}]`));
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (inner === undefined) {
      const text = `Could not find member '${name}' on the object at '${path === '' ? 'body' : path}'.`;
      throw new ArmFault(400, 'InvalidRequestContent', text, { target: at });
    }
    if (inner !== 'read') result[name] = strip(member, inner, at);
  }
  return result;
}
