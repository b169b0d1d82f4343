import type { Clock, RandomBytes } from '@holdfast/base';

import type { ClusterEvent, ClusterObject, JsonMap, KindReference, ObjectInput, ObjectReference } from './objects.ts';
import type { Scheme } from './scheme/scheme.ts';
import { openStore } from './store/store.ts';

export type {
  ClusterEvent,
  ClusterObject,
  KindReference,
  ObjectInput,
  ObjectMeta,
  ObjectReference,
  OwnerReference,
} from './objects.ts';
export { StatusError } from './status.ts';

export interface ClusterStoreOptions {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Certificate (PEM) that every namespace gets as config map `kube-root-ca.crt`; none is made without it. */
  readonly rootCertificate?: string;
  /** Hears what a listener threw. Without it the process dies of it, as of any uncaught error. */
  readonly onListenerError?: (error: unknown) => void;
}

export interface ListFilter {
  readonly namespace?: string | undefined;
  /** `app=web,tier!=db,env in (a,b),!gone`. */
  readonly labelSelector?: string | undefined;
  /** `spec.nodeName=virtualnode-0,status.phase!=Running`: `=`, `==` and `!=` on any scalar field. */
  readonly fieldSelector?: string | undefined;
}

export interface WriteOptions {
  /** Owner of the fields that change; `unknown` when not said. */
  readonly fieldManager?: string | undefined;
  readonly dryRun?: boolean | undefined;
  /** Without one the whole object but its status is written. */
  readonly subresource?: 'status' | 'scale' | undefined;
  /** Last change of what is about to be stored, by admission. Must be pure: it may run more than once. */
  readonly admit?: ((candidate: ObjectInput, previous: ClusterObject | undefined) => ObjectInput) | undefined;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  readonly force?: boolean | undefined;
}

/** `application/json-patch+json`, `application/merge-patch+json`, `application/strategic-merge-patch+json`. */
export type PatchType = 'json' | 'merge' | 'strategic';

export interface RemoveOptions {
  /** Background when not said: dependents go after their owner. */
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan' | undefined;
  /** Pods only: when not said `spec.terminationGracePeriodSeconds`. 0 removes at once, as the kubelet does in the end. */
  readonly gracePeriodSeconds?: number | undefined;
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface ObjectList {
  readonly items: readonly ClusterObject[];
  /** Of the whole store when the list was made; a watch goes on from here. */
  readonly resourceVersion: string;
}

/** Asynchronous admission: mutating webhooks. Answers the change to make, or throws a `StatusError`. */
export type AdmitObject = (
  operation: 'CREATE' | 'UPDATE' | 'DELETE',
  candidate: ObjectInput,
  previous: ClusterObject | undefined,
  options: { readonly dryRun: boolean; readonly subresource?: string | undefined },
) => Promise<(candidate: ObjectInput) => ObjectInput>;

/**
 * The state of one cluster, with the rules of the API server: names, defaults, validation, optimistic concurrency, managed
 * fields, finalizers, graceful deletion of pods, garbage collection by owner references, events for watches.
 *
 * Every method but the admitted ones is synchronous, and so are the events: when a method returns, all listeners have heard
 * of it (calls made inside a listener are heard after the event at hand). Objects that come out are frozen; what goes in is
 * copied. Every refusal is a `StatusError`.
 */
export interface ClusterStore {
  readonly scheme: Scheme;
  readonly clock: Clock;
  /** Of the last change. */
  readonly resourceVersion: string;

  get(reference: ObjectReference): ClusterObject | undefined;
  list(kind: KindReference, filter?: ListFilter): readonly ClusterObject[];
  listWithVersion(kind: KindReference, filter?: ListFilter): ObjectList;

  /** `metadata.generateName` may stand instead of a name. Throws AlreadyExists, Invalid, NotFound (namespace), Forbidden. */
  create(object: ObjectInput, options?: WriteOptions): ClusterObject;
  /**
   * Replaces an object; with `metadata.resourceVersion` only when that is still the live one (Conflict otherwise). With
   * subresource `status` only the status is taken over; with `scale` a `autoscaling/v1` Scale, or the object itself, sets `spec.replicas`.
   */
  update(object: ObjectInput, options?: WriteOptions): ClusterObject;
  /** Server-side apply. Creates what is not there. Throws Conflict with one cause for each field that another manager owns. */
  apply(object: ObjectInput, options: ApplyOptions): ClusterObject;
  patch(reference: ObjectReference, type: PatchType, patch: unknown, options?: WriteOptions): ClusterObject;
  /**
   * Begins or completes a deletion. `removed` is false while finalizers, dependents (Foreground) or the kubelet keep the object:
   * a pod with a node is only marked, and really removed by the kubelet with grace period 0. Throws NotFound, Conflict.
   */
  remove(
    reference: ObjectReference,
    options?: RemoveOptions,
  ): { readonly removed: boolean; readonly object: ClusterObject };

  /** `create` behind the mutating webhooks: what a controller uses for pods, so that webhooks see them. */
  createAdmitted(object: ObjectInput, options?: WriteOptions): Promise<ClusterObject>;
  updateAdmitted(object: ObjectInput, options?: WriteOptions): Promise<ClusterObject>;
  applyAdmitted(object: ObjectInput, options: ApplyOptions): Promise<ClusterObject>;
  patchAdmitted(
    reference: ObjectReference,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<ClusterObject>;
  /** Sets who is asked by the admitted methods; nobody is at first. */
  setAdmission(admission: AdmitObject | undefined): void;

  /** Events of one kind, or of all. Nothing is replayed: `list` first. */
  subscribe(kind: KindReference | undefined, listener: (event: ClusterEvent) => void): () => void;
  /** Changes after a resource version, oldest first. Throws Expired (410) when they are no longer remembered. */
  watchFrom(resourceVersion: string, kind?: KindReference): readonly ClusterEvent[];

  /** Everything as JSON, for `restore` into a new store. */
  snapshot(): ClusterSnapshot;
  restore(snapshot: ClusterSnapshot): void;
}

export interface ClusterSnapshot {
  readonly version: 1;
  readonly resourceVersion: number;
  readonly objects: readonly JsonMap[];
}

/** A new cluster with the namespaces every cluster has and nothing else. */
export function createClusterStore(options: ClusterStoreOptions): ClusterStore {
  return openStore(options);
}
