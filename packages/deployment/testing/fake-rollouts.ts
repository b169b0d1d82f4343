import type { KubernetesObject } from '../src/manifests/object.ts';
import type { FakeClock } from './fake-clock.ts';

interface FakePod {
  readonly name: string;
  readonly template: string;
  readonly createdAt: number;
}

interface Rollout {
  readonly pods: FakePod[];
  made: number;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * The controller of Deployments in virtual time: pods become ready one by one, a changed template replaces them one at a
 * time and goes on only when the new one is ready, and each pod has a container group that outlives it.
 */
export class FakeRollouts {
  readyAfterMs = 40_000;
  /** How long a container group stays after its pod. */
  groupLingersMs = 60_000;
  /** Whether a pod of this template never becomes ready. */
  neverReady: (template: string) => boolean = () => false;
  readonly #rollouts = new Map<string, Rollout>();
  readonly #groups = new Map<string, number | undefined>();
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  /** Names of the container groups that are there. */
  containerGroups(): readonly string[] {
    const now = this.#clock.now();
    return [...this.#groups].filter(([, goneAt]) => goneAt === undefined || goneAt > now).map(([name]) => name);
  }

  podsOf(owner: KubernetesObject, stuck: boolean): readonly KubernetesObject[] {
    return this.#sync(owner, stuck).map((pod) =>
      podObject(owner, pod, this.#readySince(pod, stuck), this.#clock.now()),
    );
  }

  statusOf(owner: KubernetesObject, stuck: boolean): Json {
    const pods = this.#sync(owner, stuck);
    const spec = owner['spec'] as Json;
    const now = this.#clock.now();
    const waitMs = Number(spec['minReadySeconds'] ?? 0) * 1_000;
    const readyFor = (ms: number): number =>
      pods.filter((pod) => {
        const since = this.#readySince(pod, stuck);
        return since !== undefined && now - since >= ms;
      }).length;
    return {
      observedGeneration: (owner.metadata as unknown as Json)['generation'],
      replicas: pods.length,
      updatedReplicas: pods.filter(({ template }) => template === templateOf(owner)).length,
      readyReplicas: readyFor(0),
      availableReplicas: readyFor(waitMs),
    };
  }

  /** A Deployment is gone, and its pods with it. */
  removed(name: string, namespace = 'default'): void {
    const rollout = this.#rollouts.get(`${namespace}/${name}`);
    if (rollout === undefined) return;
    while (rollout.pods.length > 0) this.#end(rollout, rollout.pods.at(-1));
  }

  #readySince(pod: FakePod, stuck: boolean): number | undefined {
    const at = pod.createdAt + this.readyAfterMs;
    return stuck || this.neverReady(pod.template) || at > this.#clock.now() ? undefined : at;
  }

  #sync(owner: KubernetesObject, stuck: boolean): readonly FakePod[] {
    const key = `${owner.metadata.namespace ?? 'default'}/${owner.metadata.name}`;
    const rollout = this.#rollouts.get(key) ?? { pods: [], made: 0 };
    this.#rollouts.set(key, rollout);
    const wanted = Number((owner['spec'] as Json)['replicas'] ?? 1);
    const template = templateOf(owner);
    const old = rollout.pods.filter((pod) => pod.template !== template);
    const settled = rollout.pods
      .filter((pod) => pod.template === template)
      .every((pod) => this.#readySince(pod, stuck) !== undefined);
    if (old.length === 0) {
      while (rollout.pods.length > wanted) this.#end(rollout, rollout.pods.at(-1));
      while (rollout.pods.length < wanted) this.#start(owner, rollout, template);
    } else if (settled) {
      if (rollout.pods.length > wanted) this.#end(rollout, old[0]);
      else this.#start(owner, rollout, template);
    }
    return rollout.pods;
  }

  #start(owner: KubernetesObject, rollout: Rollout, template: string): void {
    const name = `${owner.metadata.name}-${String(rollout.made).padStart(5, 'x')}`;
    rollout.made += 1;
    rollout.pods.push({ name, template, createdAt: this.#clock.now() });
    this.#groups.set(name, undefined);
  }

  #end(rollout: Rollout, pod: FakePod | undefined): void {
    if (pod === undefined) return;
    rollout.pods.splice(rollout.pods.indexOf(pod), 1);
    this.#groups.set(pod.name, this.#clock.now() + this.groupLingersMs);
  }
}

function templateOf(owner: KubernetesObject): string {
  return JSON.stringify((owner['spec'] as Json)['template']);
}

function podObject(owner: KubernetesObject, pod: FakePod, since: number | undefined, now: number): KubernetesObject {
  const template = JSON.parse(pod.template) as {
    metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
    spec: unknown;
  };
  const ready = since !== undefined;
  const metadata = {
    name: pod.name,
    namespace: owner.metadata.namespace ?? 'default',
    labels: template.metadata.labels,
    annotations: template.metadata.annotations ?? {},
    creationTimestamp: new Date(pod.createdAt).toISOString(),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: template.spec,
    status: {
      phase: ready ? 'Running' : 'Pending',
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        {
          type: 'Ready',
          status: ready ? 'True' : 'False',
          lastTransitionTime: new Date(since ?? pod.createdAt).toISOString(),
        },
      ],
      containerStatuses: [
        {
          name: 'uid2-operator',
          ready,
          restartCount: 0,
          state: { running: { startedAt: new Date(Math.min(now, pod.createdAt + 1_000)).toISOString() } },
        },
      ],
    },
  };
}
