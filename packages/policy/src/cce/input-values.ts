import { MalformedError } from '@holdfast/base';

import { asList, asObject, type JsonObject } from '../manifests/json-value.ts';

/** A refusal of a generator's input. */
export function invalidInput(problem: string): MalformedError {
  return new MalformedError('CCE_INPUT_INVALID', problem);
}

/** A member that must be text when it is there; null counts as missing. */
export function optionalText(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw invalidInput(`${where} is not text: put it in quotes`);
}

/** A member that must be text and not empty. */
export function requiredText(value: unknown, where: string): string {
  const text = optionalText(value, where);
  if (text === undefined || text === '') throw invalidInput(`${where} is missing`);
  return text;
}

/** A member that must be a list of texts when it is there; null counts as missing. */
export function textList(value: unknown, where: string): readonly string[] {
  return listOf(value, where).map((item, index) => {
    if (typeof item === 'string') return item;
    throw invalidInput(`entry ${index} of ${where} is not text: put it in quotes`);
  });
}

/** A member that must be a list when it is there; null counts as an empty one. */
export function listOf(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  const list = asList(value);
  if (list === undefined) throw invalidInput(`${where} is not a list`);
  return list;
}

/** A member that must be a list of mappings when it is there. */
export function objectList(value: unknown, where: string): readonly JsonObject[] {
  return listOf(value, where).map((item, index) => {
    const object = asObject(item);
    if (object === undefined) throw invalidInput(`entry ${index} of ${where} is not a mapping`);
    return object;
  });
}

/** A member that must be a mapping when it is there; null counts as an empty one. */
export function objectOf(value: unknown, where: string): JsonObject {
  if (value === undefined || value === null) return {};
  const object = asObject(value);
  if (object === undefined) throw invalidInput(`${where} is not a mapping`);
  return object;
}

/** A truth value, also written as text in any letter case as ARM templates do. */
export function booleanOf(value: unknown, fallback: boolean, where: string): boolean {
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return value.toLowerCase() === 'true';
  throw invalidInput(`${where} is neither true nor false`);
}
