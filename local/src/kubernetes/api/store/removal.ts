import type { RemoveOptions } from '../cluster-store.ts';
import { numberAt, stringAt } from '../objects.ts';
import type { ClusterObject, OwnerReference } from '../objects.ts';
import type { KindInfo } from '../scheme/scheme.ts';
import { timestamp } from './identity.ts';
import type { RemovalHost } from './store.ts';

const FOREGROUND = 'foregroundDeletion';
const DEFAULT_GRACE_SECONDS = 30;

interface Removal {
  readonly removed: boolean;
  readonly object: ClusterObject;
}

/** Begins a deletion and completes it when nothing stands against it. */
export function beginRemoval(
  host: RemovalHost,
  info: KindInfo,
  object: ClusterObject,
  options: RemoveOptions,
): Removal {
  if (info.kind === 'Namespace' && info.group === '') return removeNamespace(host, object);
  if (info.kind === 'CustomResourceDefinition') removeInstances(host, object);
  if (options.propagation === 'Orphan') orphanDependents(host, object);
  const grace = graceOf(info, object, options);
  if (grace > 0) return { removed: false, object: markRemoved(host, object, grace) };
  const waits = options.propagation === 'Foreground' && blockersOf(host, object).length > 0;
  if (waits || (object.metadata.finalizers ?? []).length > 0) {
    const finalizers = new Set([...(object.metadata.finalizers ?? []), ...(waits ? [FOREGROUND] : [])]);
    const marked = markRemoved(host, withFinalizers(object, [...finalizers]), 0);
    if (waits) for (const dependent of dependentsOf(host, marked)) release(host, dependent, marked, 'Foreground');
    const left = current(host, marked);
    return { removed: left === undefined, object: left ?? marked };
  }
  return { removed: true, object: host.erase(object) };
}

/** What follows when an object is gone: its dependents go, and owners and namespaces that waited for it. */
export function afterRemoval(host: RemovalHost, gone: ClusterObject): void {
  for (const dependent of dependentsOf(host, gone)) release(host, dependent, gone, 'Background');
  for (const owner of gone.metadata.ownerReferences ?? []) finishForeground(host, gone, owner);
  if (gone.metadata.namespace !== undefined) finishNamespace(host, gone.metadata.namespace);
}

/** An object goes with the last of its owners; while it has others, it only forgets this one. */
function release(
  host: RemovalHost,
  dependent: ClusterObject,
  gone: ClusterObject,
  propagation: 'Background' | 'Foreground',
): void {
  const owners = dependent.metadata.ownerReferences ?? [];
  const living = owners.filter((owner) => owner.uid !== gone.metadata.uid && ownerStays(host, dependent, owner));
  if (living.length === 0) removeObject(host, dependent, propagation);
  else host.replace({ ...dependent, metadata: { ...dependent.metadata, ownerReferences: living } });
}

