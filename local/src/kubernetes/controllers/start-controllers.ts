import type { ClusterStore } from '../api/cluster-store.ts';
import { Cluster, kindReference } from './cluster.ts';
import type { Controller } from './controller.ts';
import { DeploymentController } from './deployment-controller.ts';
import { DisruptionController } from './disruption-controller.ts';
import { EventRecorder } from './event-recorder.ts';
import { LoadBalancerController } from './load-balancer-controller.ts';
import type { PublishedPort } from './load-balancer-controller.ts';
import type { LoopbackAddresses } from './loopback-addresses.ts';
import { ReplicaSetController } from './replica-set-controller.ts';
import { Scheduler } from './scheduler.ts';
import { ServiceController } from './service-controller.ts';
import { StatefulSetController } from './stateful-set-controller.ts';
import type { Timers } from './timers.ts';
import { WorkQueue } from './work-queue.ts';

export interface ControllersOptions {
  readonly store: ClusterStore;
  readonly timers: Timers;
  /** Addresses for services of type LoadBalancer; such services get none when missing. */
  readonly loadBalancers?: LoopbackAddresses;
  /** More places where ports of such services answer. */
  readonly published?: readonly PublishedPort[];
  /** Told about what a controller could not do after several attempts; it goes on trying. */
  readonly onError: (error: unknown) => void;
}

/** The control loops of a cluster. */
export interface RunningControllers {
  /** Resolves once there is nothing to do but wait for time or changes. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the controllers and the scheduler of a cluster on its store. */
export function startControllers(options: ControllersOptions): RunningControllers {
  const { store, timers } = options;
  return runControllers(options, [
    ...workloadControllers(store, timers),
    new ServiceController(new Cluster(store, MANAGER)),
    new DisruptionController(new Cluster(store, MANAGER), timers),
    ...loadBalancers(options),
    scheduler(store, timers),
  ]);
}

const MANAGER = 'kube-controller-manager';

function workloadControllers(store: ClusterStore, timers: Timers): readonly Controller[] {
  const cluster = new Cluster(store, MANAGER);
  const events = (component: string): EventRecorder => new EventRecorder(cluster, timers, component);
  return [
    new DeploymentController(cluster, timers, events('deployment-controller')),
    new ReplicaSetController(cluster, timers, events('replicaset-controller')),
    new StatefulSetController(cluster, timers, events('statefulset-controller')),
  ];
}

function loadBalancers({
  store,
  timers,
  loadBalancers: addresses,
  published,
}: ControllersOptions): readonly Controller[] {
  if (addresses === undefined) return [];
  const cluster = new Cluster(store, 'cloud-controller-manager');
  const events = new EventRecorder(cluster, timers, 'service-controller');
  return [new LoadBalancerController(cluster, events, addresses, published)];
}

function scheduler(store: ClusterStore, timers: Timers): Controller {
  const cluster = new Cluster(store, 'kube-scheduler');
  return new Scheduler(cluster, timers, new EventRecorder(cluster, timers, 'default-scheduler'));
}

/** Runs control loops: what is there first, then every change. */
export function runControllers(
  { store, timers, onError }: Pick<ControllersOptions, 'store' | 'timers' | 'onError'>,
  controllers: readonly Controller[],
): RunningControllers {
  const queue = new WorkQueue(timers, onError);
  const stops: (() => void)[] = [];
  for (const controller of controllers) {
    const tell = (event: Parameters<Controller['keys']>[0]): void => {
      for (const key of controller.keys(event)) queue.add(controller.name, key, (each) => controller.reconcile(each));
    };
    for (const kind of controller.watches) {
      stops.push(store.subscribe(kindReference(kind), tell));
      for (const object of store.list(kindReference(kind))) tell({ type: 'ADDED', object, previous: undefined });
    }
  }
  return {
    settled: () => queue.settled(),
    close: async () => {
      for (const stop of stops) stop();
      await queue.close();
      for (const controller of controllers) await controller.close?.();
    },
  };
}
