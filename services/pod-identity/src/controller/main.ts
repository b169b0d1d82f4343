import { randomUUID } from 'node:crypto';

import { POD_IDENTITY_API, podIdentityKinds } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import type { ArmPort, KubernetesPort } from '@holdfast/deployment';
import { buildMetricsApp, createMetricsRegistry, listen } from '@holdfast/http';
import type { RunningService, ServiceHost, StartService } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import { buildHealthApp } from '../health-app.ts';
import { sleep } from '../sleep.ts';
import { createBindingEvents } from './binding-events.ts';
import type { TellAssignment } from './binding-events.ts';
import { readControllerConfig } from './config.ts';
import type { ControllerConfig } from './config.ts';
import { runCycle } from './cycle.ts';
import { createControllerEvents } from './events.ts';
import type { ControllerEvents } from './events.ts';
import { holdLease, releaseLease } from './leader-lease.ts';
import type { LeaseOptions } from './leader-lease.ts';

export type ControllerCluster = Pick<KubernetesPort, 'list' | 'read' | 'create' | 'replace' | 'remove' | 'watch'>;

/** Changes that come together are answered by one round. */
const SETTLE_MS = 500;
const WATCHED = [
  ['v1', 'Pod'],
  [POD_IDENTITY_API, podIdentityKinds.identity],
  [POD_IDENTITY_API, podIdentityKinds.binding],
] as const;

/** Starts the controller of standard mode. On AKS with the add-on, Azure does its work. */
export const startController: StartService = async (host): Promise<RunningService> => {
  const config = readControllerConfig(host);
  const [{ openCluster }, { chainCredentials, createArmClient }] = await Promise.all([
    import('@holdfast/kubernetes'),
    import('@holdfast/azure'),
  ]);
  const { subscription: subscriptionId, AZURE_TENANT_ID: tenantId } = config;
  const credential = chainCredentials({ env: host.env, ...(tenantId === undefined ? {} : { tenantId }) });
  const arm = createArmClient({ subscriptionId, credential, clock: Date.now });
  return serveController(host, config, { cluster: await openCluster(config.kubeconfig_file, host.env), arm });
};

/** The controller of a cluster and a subscription that are already open. */
export async function serveController(
  host: Pick<ServiceHost, 'logger'>,
  config: ControllerConfig,
  world: { readonly cluster: ControllerCluster; readonly arm: Pick<ArmPort, 'read' | 'write'> },
): Promise<RunningService> {
  const registry = createMetricsRegistry('pod-identity-controller');
  const events = createControllerEvents(host.logger, registry);
  const stopping = new AbortController();
  const state = { isLeader: false };
  const addresses: Record<string, string> = {};
  const apps: FastifyInstance[] = [];
  const listeners = [
    ['probe', config['http-probe-port'], buildHealthApp(() => state.isLeader)],
    ['metrics', config['prometheus-port'], buildMetricsApp(registry)],
  ] as const;
  for (const [name, port, app] of listeners) {
    if (port === -1) continue;
    apps.push(app);
    addresses[name] = await listen(app, { host: '0.0.0.0', port });
  }
  const lease: LeaseOptions = {
    cluster: world.cluster,
    namespace: config.leaderElectionNamespace,
    name: config.leaderElectionName,
    holder: config.POD_NAME ?? randomUUID(),
    seconds: config.leaderElectionDuration,
    clock: Date.now,
  };
  const tell = createBindingEvents({
    cluster: world.cluster,
    clock: Date.now,
    onProblem: (error) => events.warned(`an event cannot be written: ${errorMessage(error)}`),
  });
  const working = work(config, world, { events, state, lease, tell }, stopping.signal);
  return {
    addresses,
    stop: async () => {
      stopping.abort();
      await working;
      for (const app of apps) await app.close();
    },
  };
}

interface Work {
  readonly events: ControllerEvents;
  readonly state: { isLeader: boolean };
  readonly lease: LeaseOptions;
  readonly tell: TellAssignment;
}

