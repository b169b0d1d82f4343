import type { KubernetesObject } from '@holdfast/deployment';
import type { DriverCluster } from '@holdfast/secrets-store';

import type { ClusterStore } from '../../api/cluster-store.ts';

const FIELD_MANAGER = 'secrets-store';

/** A cluster of this process as the secrets store sees clusters. */
export function clusterPort(store: ClusterStore): DriverCluster {
  const fieldManager = FIELD_MANAGER;
  const taken = (object: unknown): KubernetesObject => object as KubernetesObject;
  return {
    read: async (reference) => {
      const found = store.get(reference);
      return Promise.resolve(found === undefined ? undefined : taken(found));
    },
    create: async (object) => Promise.resolve(taken(store.create(object, { fieldManager }))),
    replace: async (object) => Promise.resolve(taken(store.update(object, { fieldManager }))),
    apply: async (object, options) => Promise.resolve(taken(store.apply(object, options))),
  };
}
