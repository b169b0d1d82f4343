import type { ClusterEvent, ClusterStore } from '../api/cluster-store.ts';
import { Cluster, keyOf, splitKey } from '../controllers/cluster.ts';
import type { Controller } from '../controllers/controller.ts';
import type { PodObject, StringMap } from '../controllers/objects.ts';
import { isReady } from '../controllers/pods.ts';
import { isVirtualNodeImage } from './platform-pod.ts';
import { virtualNodeDescription } from './node-object.ts';
import type { VirtualKubelet } from './virtual-kubelet.ts';
import type { NodeDescription } from './node-object.ts';

export interface VirtualNodesOptions {
  readonly store: ClusterStore;
  /** Makes the kubelet of a virtual node that has this address. */
  readonly createKubelet: (node: NodeDescription, address: string) => VirtualKubelet;
}

/**
 * Virtual nodes of the cluster: one for each pod of the chart that runs a kubelet, with that pod's name. When such a pod goes, its
 * node stays as one that is not ready, with its pods running, as on a real cluster, until somebody deletes the Node object.
 */
export class VirtualNodes implements Controller {
  readonly name = 'virtual-nodes';
  readonly watches = ['Pod', 'Node'] as const;
  readonly #cluster: Cluster;
  readonly #createKubelet: VirtualNodesOptions['createKubelet'];
  readonly #kubelets = new Map<string, VirtualKubelet>();

  constructor({ store, createKubelet }: VirtualNodesOptions) {
    this.#cluster = new Cluster(store, 'virtual-node');
    this.#createKubelet = createKubelet;
  }

  get kubelets(): readonly VirtualKubelet[] {
    return [...this.#kubelets.values()];
  }

  keys({ type, object }: ClusterEvent): readonly string[] {
    if (object.kind === 'Pod') return runsKubelet(object as unknown as PodObject) ? [keyOf(object)] : [];
    return type === 'DELETED' && this.#kubelets.has(object.metadata.name) ? [`/${object.metadata.name}`] : [];
  }

  async reconcile(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    if (namespace === '') {
      await this.#forget(name);
      return undefined;
    }
    const pod = this.#cluster.find('Pod', name, namespace);
    const address = pod?.status?.podIP;
    const kubelet = this.#kubelets.get(name);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) kubelet?.setReady(false);
    else if (isReady(pod) && address !== undefined) this.#run(pod, address);
    return undefined;
  }

  #run(pod: PodObject, address: string): void {
    const { name } = pod.metadata;
    const known = this.#kubelets.get(name);
    if (known !== undefined) {
      if (this.#cluster.find('Node', name)?.status?.conditions?.some(isNotReady) === true) known.setReady(true);
      return;
    }
    const kubelet = this.#createKubelet(virtualNodeDescription(name, customLabels(pod)), address);
    this.#kubelets.set(name, kubelet);
    kubelet.start();
  }

  /** Its Node object is gone, and with it what ran there. */
  async #forget(name: string): Promise<void> {
    const kubelet = this.#kubelets.get(name);
    if (kubelet === undefined || this.#cluster.find('Node', name) !== undefined) return;
    this.#kubelets.delete(name);
    await kubelet.stop(0);
    for (const pod of this.#cluster.list('Pod')) if (pod.spec.nodeName === name) this.#cluster.remove(pod, 0);
  }
}

/** Whether a pod is the kubelet of a virtual node, which has the pod's name. */
export function runsKubelet({ spec }: PodObject): boolean {
  return spec.containers.some(({ name, image }) => name === 'kubelet' && isVirtualNodeImage(image));
}

function isNotReady({ type, status }: { readonly type: string; readonly status: string }): boolean {
  return type === 'Ready' && status !== 'True';
}

/** `CustomNodeLabels` of the kubelet: `key=value,key=value`. */
function customLabels(pod: PodObject): StringMap {
  const pairs = (kubeletVariable(pod, 'CustomNodeLabels') ?? '')
    .split(',')
    .map((pair) => pair.split('=') as [string, string?]);
  return Object.fromEntries(pairs.filter(([name]) => name !== '').map(([name, value = '']) => [name, value]));
}

/** A variable of the kubelet of a virtual node; undefined when it is missing or empty. */
export function kubeletVariable({ spec }: PodObject, name: string): string | undefined {
  const kubelet = spec.containers.find((container) => container.name === 'kubelet');
  const value = kubelet?.env?.find((one) => one['name'] === name)?.['value'];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
