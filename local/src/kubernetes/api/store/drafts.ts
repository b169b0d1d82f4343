import { applyJsonPatch } from '../apply/json-patch.ts';
import { applyMergePatch } from '../apply/merge-patch.ts';
import { encodeManagers } from '../apply/managed-fields.ts';
import type { Manager } from '../apply/managed-fields.ts';
import { recordUpdate } from '../apply/server-side-apply.ts';
import { applyStrategicMergePatch } from '../apply/strategic-merge-patch.ts';
import type { PatchType, WriteOptions } from '../cluster-store.ts';
import { cloneJson, equalJson, isMap, mapAt, valueAt } from '../objects.ts';
import type { ClusterEvent, ClusterObject, ObjectInput } from '../objects.ts';
import { withCanonicalQuantities } from '../scheme/quantities.ts';
import { builtInSchema } from '../scheme/schema.ts';
import type { KindInfo } from '../scheme/scheme.ts';
import { withoutEmpty, zeroObject } from '../scheme/zero-values.ts';
import { conflict, OPTIMISTIC_LOCK_MESSAGE } from '../status.ts';

/** An object on its way into the store: still changed by defaults and admission. */
export type Draft = Record<string, unknown> & { metadata: Record<string, unknown> };

export function applyPatch(info: KindInfo, type: PatchType, object: ClusterObject, patch: unknown): unknown {
  switch (type) {
    case 'json':
      return applyJsonPatch(object, patch);
    case 'merge':
      return applyMergePatch(object, patch);
    default:
      return applyStrategicMergePatch(info.schema, object, patch);
  }
}

/** The object after a write to one endpoint: what the endpoint does not write stays as it was. */
export function updatedDraft(
  info: KindInfo,
  previous: ClusterObject,
  input: ObjectInput,
  subresource: WriteOptions['subresource'],
): Draft {
  if (subresource === 'status') {
    return cloneJson({ ...previous, status: input['status'], metadata: { ...previous.metadata } });
  }
  if (subresource === 'scale') {
    const replicas = valueAt(input, 'spec', 'replicas') ?? 0;
    return cloneJson({ ...previous, spec: { ...mapAt(previous, 'spec'), replicas } }) as unknown as Draft;
  }
  const kept = info.subresources.includes('status') ? { status: previous['status'] } : {};
  const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, generateName } =
    previous.metadata;
  const server = { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, generateName };
  return canonical(info, {
    ...input,
    ...kept,
    apiVersion: storedVersion(info),
    metadata: {
      ...input.metadata,
      ...server,
      name: previous.metadata.name,
      namespace: previous.metadata.namespace,
      resourceVersion: previous.metadata.resourceVersion,
    },
  });
}

function isBuiltIn(info: KindInfo): boolean {
  return info.schema.kind === 'map' && info.schema.typeName !== undefined;
}

/** What an object is before anything is written to it. */
export function emptyObject(info: KindInfo): Readonly<Record<string, unknown>> {
  return isBuiltIn(info) ? zeroObject(info.schema) : {};
}

/** A copy of an object in the form it is stored in. */
export function canonical(info: KindInfo, object: Readonly<Record<string, unknown>>): Draft {
  if (isBuiltIn(info)) return cloneJson(withoutEmpty(info.schema, withCanonicalQuantities(object))) as Draft;
  return cloneJson({ ...object, metadata: withoutEmpty(builtInSchema('ObjectMeta'), object['metadata']) }) as Draft;
}

/** Pods run as somebody: what nobody named belongs to no manager. Changes the draft. */
export function withServiceAccount(info: KindInfo, draft: Draft): void {
  const spec = draft['spec'];
  if (info.kind !== 'Pod' || info.group !== '' || !isMap(spec)) return;
  spec['serviceAccountName'] ??= 'default';
  spec['serviceAccount'] ??= spec['serviceAccountName'];
}

export function asInput(draft: Draft): ObjectInput {
  return draft as unknown as ObjectInput;
}

export function withManagers(object: ClusterObject, managers: readonly Manager[]): ClusterObject {
  return cloneJson({ ...object, metadata: { ...object.metadata, managedFields: encodeManagers(managers) } });
}

/** Live objects without managed fields belong, as a whole, to somebody before the first applier. */
export function withFirstManager(
  live: ClusterObject,
  managers: readonly Manager[],
  info: KindInfo,
): readonly Manager[] {
  if (managers.length > 0) return managers;
  const writer = {
    apiVersion: info.apiVersion,
    subresource: '',
    time: live.metadata.creationTimestamp,
    notWritten: [],
  };
  return recordUpdate(info.schema, emptyObject(info), live, [], { ...writer, name: 'before-first-apply' });
}

/** A list with one empty entry takes all owners away. */
export function isResetOfManagers(managedFields: unknown): boolean {
  return (
    Array.isArray(managedFields) &&
    managedFields.length === 1 &&
    isMap(managedFields[0]) &&
    Object.keys(managedFields[0]).length === 0
  );
}

/** Whether nothing changed but the times of managers. */
export function isSame(object: ClusterObject, previous: ClusterObject): boolean {
  const plain = (one: ClusterObject): unknown => ({
    ...one,
    metadata: {
      ...one.metadata,
      resourceVersion: undefined,
      managedFields: (one.metadata.managedFields ?? []).map((entry) => ({ ...entry, time: undefined })),
    },
  });
  return equalJson(plain(object), plain(previous));
}

export function specificationOf(object: Readonly<Record<string, unknown>>): unknown {
  return { ...object, apiVersion: undefined, metadata: undefined, status: undefined };
}

export function assertPreconditions(
  info: KindInfo,
  object: ClusterObject,
  wanted: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined },
): void {
  const { name, uid, resourceVersion } = object.metadata;
  if (wanted.uid !== undefined && wanted.uid !== uid) {
    throw conflict(info, name, `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`);
  }
  if (wanted.resourceVersion !== undefined && wanted.resourceVersion !== resourceVersion) {
    throw conflict(info, name, OPTIMISTIC_LOCK_MESSAGE);
  }
}

export function namespaceFor(info: KindInfo, namespace: string | undefined): string | undefined {
  if (!info.namespaced) return undefined;
  return namespace === undefined || namespace === '' ? 'default' : namespace;
}

export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

export function storedVersion(info: KindInfo): string {
  return info.group === '' ? info.storageVersion : `${info.group}/${info.storageVersion}`;
}

export function inVersion(info: KindInfo, object: ClusterObject): ClusterObject {
  return object.apiVersion === info.apiVersion ? object : Object.freeze({ ...object, apiVersion: info.apiVersion });
}

export function eventInVersion(info: KindInfo, event: ClusterEvent): ClusterEvent {
  const { previous } = event;
  return {
    type: event.type,
    object: inVersion(info, event.object),
    previous: previous === undefined ? undefined : inVersion(info, previous),
  };
}
