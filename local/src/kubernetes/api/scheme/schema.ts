import { isMap } from '../objects.ts';
import { BUILT_IN_TYPES } from './built-in-types.ts';
import { QUANTITY_MAPS } from './quantities.ts';

export type ScalarType = 'string' | 'boolean' | 'integer' | 'number' | 'time' | 'bytes' | 'intOrString';

/** What server-side apply, strategic merge and validation must know of a value. */
export type Schema =
  | { readonly kind: 'scalar'; readonly type: ScalarType }
  /** Anything: objects merge member by member, lists are replaced as a whole. */
  | { readonly kind: 'any' }
  | {
      readonly kind: 'map';
      /** Declared members; resolved late because types refer to each other. */
      readonly fields: () => ReadonlyMap<string, Schema>;
      /** Of members that are not declared; undefined when there should be none. */
      readonly values: Schema | undefined;
      readonly atomic: boolean;
      readonly typeName?: string;
    }
  | {
      readonly kind: 'list';
      readonly items: Schema;
      readonly merge: 'atomic' | 'set' | 'map';
      readonly keys: readonly string[];
      /** Of keys that an item need not name. */
      readonly keyDefaults: Readonly<Record<string, unknown>>;
    };

export type MapSchema = Extract<Schema, { kind: 'map' }>;
export type ListSchema = Extract<Schema, { kind: 'list' }>;

export const ANY: Schema = { kind: 'any' };
const NO_FIELDS: ReadonlyMap<string, Schema> = new Map();

const SCALARS: Readonly<Record<string, Schema>> = {
  s: { kind: 'scalar', type: 'string' },
  b: { kind: 'scalar', type: 'boolean' },
  i: { kind: 'scalar', type: 'integer' },
  n: { kind: 'scalar', type: 'number' },
  t: { kind: 'scalar', type: 'time' },
  y: { kind: 'scalar', type: 'bytes' },
  x: { kind: 'scalar', type: 'intOrString' },
  a: ANY,
};

/** Keys of built-in lists that the API server fills in when they are missing. */
const KEY_DEFAULTS: Readonly<Record<string, string>> = { protocol: 'TCP' };

const typeLines = new Map<string, { readonly text: string; readonly atomic: boolean }>(
  BUILT_IN_TYPES.trim()
    .split('\n')
    .map((line) => {
      const space = line.indexOf(' ');
      const name = space < 0 ? line : line.slice(0, space);
      const atomic = name.endsWith('!');
      return [atomic ? name.slice(0, -1) : name, { text: space < 0 ? '' : line.slice(space + 1), atomic }];
    }),
);

const resolved = new Map<string, MapSchema>();

/** The schema of a built-in type, such as `Deployment` or `PodSpec`. */
export function builtInSchema(name: string): MapSchema {
  const known = resolved.get(name);
  if (known !== undefined) return known;
  const line = typeLines.get(name);
  let fields: ReadonlyMap<string, Schema> | undefined;
  const schema: MapSchema = {
    kind: 'map',
    fields: () => (fields ??= line === undefined ? NO_FIELDS : readFields(line.text)),
    values: line === undefined ? ANY : undefined,
    atomic: line?.atomic ?? false,
    typeName: name,
  };
  resolved.set(name, schema);
  return schema;
}

function readFields(text: string): ReadonlyMap<string, Schema> {
  const fields = new Map<string, Schema>();
  for (const part of text.split(' ')) {
    if (part === '') continue;
    const colon = part.indexOf(':');
    const name = part.slice(0, colon);
    const type = readType(part.slice(colon + 1));
    fields.set(name, QUANTITY_MAPS.has(name) ? withQuantities(type) : type);
  }
  return fields;
}

/** Quantities may be written as numbers. */
function withQuantities(type: Schema): Schema {
  const isMapOfText = type.kind === 'map' && type.values?.kind === 'scalar';
  return isMapOfText ? { ...type, values: { kind: 'scalar', type: 'intOrString' } } : type;
}

function readType(text: string): Schema {
  if (text.startsWith('[')) {
    const end = text.lastIndexOf(']');
    const mark = text.slice(end + 1);
    return {
      kind: 'list',
      items: readType(text.slice(1, end)),
      merge: mark === '=' ? 'set' : mark.startsWith('#') ? 'map' : 'atomic',
      keys: mark.startsWith('#') ? mark.slice(1).split(',') : [],
      keyDefaults: KEY_DEFAULTS,
    };
  }
  if (text.startsWith('{')) {
    const end = text.lastIndexOf('}');
    return {
      kind: 'map',
      fields: () => NO_FIELDS,
      values: readType(text.slice(1, end)),
      atomic: text.endsWith('!'),
    };
  }
  return SCALARS[text] ?? builtInSchema(text);
}

