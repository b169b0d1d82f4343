import type { Cluster } from '../controllers/cluster.ts';
import type { Condition, NodeObject, Taint } from '../controllers/objects.ts';
import { withCondition } from '../controllers/pods.ts';
import { timestamp } from '../controllers/timers.ts';
import type { Cancel, Timers } from '../controllers/timers.ts';
import type { NodeDescription } from './node-object.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** Keeps the Node object of one node true, and its lease fresh. */
export class NodeRegistration {
  readonly #cluster: Cluster;
  readonly #timers: Timers;
  readonly #description: NodeDescription;
  readonly #address: string;
  /** How long a node has been ready when it says so for the first time, milliseconds. */
  readonly #readyForMs: number;
  #ready = false;
  #cancel: Cancel | undefined;

  constructor(cluster: Cluster, timers: Timers, description: NodeDescription, address: string, readyForMs = 0) {
    this.#cluster = cluster;
    this.#timers = timers;
    this.#description = description;
    this.#address = address;
    this.#readyForMs = readyForMs;
  }

  /** Makes the Node object, unless there is one of an earlier time, and says that the node is ready. */
  register(): void {
    const { name, labels, taints } = this.#description;
    if (this.#cluster.find('Node', name) === undefined) {
      this.#cluster.create({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { taints } });
    }
    this.setReady(true);
    this.#beat();
  }

  /** A node that is not ready gets no new pods; those it has stay. */
  setReady(ready: boolean): void {
    const node = this.#cluster.find('Node', this.#description.name);
    if (node === undefined) return;
    this.#ready = ready;
    this.#taint(node, ready);
    this.#writeStatus();
    if (ready && this.#cancel === undefined) this.#beat();
    if (!ready) this.#silence();
  }

  close(): void {
    this.#silence();
  }

  #taint(node: NodeObject, ready: boolean): void {
    const before = node.spec?.taints ?? [];
    const others = before.filter(({ key }) => key !== NOT_READY.key);
    const taints = ready ? others : [...others, NOT_READY];
    if (taints.length !== before.length) this.#cluster.merge(node, { spec: { taints } });
  }

  #writeStatus(): void {
    const node = this.#cluster.find('Node', this.#description.name);
    if (node === undefined) return;
    const { capacity, allocatable, version, name } = this.#description;
    const now = timestamp(this.#timers.clock());
    const since = timestamp(this.#timers.clock() - this.#readyForMs);
    const conditions = this.#conditions().reduce(
      (list, condition) => withCondition(list, { ...condition, lastHeartbeatTime: now }, since),
      node.status?.conditions ?? [],
    );
    this.#cluster.writeStatus(node, {
      capacity,
      allocatable,
      conditions,
      addresses: [
        { type: 'InternalIP', address: this.#address },
        { type: 'Hostname', address: name },
      ],
      nodeInfo: {
        architecture: 'amd64',
        operatingSystem: 'linux',
        osImage: 'Holdfast local cloud',
        kernelVersion: '',
        containerRuntimeVersion: 'holdfast://local',
        kubeletVersion: version,
        kubeProxyVersion: version,
        bootID: '',
        machineID: '',
        systemUUID: '',
      },
    });
  }

  #conditions(): readonly Condition[] {
    const fine = (type: string, reason: string): Condition => ({ type, status: 'False', reason, message: '' });
    const ready: Condition = this.#ready
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : {
          type: 'Ready',
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
        };
    return [
      fine('MemoryPressure', 'KubeletHasSufficientMemory'),
      fine('DiskPressure', 'KubeletHasNoDiskPressure'),
      fine('PIDPressure', 'KubeletHasSufficientPID'),
      ready,
    ];
  }

  #beat(): void {
    this.#silence();
    this.#renewLease();
    this.#cancel = this.#timers.after(RENEW_MS, () => this.#beat());
  }

  #silence(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #renewLease(): void {
    const { name } = this.#description;
    // Micro time: six digits after the point.
    const renewTime = new Date(this.#timers.clock()).toISOString().replace('Z', '000Z');
    const lease = this.#cluster.find('Lease', name, LEASE_NAMESPACE);
    if (lease !== undefined) {
      this.#cluster.merge(lease, { spec: { renewTime } });
      return;
    }
    this.#cluster.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: LEASE_NAMESPACE },
      spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
    });
  }
}
