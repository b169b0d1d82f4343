import { isMap, listAt, mapAt, stringAt, valueAt } from './objects.ts';
import type { ClusterObject, ObjectInput } from './objects.ts';
import { applyOpenApiDefaults, openApiCauses, pruneUnknown } from './scheme/open-api.ts';
import { ageColumn, ageOf, column, nameColumn } from './scheme/columns.ts';
import { jsonPathReader } from './scheme/json-path.ts';
import { customSchema } from './scheme/schema.ts';
import type { KindInfo, TableColumn } from './scheme/scheme.ts';
import type { StatusCause } from './status.ts';

/** The kinds of a CustomResourceDefinition: one for each served version. @see apiextensions.k8s.io/v1 */
export function customKinds(definition: ClusterObject): readonly KindInfo[] {
  const versions = listAt(definition, 'spec', 'versions').filter(isMap);
  const stored = versions.find((version) => version['storage'] === true);
  const storageVersion = stringAt(stored, 'name') ?? '';
  return versions
    .filter((version) => version['served'] === true)
    .map((version) => customKind(definition, version, storageVersion));
}

function customKind(definition: ClusterObject, version: Record<string, unknown>, storageVersion: string): KindInfo {
  const group = stringAt(definition, 'spec', 'group') ?? '';
  const names = mapAt(definition, 'spec', 'names');
  const kind = stringAt(names, 'kind') ?? '';
  const name = stringAt(version, 'name') ?? '';
  const openApi = valueAt(version, 'schema', 'openAPIV3Schema');
  const apiVersion = `${group}/${name}`;
  const subresources = Object.keys(mapAt(version, 'subresources')).filter((one) => one === 'status');
  return {
    group,
    version: name,
    apiVersion,
    storageVersion,
    kind,
    plural: stringAt(names, 'plural') ?? '',
    singular: stringAt(names, 'singular') ?? kind.toLowerCase(),
    shortNames: strings(listAt(names, 'shortNames')),
    categories: strings(listAt(names, 'categories')),
    namespaced: stringAt(definition, 'spec', 'scope') !== 'Cluster',
    subresources,
    transient: false,
    generation: true,
    schema: customSchema(openApi),
    columns: printerColumns(listAt(version, 'additionalPrinterColumns')),
    deprecation:
      version['deprecated'] === true
        ? (stringAt(version, 'deprecationWarning') ?? `${apiVersion} ${kind} is deprecated`)
        : undefined,
    defaults: (object) => {
      pruneUnknown(openApi, object);
      applyOpenApiDefaults(openApi, object);
    },
    validate: (object) => validateCustom(openApi, object),
  };
}

function validateCustom(openApi: unknown, object: ObjectInput): readonly StatusCause[] {
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...rest } = object;
  return openApiCauses(openApi, rest, '');
}

function printerColumns(columns: readonly unknown[]): readonly TableColumn[] {
  if (columns.length === 0) return [nameColumn(), ageColumn()];
  return [
    nameColumn(),
    ...columns.filter(isMap).map((one): TableColumn => {
      const type = columnType(one['type']);
      const read = jsonPathReader(stringAt(one, 'jsonPath') ?? '');
      return {
        ...column(stringAt(one, 'name') ?? '', (object, now) => shown(read(object), type, now), type),
        priority: typeof one['priority'] === 'number' ? one['priority'] : 0,
        description: stringAt(one, 'description') ?? '',
      };
    }),
  ];
}

function columnType(type: unknown): TableColumn['type'] {
  switch (type) {
    case 'integer':
    case 'number':
    case 'boolean':
    case 'date':
      return type;
    default:
      return 'string';
  }
}

function shown(value: unknown, type: TableColumn['type'], now: number): unknown {
  if (value === undefined || value === null) return null;
  if (type === 'date') return ageOf(value, now);
  return typeof value === 'object' ? JSON.stringify(value) : value;
}

/** Fills in the status of a definition: its names are accepted and it is served at once. Changes the object. */
export function withEstablished(definition: Record<string, unknown>, time: string): void {
  const names = mapAt(definition, 'spec', 'names');
  const stored = listAt(definition, 'spec', 'versions').find((version) => valueAt(version, 'storage') === true);
  const before = mapAt(definition, 'status');
  const condition = (type: string, reason: string, message: string): unknown =>
    listAt(before, 'conditions').find((one) => valueAt(one, 'type') === type) ?? {
      lastTransitionTime: time,
      message,
      reason,
      status: 'True',
      type,
    };
  const version = stringAt(stored, 'name');
  const versions = strings(listAt(before, 'storedVersions'));
  definition['status'] = {
    acceptedNames: names,
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    storedVersions: version === undefined || versions.includes(version) ? versions : [...versions, version],
  };
}

function strings(values: readonly unknown[]): readonly string[] {
  return values.filter((value) => typeof value === 'string');
}
