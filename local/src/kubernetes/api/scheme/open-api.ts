import { cloneJson, equalJson, isMap } from '../objects.ts';
import { fieldFault } from '../status.ts';
import type { StatusCause } from '../status.ts';

type Node = Readonly<Record<string, unknown>>;

const MAX_PATTERN = 1000;

/** Fills in the defaults of a structural schema, where the object that would hold them is there. Changes the value. */
export function applyOpenApiDefaults(schema: unknown, value: unknown): void {
  if (!isMap(schema)) return;
  if (Array.isArray(value)) {
    for (const item of value) applyOpenApiDefaults(schema['items'], item);
    return;
  }
  if (!isMap(value)) return;
  for (const [name, child] of properties(schema)) {
    const isMissing = value[name] === undefined || (value[name] === null && child['nullable'] !== true);
    if (isMissing && child['default'] !== undefined) value[name] = cloneJson(child['default']);
    applyOpenApiDefaults(child, value[name]);
  }
  const additional = schema['additionalProperties'];
  const declared = isMap(schema['properties']) ? schema['properties'] : {};
  if (!isMap(additional)) return;
  for (const [name, member] of Object.entries(value))
    if (declared[name] === undefined) applyOpenApiDefaults(additional, member);
}

const ROOT_MEMBERS = new Set(['apiVersion', 'kind', 'metadata']);

/** Takes members away that a structural schema does not know. Changes the value. */
export function pruneUnknown(schema: unknown, value: unknown, isRoot = true): void {
  if (!isMap(schema)) return;
  if (Array.isArray(value)) {
    for (const item of value) pruneUnknown(schema['items'], item, false);
    return;
  }
  if (!isMap(value)) return;
  const declared = isMap(schema['properties']) ? schema['properties'] : {};
  const additional = schema['additionalProperties'];
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true || additional === true || isMap(additional);
  const isEmbedded = isRoot || schema['x-kubernetes-embedded-resource'] === true;
  for (const [name, member] of Object.entries(value)) {
    if (isEmbedded && ROOT_MEMBERS.has(name)) continue;
    if (Object.hasOwn(declared, name)) pruneUnknown(declared[name], member, false);
    else if (isMap(additional)) pruneUnknown(additional, member, false);
    else if (!isOpen && schema['type'] === 'object') delete value[name];
  }
}

function properties(schema: Node): readonly (readonly [string, Node])[] {
  const declared = schema['properties'];
  return isMap(declared)
    ? Object.entries(declared).filter((entry): entry is [string, Record<string, unknown>] => isMap(entry[1]))
    : [];
}

/** Where a value does not fit a structural schema. @see JSON Schema validation, the keywords that structural schemas have */
export function openApiCauses(schema: unknown, value: unknown, field: string): readonly StatusCause[] {
  if (!isMap(schema) || value === undefined) return [];
  if (value === null) {
    return schema['nullable'] === true || schema['type'] === undefined
      ? []
      : [
          fieldFault.wrongType(
            field,
            null,
            `${field} in body must be of type ${JSON.stringify(schema['type'])}: "null"`,
          ),
        ];
  }
  if (schema['x-kubernetes-int-or-string'] === true) {
    return typeof value === 'string' || Number.isInteger(value)
      ? []
      : [fieldFault.wrongType(field, value, `${field} in body must be of type integer or string`)];
  }
  if (!hasType(schema['type'], value)) {
    const type = String(schema['type']);
    return [
      fieldFault.wrongType(field, shortOf(value), `${field} in body must be of type ${type}: "${typeOf(value)}"`),
    ];
  }
  const choices = schema['enum'];
  if (Array.isArray(choices) && !choices.some((choice) => equalJson(choice, value))) {
    return [fieldFault.notSupported(field, value, choices.map(String))];
  }
  if (typeof value === 'string') return textCauses(schema, value, field);
  if (typeof value === 'number') return numberCauses(schema, value, field);
  if (Array.isArray(value)) return listCauses(schema, value, field);
  return isMap(value) ? mapCauses(schema, value, field) : [];
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function shortOf(value: unknown): unknown {
  return typeof value === 'object' ? typeOf(value) : value;
}

function hasType(type: unknown, value: unknown): boolean {
  if (type === undefined || type === '') return true;
  return typeOf(value) === type || (type === 'number' && typeof value === 'number');
}

function textCauses(schema: Node, value: string, field: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const { pattern, minLength, maxLength } = schema as { pattern?: unknown; minLength?: unknown; maxLength?: unknown };
  if (typeof pattern === 'string' && pattern.length <= MAX_PATTERN && !matches(pattern, value)) {
    causes.push(fieldFault.invalid(field, value, `${field} in body should match '${pattern}'`));
  }
  if (typeof minLength === 'number' && Array.from(value).length < minLength) {
    causes.push(fieldFault.invalid(field, value, `${field} in body should be at least ${minLength} chars long`));
  }
  if (typeof maxLength === 'number' && Array.from(value).length > maxLength) {
    causes.push({ reason: 'FieldValueTooLong', message: `Too long: may not be more than ${maxLength} bytes`, field });
  }
  return causes;
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true; // an expression that only Go understands: not checked here
  }
}

