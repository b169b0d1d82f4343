import type { KindInfo, Scheme } from '../scheme/scheme.ts';
import type { ScalarType, Schema } from '../scheme/schema.ts';

const SCALARS: Readonly<Record<ScalarType, unknown>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  integer: { type: 'integer', format: 'int32' },
  number: { type: 'number' },
  time: { type: 'string', format: 'date-time' },
  bytes: { type: 'string', format: 'byte' },
  intOrString: { oneOf: [{ type: 'integer' }, { type: 'string' }] },
};

/** `/openapi/v3`: where the documents of the group versions are. */
export function openApiIndex(scheme: Scheme): unknown {
  const versions = [...new Set(scheme.all().map((info) => info.apiVersion))];
  const paths = Object.fromEntries(
    versions.map((apiVersion) => {
      const path = documentPath(apiVersion);
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${scheme.revision}` }];
    }),
  );
  return { paths };
}

function documentPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`;
}

/**
 * `/openapi/v3/api/v1` and the like: enough for kubectl to see that the server checks fields, and for `kubectl explain` to show
 * types, without descriptions. Undefined when there is no such version.
 */
export function openApiDocument(scheme: Scheme, path: string): unknown {
  const kinds = scheme.all().filter((info) => documentPath(info.apiVersion) === path);
  if (kinds.length === 0) return undefined;
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, unknown> = {};
  for (const info of kinds) {
    const root = describe(
      info.schema,
      schemas,
      `${info.group === '' ? 'core' : info.group}.${info.version}.${info.kind}`,
    );
    const name = referenceName(root);
    const gvk = { group: info.group, version: info.version, kind: info.kind };
    if (name !== undefined) schemas[name] = { ...(schemas[name] as object), 'x-kubernetes-group-version-kind': [gvk] };
    Object.assign(paths, pathsOf(info, gvk, root));
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.34.2' }, paths, components: { schemas } };
}

function pathsOf(info: KindInfo, gvk: unknown, root: unknown): Record<string, unknown> {
  const base = `/${documentPath(info.apiVersion)}${info.namespaced ? '/namespaces/{namespace}' : ''}/${info.plural}`;
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string', uniqueItems: true },
  }));
  const responses = { '200': { description: 'OK', content: { 'application/json': { schema: root } } } };
  const operation = (action: string): unknown => ({
    parameters,
    responses,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  });
  return {
    [base]: { get: operation('list'), post: operation('post') },
    [`${base}/{name}`]: {
      get: operation('get'),
      put: operation('put'),
      patch: operation('patch'),
      delete: operation('delete'),
    },
  };
}

function referenceName(schema: unknown): string | undefined {
  const reference = (schema as { readonly $ref?: string }).$ref;
  return reference?.slice('#/components/schemas/'.length);
}

/** A schema, or a reference to a named one that is then among `schemas`. */
function describe(schema: Schema, schemas: Record<string, unknown>, name?: string): unknown {
  switch (schema.kind) {
    case 'any':
      return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    case 'scalar':
      return SCALARS[schema.type];
    case 'list':
      return {
        type: 'array',
        items: describe(schema.items, schemas),
        'x-kubernetes-list-type': schema.merge,
        ...(schema.keys.length > 0 ? { 'x-kubernetes-list-map-keys': schema.keys } : {}),
      };
    default: {
      const typeName = schema.typeName === undefined ? name : `io.k8s.api.${schema.typeName}`;
      if (typeName === undefined) return describeMap(schema, schemas);
      const reference = { $ref: `#/components/schemas/${typeName}` };
      if (schemas[typeName] !== undefined) return reference;
      schemas[typeName] = {}; // types refer to each other: known before it is described
      schemas[typeName] = describeMap(schema, schemas);
      return reference;
    }
  }
}

function describeMap(schema: Extract<Schema, { kind: 'map' }>, schemas: Record<string, unknown>): unknown {
  const properties = Object.fromEntries([...schema.fields()].map(([name, child]) => [name, describe(child, schemas)]));
  return {
    type: 'object',
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(schema.values === undefined ? {} : { additionalProperties: describe(schema.values, schemas) }),
    ...(schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  };
}
