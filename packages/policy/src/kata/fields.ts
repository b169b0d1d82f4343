import { MalformedError } from '@holdfast/base';

import { isPlainObject, isTextList } from './json-shape.ts';

/** A mapping of a manifest with its place in the document, so that every complaint can name the field. */
export interface Fields {
  readonly value: Readonly<Record<string, unknown>>;
  readonly where: string;
}

function wrong(where: string, name: string, expected: string): MalformedError {
  const place = where === '' ? name : `${where}.${name}`;
  return new MalformedError('KATA_MANIFEST_INVALID', `The field ${place} must be ${expected}.`, {
    details: { field: place },
  });
}

function member(fields: Fields, name: string): unknown {
  const value = Object.hasOwn(fields.value, name) ? fields.value[name] : undefined;
  // A key without a value is null in YAML and means "not set", as it does for the API server.
  return value ?? undefined;
}

/** Wraps a mapping that was found at a place of a document. */
export function fieldsOf(value: unknown, where: string): Fields {
  if (!isPlainObject(value)) throw wrong('', where === '' ? 'the document' : where, 'a mapping');
  return { value, where };
}

/** A text. Numbers and booleans are refused, as by the API server. */
export function optionalText(fields: Fields, name: string): string | undefined {
  const value = member(fields, name);
  if (value === undefined || typeof value === 'string') return value;
  throw wrong(fields.where, name, 'text in quotes');
}

export function requiredText(fields: Fields, name: string): string {
  const value = optionalText(fields, name);
  if (value === undefined) throw wrong(fields.where, name, 'present');
  return value;
}

export function optionalBoolean(fields: Fields, name: string): boolean | undefined {
  const value = member(fields, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrong(fields.where, name, 'true or false');
}

/** A user or group id: a whole number of 32 bits. */
export function optionalId(fields: Fields, name: string): number | undefined {
  const value = member(fields, name);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value;
  throw wrong(fields.where, name, 'a whole number from 0 to 4294967295');
}

export function optionalIds(fields: Fields, name: string): number[] {
  const value = member(fields, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrong(fields.where, name, 'a list of whole numbers');
  return value.map(
    (item: unknown, index) => optionalId({ value: { [index]: item }, where: fields.where }, `${index}`) ?? 0,
  );
}

export function optionalTexts(fields: Fields, name: string): string[] | undefined {
  const value = member(fields, name);
  if (value === undefined || isTextList(value)) return value;
  throw wrong(fields.where, name, 'a list of texts');
}

export function optionalTextMap(fields: Fields, name: string): Readonly<Record<string, string>> {
  const inner = optionalFields(fields, name);
  if (inner === undefined) return {};
  for (const key of Object.keys(inner.value)) {
    if (typeof inner.value[key] !== 'string') throw wrong(inner.where, key, 'text in quotes');
  }
  return inner.value as Readonly<Record<string, string>>;
}

export function optionalFields(fields: Fields, name: string): Fields | undefined {
  const value = member(fields, name);
  if (value === undefined) return undefined;
  return fieldsOf(value, fields.where === '' ? name : `${fields.where}.${name}`);
}

/** A list of mappings; a missing list is empty. */
export function optionalList(fields: Fields, name: string): Fields[] {
  const value = member(fields, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrong(fields.where, name, 'a list');
  const place = fields.where === '' ? name : `${fields.where}.${name}`;
  return value.map((item: unknown, index) => fieldsOf(item, `${place}[${index}]`));
}