function numberCauses(schema: Node, value: number, field: string): readonly StatusCause[] {
  const { minimum, maximum } = schema as { minimum?: unknown; maximum?: unknown };
  if (typeof minimum === 'number' && (schema['exclusiveMinimum'] === true ? value <= minimum : value < minimum)) {
    return [fieldFault.invalid(field, value, `${field} in body should be greater than or equal to ${minimum}`)];
  }
  if (typeof maximum === 'number' && (schema['exclusiveMaximum'] === true ? value >= maximum : value > maximum)) {
    return [fieldFault.invalid(field, value, `${field} in body should be less than or equal to ${maximum}`)];
  }
  return [];
}

function listCauses(schema: Node, value: readonly unknown[], field: string): readonly StatusCause[] {
  const causes = value.flatMap((item, index) => openApiCauses(schema['items'], item, `${field}[${index}]`));
  causes.push(...duplicateCauses(schema, value, field));
  const { minItems, maxItems } = schema as { minItems?: unknown; maxItems?: unknown };
  if (typeof minItems === 'number' && value.length < minItems) {
    causes.push(fieldFault.invalid(field, value.length, `${field} in body should have at least ${minItems} items`));
  }
  if (typeof maxItems === 'number' && value.length > maxItems) {
    causes.push({
      reason: 'FieldValueTooMany',
      message: `Too many: ${value.length}: must have at most ${maxItems} items`,
      field,
    });
  }
  return causes;
}

/** Items of sets, and of lists with keys, are there once. */
function duplicateCauses(schema: Node, value: readonly unknown[], field: string): readonly StatusCause[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const names = Array.isArray(schema['x-kubernetes-list-map-keys']) ? schema['x-kubernetes-list-map-keys'] : [];
  const keyOf = (item: unknown): unknown =>
    type === 'map' && isMap(item) ? Object.fromEntries(names.map((name) => [name, item[String(name)]])) : item;
  const seen = new Set<string>();
  return value.flatMap((item, index) => {
    const key = JSON.stringify(keyOf(item));
    if (seen.has(key)) return [fieldFault.duplicate(`${field}[${index}]`, keyOf(item))];
    seen.add(key);
    return [];
  });
}

function mapCauses(schema: Node, value: Record<string, unknown>, field: string): readonly StatusCause[] {
  const at = (name: string): string => (field === '' ? name : `${field}.${name}`);
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const causes = required
    .filter((name): name is string => typeof name === 'string' && !ROOT_MEMBERS.has(name) && value[name] === undefined)
    .map((name) => fieldFault.required(at(name)));
  const declared = properties(schema).flatMap(([name, child]) =>
    field === '' && ROOT_MEMBERS.has(name) ? [] : openApiCauses(child, value[name], at(name)),
  );
  const additional = schema['additionalProperties'];
  const known = isMap(schema['properties']) ? schema['properties'] : {};
  const others = isMap(additional)
    ? Object.entries(value).flatMap(([name, member]) =>
        known[name] === undefined ? openApiCauses(additional, member, at(name)) : [],
      )
    : [];
  return [...causes, ...declared, ...others];
}