/** The schema of a member, declared or not; undefined when the map knows no such member. */
export function memberSchema(schema: Schema, name: string): Schema | undefined {
  if (schema.kind !== 'map') return schema.kind === 'any' ? ANY : undefined;
  return schema.fields().get(name) ?? schema.values;
}

/**
 * Reads a structural schema of a CustomResourceDefinition (`openAPIV3Schema`) for merging. The root gets `apiVersion`, `kind` and
 * `metadata` of every object.
 */
export function customSchema(openApi: unknown): Schema {
  const root = fromOpenApi(openApi);
  const fields = new Map<string, Schema>([
    ...(root.kind === 'map' ? root.fields() : NO_FIELDS),
    ['apiVersion', { kind: 'scalar', type: 'string' }],
    ['kind', { kind: 'scalar', type: 'string' }],
    ['metadata', builtInSchema('ObjectMeta')],
  ]);
  return {
    kind: 'map',
    fields: () => fields,
    values: root.kind === 'map' ? root.values : ANY,
    atomic: false,
  };
}

function fromOpenApi(node: unknown): Schema {
  if (!isMap(node)) return ANY;
  if (node['x-kubernetes-int-or-string'] === true) return { kind: 'scalar', type: 'intOrString' };
  switch (node['type']) {
    case 'string':
      return { kind: 'scalar', type: node['format'] === 'byte' ? 'bytes' : 'string' };
    case 'boolean':
      return { kind: 'scalar', type: 'boolean' };
    case 'integer':
      return { kind: 'scalar', type: 'integer' };
    case 'number':
      return { kind: 'scalar', type: 'number' };
    case 'array':
      return listFromOpenApi(node);
    case 'object':
      return mapFromOpenApi(node);
    default:
      return ANY;
  }
}

function listFromOpenApi(node: Record<string, unknown>): Schema {
  const merge = node['x-kubernetes-list-type'];
  const keys = node['x-kubernetes-list-map-keys'];
  return {
    kind: 'list',
    items: fromOpenApi(node['items']),
    merge: merge === 'set' || merge === 'map' ? merge : 'atomic',
    keys: Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [],
    keyDefaults: defaultsOf(node['items']),
  };
}

function defaultsOf(items: unknown): Readonly<Record<string, unknown>> {
  const properties = isMap(items) && isMap(items['properties']) ? Object.entries(items['properties']) : [];
  return Object.fromEntries(
    properties.flatMap(([name, child]) =>
      isMap(child) && child['default'] !== undefined ? [[name, child['default']]] : [],
    ),
  );
}

function mapFromOpenApi(node: Record<string, unknown>): Schema {
  const properties = node['properties'];
  const fields = new Map<string, Schema>();
  if (isMap(properties)) for (const [name, child] of Object.entries(properties)) fields.set(name, fromOpenApi(child));
  if (node['x-kubernetes-embedded-resource'] === true) {
    fields.set('apiVersion', { kind: 'scalar', type: 'string' });
    fields.set('kind', { kind: 'scalar', type: 'string' });
    fields.set('metadata', builtInSchema('ObjectMeta'));
  }
  const additional = node['additionalProperties'];
  const open = node['x-kubernetes-preserve-unknown-fields'] === true || additional === true;
  return {
    kind: 'map',
    fields: () => fields,
    values: isMap(additional) ? fromOpenApi(additional) : open ? ANY : undefined,
    atomic: node['x-kubernetes-map-type'] === 'atomic',
  };
}

/** Paths, as in `spec.replicsa`, of members that the schema does not know; explicit nulls are not looked into. */
export function unknownFields(schema: Schema, value: unknown, path = ''): readonly string[] {
  if (schema.kind === 'list' && Array.isArray(value)) {
    return value.flatMap((item, index) => unknownFields(schema.items, item, `${path}[${index}]`));
  }
  if (schema.kind !== 'map' || !isMap(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const at = path === '' ? name : `${path}.${name}`;
    const known = memberSchema(schema, name);
    return known === undefined ? [at] : unknownFields(known, member, at);
  });
}
