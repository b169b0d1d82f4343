import type { ClusterObject, ClusterStore, KindReference, ListFilter, ObjectInput } from '../api/cluster-store.ts';
import { equalJson } from '../api/objects.ts';
import type {
  ApiObject,
  DeploymentObject,
  DisruptionBudgetObject,
  NodeObject,
  OwnerReference,
  PodObject,
  ReplicaSetObject,
  ServiceObject,
  StatefulSetObject,
} from './objects.ts';

/** The kinds that controllers work with, and their shapes. */
interface Kinds {
  readonly Pod: PodObject;
  readonly Node: NodeObject;
  readonly Service: ServiceObject;
  readonly Namespace: ApiObject;
  readonly ServiceAccount: ApiObject;
  readonly ConfigMap: ApiObject & { readonly data?: Readonly<Record<string, string>> };
  readonly Secret: ApiObject & { readonly data?: Readonly<Record<string, string>> };
  readonly Endpoints: ApiObject;
  readonly Event: ApiObject & { readonly count?: number };
  readonly Deployment: DeploymentObject;
  readonly ReplicaSet: ReplicaSetObject;
  readonly StatefulSet: StatefulSetObject;
  readonly EndpointSlice: ApiObject;
  readonly PodDisruptionBudget: DisruptionBudgetObject;
  readonly Lease: ApiObject;
}

export type KindName = keyof Kinds;

const API_VERSIONS: Readonly<Record<KindName, string>> = {
  Pod: 'v1',
  Node: 'v1',
  Service: 'v1',
  Namespace: 'v1',
  ServiceAccount: 'v1',
  ConfigMap: 'v1',
  Secret: 'v1',
  Endpoints: 'v1',
  Event: 'v1',
  Deployment: 'apps/v1',
  ReplicaSet: 'apps/v1',
  StatefulSet: 'apps/v1',
  EndpointSlice: 'discovery.k8s.io/v1',
  PodDisruptionBudget: 'policy/v1',
  Lease: 'coordination.k8s.io/v1',
};

export function kindReference(kind: KindName): KindReference {
  return { apiVersion: API_VERSIONS[kind], kind };
}

/** The store as controllers see it: kinds by name, objects with types, writes that change nothing left out. */
export class Cluster {
  readonly store: ClusterStore;
  readonly #fieldManager: string;

  /** @param fieldManager Who owns the fields that are written here. */
  constructor(store: ClusterStore, fieldManager: string) {
    this.store = store;
    this.#fieldManager = fieldManager;
  }

  find<K extends KindName>(kind: K, name: string, namespace?: string): Kinds[K] | undefined {
    // The store has checked what it holds against the scheme; the types here name what is used of it.
    return this.store.get({ ...kindReference(kind), name, namespace }) as unknown as Kinds[K] | undefined;
  }

  list<K extends KindName>(kind: K, filter?: ListFilter): readonly Kinds[K][] {
    return this.store.list(kindReference(kind), filter) as unknown as readonly Kinds[K][];
  }

  /** Pods and others that an object controls. */
  controlledBy<K extends KindName>(kind: K, owner: ApiObject): readonly Kinds[K][] {
    const { uid, namespace } = owner.metadata;
    return this.list(kind, { namespace }).filter(({ metadata }) =>
      metadata.ownerReferences?.some((reference) => reference.controller === true && reference.uid === uid),
    );
  }

  create(object: ObjectInput): void {
    this.store.create(object, { fieldManager: this.#fieldManager });
  }

  /** Pods go past the webhooks of the cluster. */
  async createAdmitted(object: ObjectInput): Promise<void> {
    await this.store.createAdmitted(object, { fieldManager: this.#fieldManager });
  }

  /** Changes members by a JSON merge patch. */
  merge(object: ApiObject, patch: Readonly<Record<string, unknown>>): void {
    this.store.patch(referenceTo(object), 'merge', patch, { fieldManager: this.#fieldManager });
  }

  /** Replaces an object as a whole, whatever its version is. */
  replace(object: ObjectInput): void {
    this.store.update(object, { fieldManager: this.#fieldManager });
  }

  /** Replaces the status of an object as it is now; nothing happens when the object is gone or has this status. */
  writeStatus(object: ApiObject, status: Readonly<Record<string, unknown>>): void {
    const live = this.store.get(referenceTo(object));
    if (live === undefined || live.metadata.uid !== object.metadata.uid || equalJson(live['status'], status)) return;
    this.store.update({ ...live, status }, { fieldManager: this.#fieldManager, subresource: 'status' });
  }

  remove(object: ApiObject, gracePeriodSeconds?: number): void {
    const { uid } = object.metadata;
    if (this.store.get(referenceTo(object))?.metadata.uid !== uid) return;
    this.store.remove(referenceTo(object), gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds });
  }
}

/** `namespace/name`, or the name alone. */
export function keyOf({
  metadata,
}: {
  readonly metadata: { readonly name?: string | undefined; readonly namespace?: string | undefined };
}): string {
  return metadata.namespace === undefined ? (metadata.name ?? '') : `${metadata.namespace}/${metadata.name}`;
}

export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

export function referenceTo({ apiVersion, kind, metadata: { name, namespace } }: ApiObject): {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
} {
  return { apiVersion, kind, name, namespace };
}

/** What makes `owner` the controller of another object. */
export function controllerReference(owner: ApiObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Keys of the controllers of an object that are of a kind. */
export function controllerKeys(object: ClusterObject, kind: KindName): readonly string[] {
  const { namespace = '', ownerReferences = [] } = object.metadata;
  return ownerReferences
    .filter((reference) => reference.controller === true && reference.kind === kind)
    .map(({ name }) => `${namespace}/${name}`);
}
