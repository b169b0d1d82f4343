import { isMap, stringAt } from '../objects.ts';
import type { ManagedFieldsEntry } from '../objects.ts';
import { decodeFields, encodeFields, fieldElement, joinPath, withoutPrefixes } from './field-set.ts';
import type { FieldSet } from './field-set.ts';

/** One manager's fields, decoded. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

const metadata = fieldElement('metadata');

/** Fields that belong to the server. */
const SERVER_FIELDS: readonly string[] = [
  fieldElement('apiVersion'),
  fieldElement('kind'),
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ].map((name) => joinPath(metadata, fieldElement(name))),
];

/** Fields that a manager can own at all: never those of the server, nor what the endpoint does not write. */
export function ownable(fields: FieldSet, notWritten: readonly string[]): FieldSet {
  const kept = new Set(withoutPrefixes(fields, [...SERVER_FIELDS, ...notWritten.map(fieldElement)]));
  kept.delete(metadata);
  return kept;
}

/** Managers are told apart by name, operation and subresource, updaters by version also. */
export function sameManager(
  a: Manager,
  b: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>,
): boolean {
  return (
    a.name === b.name &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}

/** Throws BadRequest when an entry is not what it should be. */
export function decodeManagers(object: unknown): readonly Manager[] {
  const entries = isMap(object) && isMap(object['metadata']) ? object['metadata']['managedFields'] : undefined;
  if (!Array.isArray(entries)) return [];
  return entries.filter(isMap).flatMap((entry) => {
    if (Object.keys(entry).length === 0) return [];
    return [
      {
        name: stringAt(entry, 'manager') ?? '',
        operation: entry['operation'] === 'Apply' ? 'Apply' : 'Update',
        apiVersion: stringAt(entry, 'apiVersion') ?? '',
        subresource: stringAt(entry, 'subresource') ?? '',
        time: stringAt(entry, 'time'),
        fields: decodeFields(entry['fieldsV1'] ?? {}),
      },
    ];
  });
}

/** Appliers first, then by time, name and version. Managers that own nothing are left out. */
export function encodeManagers(managers: readonly Manager[]): readonly ManagedFieldsEntry[] {
  return managers
    .filter((manager) => manager.fields.size > 0)
    .sort(
      (a, b) =>
        compareText(a.operation, b.operation) ||
        compareText(a.time ?? '', b.time ?? '') ||
        compareText(a.name, b.name) ||
        compareText(a.apiVersion, b.apiVersion) ||
        compareText(a.subresource, b.subresource),
    )
    .map((manager) => ({
      manager: manager.name,
      operation: manager.operation,
      apiVersion: manager.apiVersion,
      ...(manager.time === undefined ? {} : { time: manager.time }),
      fieldsType: 'FieldsV1',
      fieldsV1: encodeFields(manager.fields),
      ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
    }));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
