import type { KubernetesObject, ObjectReference } from '@holdfast/deployment';

import type { WebhookCluster } from '../src/index.ts';

class Refused extends Error {
  readonly details: { readonly reason: string };
  constructor(reason: string) {
    super(reason);
    this.details = { reason };
  }
}

/** Objects in memory, with versions as a cluster has them. */
export class FakeCluster implements WebhookCluster {
  readonly objects = new Map<string, KubernetesObject>();
  readonly applied: KubernetesObject[] = [];
  reads = 0;
  #version = 0;

  put(object: KubernetesObject): void {
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    this.objects.set(keyOf(object.kind, object.metadata), { ...object, metadata });
  }

  version(): Promise<string> {
    return Promise.resolve('v1.34.2');
  }

  read({ kind, ...place }: ObjectReference): Promise<KubernetesObject | undefined> {
    this.reads += 1;
    return Promise.resolve(this.objects.get(keyOf(kind, place)));
  }

  create(object: KubernetesObject): Promise<KubernetesObject> {
    if (this.objects.has(keyOf(object.kind, object.metadata))) return Promise.reject(new Refused('AlreadyExists'));
    this.put(object);
    return Promise.resolve(object);
  }

  replace(object: KubernetesObject): Promise<KubernetesObject> {
    const live = this.objects.get(keyOf(object.kind, object.metadata))?.metadata as { resourceVersion?: string };
    const given = (object.metadata as { resourceVersion?: string }).resourceVersion;
    if (live?.resourceVersion !== given) return Promise.reject(new Refused('Conflict'));
    this.put(object);
    return Promise.resolve(object);
  }

  apply(object: KubernetesObject): Promise<KubernetesObject> {
    this.applied.push(object);
    return Promise.resolve(object);
  }

  async *watch(_apiVersion: string, kind: string, { signal }: { readonly signal: AbortSignal }) {
    for (const object of this.objects.values()) if (object.kind === kind) yield { type: 'ADDED' as const, object };
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
}

function keyOf(kind: string, { namespace, name }: { readonly namespace?: string; readonly name: string }): string {
  return `${kind}/${namespace ?? ''}/${name}`;
}
