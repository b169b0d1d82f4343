import type { KubernetesObject, ObjectReference } from '@holdfast/deployment';

import type { LiveObject } from '../../src/driver/objects.ts';
import type { DriverCluster } from '../../src/driver/volume-driver.ts';

export interface FakeCluster extends DriverCluster {
  readonly objects: Map<string, LiveObject>;
  put(object: object): void;
  get(kind: string, name: string): LiveObject | undefined;
  events(): readonly { readonly reason: string; readonly message: string }[];
}

/** Objects of one namespace in memory; apply and replace put the object as it is given. */
export function fakeCluster(): FakeCluster {
  const objects = new Map<string, LiveObject>();
  let count = 0;
  const keyOf = (kind: string, name: string): string => `${kind}/${name}`;
  const put = (object: KubernetesObject): LiveObject => {
    const key = keyOf(object.kind, object.metadata.name);
    const uid = objects.get(key)?.metadata.uid ?? `uid-${object.metadata.name}`;
    const live = { ...object, metadata: { uid, ...object.metadata, resourceVersion: String(++count) } } as LiveObject;
    objects.set(key, live);
    return live;
  };
  return {
    objects,
    put: (object) => void put(object as KubernetesObject),
    get: (kind, name) => objects.get(keyOf(kind, name)),
    events: () =>
      [...objects.values()]
        .filter(({ kind }) => kind === 'Event')
        .map((event) => event as unknown as { reason: string; message: string }),
    read: async ({ kind, name }: ObjectReference) => Promise.resolve(objects.get(keyOf(kind, name))),
    create: async (object) => {
      if (objects.has(keyOf(object.kind, object.metadata.name))) {
        throw Object.assign(new Error('already there'), { details: { reason: 'AlreadyExists' } });
      }
      return Promise.resolve(put(object));
    },
    replace: async (object) => Promise.resolve(put(object)),
    apply: async (object) => Promise.resolve(put(object)),
  };
}
