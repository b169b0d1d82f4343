import { POD_IDENTITY_API, podIdentityDefinitions, podIdentityKinds } from '@holdfast/admission';
import type { KubernetesObject } from '@holdfast/deployment';
import { configSchema, servePodIdentity } from '@holdfast/pod-identity';
import type { NmiConfig, NodeClusterPort } from '@holdfast/pod-identity';
import type { Logger } from '@holdfast/process';

import type { ClusterSettings } from '../../arm/index.ts';
import { equalJson } from '../../kubernetes/api/index.ts';
import type { ClusterStore, ObjectInput } from '../../kubernetes/api/index.ts';

const FIELD_MANAGER = 'aks-pod-identity';
/** Marks what the add-on has written, and may take away again. */
const MANAGED_BY = { 'kubernetes.azure.com/managedby': 'aks' };

export interface PodIdentityOptions {
  readonly store: ClusterStore;
  /** The node whose pods it answers. */
  readonly node: string;
  /** The metadata service of the node, `http://127.0.0.1:PORT`. */
  readonly metadataUrl: string;
  readonly logger: Logger;
  readonly onError: (error: unknown) => void;
}

/** The node's server of a cluster while it runs. */
export interface RunningNmi {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * The node's server of pod identity, as the add-on of AKS runs it: in managed mode, with namespaces kept apart, and with tokens from
 * the metadata service of the node, which has only the identities that Azure Resource Manager attached.
 */
export async function startPodIdentity(options: PodIdentityOptions): Promise<RunningNmi> {
  const { store, node, metadataUrl, logger, onError } = options;
  const { hostname, port } = new URL(metadataUrl);
  const config: NmiConfig = {
    ...configSchema.parse({
      'nmi-port': 0,
      'metadata-ip': hostname,
      'metadata-port': Number(port),
      'operation-mode': 'managed',
      'http-probe-port': -1,
      'prometheus-port': -1,
    }),
    node,
  };
  const running = await servePodIdentity({ logger, fail: onError }, config, storePort(store));
  return { url: running.addresses['nmi'] ?? '', stop: async () => running.stop() };
}

/** Makes the four kinds of pod identity known to a cluster. They stay when the add-on goes, as the objects of them do. */
export function installPodIdentityKinds(store: ClusterStore): void {
  for (const definition of podIdentityDefinitions()) {
    store.apply(definition as unknown as ObjectInput, { fieldManager: FIELD_MANAGER, force: true });
  }
}

/** Writes the objects that the profile of the cluster's resource stands for, and removes those that it no longer has. */
export function writePodIdentities(store: ClusterStore, profile: NonNullable<ClusterSettings['podIdentity']>): void {
  const wanted = [...profile.identities.flatMap(identityObjects), ...profile.exceptions.map(exceptionObject)].filter(
    ({ metadata }) => store.get({ apiVersion: 'v1', kind: 'Namespace', name: metadata.namespace ?? '' }) !== undefined,
  );
  for (const object of wanted) store.apply(object, { fieldManager: FIELD_MANAGER, force: true });
  const kinds = [podIdentityKinds.identity, podIdentityKinds.binding, podIdentityKinds.exception];
  for (const object of kinds.flatMap((kind) => store.list({ apiVersion: POD_IDENTITY_API, kind }))) {
    const { name, namespace, labels = {} } = object.metadata;
    const isOurs = Object.entries(MANAGED_BY).every(([label, value]) => equalJson(labels[label], value));
    const isWanted = wanted.some(
      ({ kind, metadata }) => kind === object.kind && metadata.name === name && metadata.namespace === namespace,
    );
    if (isOurs && !isWanted) store.remove({ apiVersion: POD_IDENTITY_API, kind: object.kind, name, namespace });
  }
}

function identityObjects({
  name,
  namespace,
  bindingSelector,
  identity,
}: NonNullable<ClusterSettings['podIdentity']>['identities'][number]): readonly ObjectInput[] {
  const object = (kind: string, objectName: string, spec: object): ObjectInput => ({
    apiVersion: POD_IDENTITY_API,
    kind,
    metadata: { name: objectName, namespace, labels: MANAGED_BY },
    spec,
  });
  return [
    object(podIdentityKinds.identity, name, {
      type: 0,
      clientID: identity.clientId,
      resourceID: identity.resourceId,
    }),
    object(podIdentityKinds.binding, `${name}-binding`, { azureIdentity: name, selector: bindingSelector }),
  ];
}

function exceptionObject({
  name,
  namespace,
  podLabels,
}: NonNullable<ClusterSettings['podIdentity']>['exceptions'][number]): ObjectInput {
  return {
    apiVersion: POD_IDENTITY_API,
    kind: podIdentityKinds.exception,
    metadata: { name, namespace, labels: MANAGED_BY },
    spec: { podLabels },
  };
}

/** The API server of the cluster without the way over the network: this process is both. */
function storePort(store: ClusterStore): NodeClusterPort {
  const asObject = (object: unknown): KubernetesObject => object as KubernetesObject;
  return {
    list: async (apiVersion, kind, selectors = {}) => {
      const { namespace, labelSelector, fieldSelector } = selectors;
      return Promise.resolve(
        store.list({ apiVersion, kind }, { namespace, labelSelector, fieldSelector }).map(asObject),
      );
    },
    read: async (reference) => {
      const found = store.get(reference);
      return Promise.resolve(found === undefined ? undefined : asObject(found));
    },
  };
}