/** Keeps the lease, and runs rounds while it is held, until the signal aborts. Never rejects. */
async function work(
  config: ControllerConfig,
  world: { readonly cluster: ControllerCluster; readonly arm: Pick<ArmPort, 'read' | 'write'> },
  { events, state, lease, tell }: Work,
  signal: AbortSignal,
): Promise<void> {
  let leadership = new AbortController();
  const wakeUp = createWakeUp();
  const watching = WATCHED.map(([apiVersion, kind]) =>
    watch(world.cluster, { apiVersion, kind, wake: wakeUp.wake, signal }),
  );
  const electing = (async () => {
    while (!signal.aborted) {
      const isLeader = config.leaderElection ? await tryLease(lease, events, signal) : true;
      if (!isLeader) leadership.abort();
      else if (leadership.signal.aborted) leadership = new AbortController();
      if (isLeader && !state.isLeader) wakeUp.wake();
      state.isLeader = isLeader;
      events.leading(isLeader);
      await quietly(sleep((lease.seconds * 1000) / 3, signal));
    }
  })();
  while (!signal.aborted) {
    await wakeUp.wait(config.syncRetryInterval * 1000, signal);
    if (signal.aborted || !state.isLeader) continue;
    // Whoever loses the lease stops in the middle: another may be at work already.
    await round(config, world, { events, tell }, AbortSignal.any([signal, leadership.signal]));
  }
  await Promise.all([electing, ...watching]);
  if (config.leaderElection && state.isLeader) await quietly(releaseLease(lease, AbortSignal.timeout(5_000)));
}

async function round(
  config: ControllerConfig,
  { cluster, arm }: { readonly cluster: ControllerCluster; readonly arm: Pick<ArmPort, 'read' | 'write'> },
  { events, tell }: Pick<Work, 'events' | 'tell'>,
  signal: AbortSignal,
): Promise<void> {
  const begun = performance.now();
  try {
    const result = await runCycle(
      {
        cluster,
        arm,
        sleep,
        forceNamespaced: config.forceNamespaced,
        immutableClientIds: new Set(config['immutable-user-msis'].map((id) => id.toLowerCase())),
        ownIdentities: new Set(config['own-identities'].map((id) => id.toLowerCase())),
        onWarning: (sentence) => events.warned(sentence),
        tell,
        onOperation: (...operation) => events.operated(...operation),
        monotonic: () => performance.now(),
      },
      signal,
    );
    events.cycled(result, (performance.now() - begun) / 1000);
  } catch (error) {
    if (!signal.aborted) events.cycleFailed(errorMessage(error));
  }
}

async function tryLease(lease: LeaseOptions, events: ControllerEvents, signal: AbortSignal): Promise<boolean> {
  try {
    return await holdLease(lease, signal);
  } catch (error) {
    if (!signal.aborted) events.warned(`the lease cannot be renewed: ${errorMessage(error)}`);
    return false;
  }
}

async function watch(
  cluster: ControllerCluster,
  watched: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly wake: () => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { apiVersion, kind, wake, signal } = watched;
  while (!signal.aborted) {
    try {
      for await (const _event of cluster.watch(apiVersion, kind, { signal })) wake();
    } catch {
      // The rounds at an interval go on without it; it is tried again.
    }
    await quietly(sleep(30_000, signal));
  }
}

interface WakeUp {
  readonly wake: () => void;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

function createWakeUp(): WakeUp {
  let woken = Promise.withResolvers<void>();
  return {
    wake: () => woken.resolve(),
    wait: async (ms, signal) => {
      const over = new AbortController();
      await Promise.race([woken.promise, quietly(sleep(ms, AbortSignal.any([signal, over.signal])))]);
      over.abort();
      await quietly(sleep(SETTLE_MS, signal));
      woken = Promise.withResolvers<void>();
    },
  };
}

/** Waits; being stopped is no failure. */
async function quietly(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch {
    // Only a stop ends these waits early, and whoever waits looks at the signal.
  }
}
