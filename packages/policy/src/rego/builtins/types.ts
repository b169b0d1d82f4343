import { normalizeInteger, normalizeNumber } from '../json.ts';
import { isNumber, RegoArray, RegoObject, RegoSet } from '../value.ts';
import type { RegoValue } from '../value.ts';
import { any, unary } from './builtin.ts';
import type { Builtin, BuiltinTable } from './builtin.ts';

function typeName(value: RegoValue): string {
  if (value === null) return 'null';
  if (isNumber(value)) return 'number';
  if (value instanceof RegoArray) return 'array';
  if (value instanceof RegoObject) return 'object';
  return value instanceof RegoSet ? 'set' : typeof value;
}

function isType(name: string): Builtin {
  return unary(any, (value) => typeName(value) === name);
}

const jsonNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

function toNumber(value: RegoValue): RegoValue | undefined {
  if (value === null || value === false) return 0;
  if (value === true) return 1;
  if (isNumber(value)) return value;
  if (typeof value !== 'string' || value.length > 1000 || !jsonNumber.test(value)) return undefined;
  if (/^-?[0-9]+$/.test(value)) return normalizeInteger(BigInt(value));
  const number = Number(value);
  return Number.isFinite(number) ? normalizeNumber(number) : undefined;
}

export const typeBuiltins: BuiltinTable = {
  type_name: unary(any, typeName),
  is_null: isType('null'),
  is_boolean: isType('boolean'),
  is_number: isType('number'),
  is_string: isType('string'),
  is_array: isType('array'),
  is_object: isType('object'),
  is_set: isType('set'),
  to_number: unary(any, toNumber),
  // Output for people who debug a policy; a decision does not depend on it.
  print: { arity: undefined, call: () => true },
  trace: unary(any, () => true),
};
