import { isMap } from '../objects.ts';
import { memberSchema } from './schema.ts';
import type { ScalarType, Schema } from './schema.ts';

const GO_TYPES: Readonly<Record<ScalarType, string>> = {
  string: 'string',
  boolean: 'bool',
  integer: 'int32',
  number: 'float64',
  time: 'Time',
  bytes: '[]uint8',
  intOrString: 'intstr.IntOrString',
};

/** The first member whose JSON type is not the declared one, in the words of the API server; undefined when all are right. */
export function typeFault(schema: Schema, value: unknown, path = ''): string | undefined {
  if (value === null || value === undefined || schema.kind === 'any') return undefined;
  if (schema.kind === 'scalar')
    return scalarFits(schema.type, value) ? undefined : fault(value, path, GO_TYPES[schema.type]);
  if (schema.kind === 'list') {
    if (!Array.isArray(value)) return fault(value, path, 'slice');
    return firstFault(value.map((item): readonly [Schema, unknown, string] => [schema.items, item, path]));
  }
  if (!isMap(value)) return fault(value, path, schema.typeName === undefined ? 'map' : `v1.${schema.typeName}`);
  return firstFault(
    Object.entries(value).map(([name, member]) => [
      memberSchema(schema, name) ?? { kind: 'any' },
      member,
      path === '' ? name : `${path}.${name}`,
    ]),
  );
}

function firstFault(members: readonly (readonly [Schema, unknown, string])[]): string | undefined {
  for (const [schema, value, path] of members) {
    const found = typeFault(schema, value, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

function scalarFits(type: ScalarType, value: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'intOrString':
      return typeof value === 'string' || Number.isInteger(value);
    default:
      return typeof value === 'string';
  }
}

function fault(value: unknown, path: string, type: string): string {
  const found = Array.isArray(value)
    ? 'array'
    : isMap(value)
      ? 'object'
      : typeof value === 'boolean'
        ? 'bool'
        : typeof value;
  return `json: cannot unmarshal ${found} into Go struct field ${path} of type ${type}`;
}