function graceOf(info: KindInfo, object: ClusterObject, options: RemoveOptions): number {
  if (info.kind !== 'Pod' || info.group !== '' || stringAt(object, 'spec', 'nodeName') === undefined) return 0;
  const phase = stringAt(object, 'status', 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return options.gracePeriodSeconds ?? 0;
  return (
    options.gracePeriodSeconds ?? numberAt(object, 'spec', 'terminationGracePeriodSeconds') ?? DEFAULT_GRACE_SECONDS
  );
}

/** A second deletion can only shorten the grace period. */
function markRemoved(host: RemovalHost, object: ClusterObject, graceSeconds: number): ClusterObject {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  const shorter = deletionTimestamp === undefined || graceSeconds < (deletionGracePeriodSeconds ?? 0);
  if (!shorter && object === current(host, object)) return object;
  const metadata = shorter
    ? {
        ...object.metadata,
        deletionTimestamp: timestamp(host.clock() + graceSeconds * 1000),
        deletionGracePeriodSeconds: graceSeconds,
        ...(object.metadata.generation === undefined || deletionTimestamp !== undefined
          ? {}
          : { generation: object.metadata.generation + 1 }),
      }
    : object.metadata;
  return host.replace({ ...object, metadata });
}

function withFinalizers(object: ClusterObject, finalizers: readonly string[]): ClusterObject {
  return { ...object, metadata: { ...object.metadata, finalizers } };
}

function current(host: RemovalHost, object: ClusterObject): ClusterObject | undefined {
  const info = host.scheme.kind(object);
  const found = info && host.objects.get(info, object.metadata.namespace, object.metadata.name);
  return found?.metadata.uid === object.metadata.uid ? found : undefined;
}

function removeObject(host: RemovalHost, object: ClusterObject, propagation: 'Background' | 'Foreground'): void {
  const living = current(host, object);
  if (living === undefined || (living.metadata.deletionTimestamp !== undefined && living.kind !== 'Pod')) return;
  if (living.metadata.deletionTimestamp !== undefined) return;
  const { name, namespace } = living.metadata;
  host.remove({ apiVersion: living.apiVersion, kind: living.kind, name, namespace }, { propagation });
}

function dependentsOf(host: RemovalHost, owner: ClusterObject): readonly ClusterObject[] {
  return host.objects
    .all()
    .filter((one) => one.metadata.ownerReferences?.some((reference) => reference.uid === owner.metadata.uid) === true);
}

/** The dependents that a removal in the foreground waits for: those that say so. */
function blockersOf(host: RemovalHost, owner: ClusterObject): readonly ClusterObject[] {
  const blocks = (reference: OwnerReference): boolean =>
    reference.uid === owner.metadata.uid && reference.blockOwnerDeletion === true;
  return dependentsOf(host, owner).filter((one) => one.metadata.ownerReferences?.some(blocks) === true);
}

function findOwner(host: RemovalHost, dependent: ClusterObject, owner: OwnerReference): ClusterObject | undefined {
  const info = host.scheme.kind(owner);
  if (info === undefined) return undefined;
  const found = host.objects.get(info, info.namespaced ? dependent.metadata.namespace : undefined, owner.name);
  return found?.metadata.uid === owner.uid ? found : undefined;
}

/** Whether an owner is there and does not wait for its dependents to go. */
function ownerStays(host: RemovalHost, dependent: ClusterObject, owner: OwnerReference): boolean {
  const found = findOwner(host, dependent, owner);
  return found !== undefined && found.metadata.finalizers?.includes(FOREGROUND) !== true;
}

function orphanDependents(host: RemovalHost, owner: ClusterObject): void {
  for (const dependent of dependentsOf(host, owner)) {
    const ownerReferences = (dependent.metadata.ownerReferences ?? []).filter((one) => one.uid !== owner.metadata.uid);
    host.replace({ ...dependent, metadata: { ...dependent.metadata, ownerReferences } });
  }
}

function finishForeground(host: RemovalHost, gone: ClusterObject, reference: OwnerReference): void {
  const owner = findOwner(host, gone, reference);
  const finalizers = owner?.metadata.finalizers ?? [];
  if (owner === undefined || !finalizers.includes(FOREGROUND) || blockersOf(host, owner).length > 0) return;
  const left = finalizers.filter((one) => one !== FOREGROUND);
  if (left.length === 0) host.erase(withFinalizers(owner, left));
  else host.replace(withFinalizers(owner, left));
}

function removeNamespace(host: RemovalHost, namespace: ClusterObject): Removal {
  const { name } = namespace.metadata;
  const marked = markRemoved(host, { ...namespace, status: { phase: 'Terminating' } }, 0);
  for (const object of host.objects.all())
    if (object.metadata.namespace === name) removeObject(host, object, 'Background');
  finishNamespace(host, name);
  const left = current(host, marked);
  return { removed: left === undefined, object: left ?? marked };
}

function finishNamespace(host: RemovalHost, name: string): void {
  const info = host.scheme.kind({ apiVersion: 'v1', kind: 'Namespace' });
  const namespace = info && host.objects.get(info, undefined, name);
  if (namespace?.metadata.deletionTimestamp === undefined) return;
  if (host.objects.all().some((object) => object.metadata.namespace === name)) return;
  host.erase(namespace);
}

function removeInstances(host: RemovalHost, definition: ClusterObject): void {
  const group = stringAt(definition, 'spec', 'group');
  const kind = stringAt(definition, 'spec', 'names', 'kind');
  for (const object of host.objects.all()) {
    if (object.kind === kind && object.apiVersion.startsWith(`${group}/`)) removeObject(host, object, 'Background');
  }
}
