import { isMap } from '../objects.ts';
import { memberSchema } from '../scheme/schema.ts';
import type { ListSchema, ScalarType, Schema } from '../scheme/schema.ts';
import { StatusError } from '../status.ts';
import { fieldElement, joinPath, showPath } from './field-set.ts';
import { itemElement } from './typed-value.ts';

const MAX_FAULTS = 10;

/**
 * An applier may only name fields that the schema knows, with values of their type, and each item of a merged list once. Null may
 * stand anywhere.
 * @throws StatusError 500 without a reason, as the API server answers
 */
export function assertTypedPatch(schema: Schema, config: unknown, describe: string): void {
  const faults: string[] = [];
  check(schema, config, '', faults);
  if (faults.length === 0) return;
  const list = faults.length === 1 ? faults[0] : `errors:\n${faults.map((fault) => `  ${fault}`).join('\n')}`;
  throw new StatusError('', `failed to create typed patch object (${describe}): ${list}`);
}

function check(schema: Schema, value: unknown, path: string, faults: string[]): void {
  if (value === null || value === undefined || schema.kind === 'any' || faults.length >= MAX_FAULTS) return;
  const fault = (text: string): void => void faults.push(`${showPath(path)}: ${text}`);
  switch (schema.kind) {
    case 'scalar': {
      const wanted = scalarFault(schema.type, value);
      if (wanted !== undefined) fault(wanted);
      return;
    }
    case 'list':
      if (Array.isArray(value)) checkItems(schema, value, path, faults);
      else fault(`expected list, got &{${showValue(value)}}`);
      return;
    case 'map':
      if (isMap(value)) checkMembers(schema, value, path, faults);
      else fault(`expected map, got &{${showValue(value)}}`);
  }
}

function checkMembers(schema: Schema, value: Record<string, unknown>, path: string, faults: string[]): void {
  for (const [name, member] of Object.entries(value)) {
    const at = joinPath(path, fieldElement(name));
    const known = memberSchema(schema, name);
    if (known === undefined) faults.push(`${showPath(at)}: field not declared in schema`);
    else check(known, member, at, faults);
  }
}

function checkItems(schema: ListSchema, list: readonly unknown[], path: string, faults: string[]): void {
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    if (schema.merge === 'atomic') {
      check(schema.items, item, joinPath(path, `i:${index}`), faults);
      continue;
    }
    const element = itemElement(schema, item);
    if (element === undefined) {
      const keys = schema.keys.map((key) => JSON.stringify(key)).join(' ');
      faults.push(
        `${showPath(path)}: element ${index}: associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`,
      );
      continue;
    }
    if (seen.has(element)) faults.push(`${showPath(path)}: duplicate entries for key ${showPath(element)}`);
    seen.add(element);
    check(schema.items, item, joinPath(path, element), faults);
  }
}

function scalarFault(type: ScalarType, value: unknown): string | undefined {
  const got = `got &{${showValue(value)}}`;
  switch (type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, ${got}`;
    case 'integer':
    case 'number':
      return typeof value === 'number' ? undefined : `expected numeric (int or float), ${got}`;
    case 'intOrString':
      return typeof value === 'object' ? `expected scalar, ${got}` : undefined;
    default:
      return typeof value === 'string' ? undefined : `expected string, ${got}`;
  }
}

function showValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
