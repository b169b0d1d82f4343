import { errorMessage } from '@holdfast/base';
import { buildMetricsApp, createMetricsRegistry, listen } from '@holdfast/http';
import type { RunningService, ServiceHost, StartService } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import { buildApp } from './app.ts';
import { createNodeCluster } from './cluster/node-cluster.ts';
import type { NodeClusterPort } from './cluster/node-cluster.ts';
import { readConfig } from './config.ts';
import type { NmiConfig } from './config.ts';
import { createEvents } from './events.ts';
import type { NmiEvents } from './events.ts';
import { buildHealthApp } from './health-app.ts';
import { managedSearch, standardSearch } from './nmi/identity-search.ts';
import type { SearchIdentity } from './nmi/identity-search.ts';
import type { NodeCluster } from './nmi/node-cluster.ts';
import { createNmiServer } from './nmi/server.ts';
import type { NmiServer } from './nmi/server.ts';
import { forgetConnections } from './redirect/conntrack.ts';
import { refuseKubenet } from './redirect/kubenet.ts';
import { createRedirector } from './redirect/redirector.ts';
import { sleep } from './sleep.ts';
import { createTokenSource } from './tokens/acquire.ts';
import { createOutbound } from './tokens/outbound.ts';
import type { Outbound } from './tokens/outbound.ts';

/** Starts the node's server of pod identity: listener first, then the redirection that sends pods to it. */
export const startPodIdentity: StartService = async (host): Promise<RunningService> => {
  const config = readConfig(host);
  if (!config['allow-network-plugin-kubenet']) await refuseKubenet(config['kubelet-config']);
  const { openCluster } = await import('@holdfast/kubernetes');
  return servePodIdentity(host, config, await openCluster(config.kubeconfig_file, host.env));
};

/** The node's server of a cluster that is already open. */
export async function servePodIdentity(
  host: Pick<ServiceHost, 'logger' | 'fail'>,
  config: NmiConfig,
  port: NodeClusterPort,
): Promise<RunningService> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return { addresses: await start(host, config, port, undo), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  host: Pick<ServiceHost, 'logger' | 'fail'>,
  config: NmiConfig,
  port: NodeClusterPort,
  undo: (() => Promise<unknown>)[],
): Promise<RunningService['addresses']> {
  const registry = createMetricsRegistry('pod-identity');
  const events = createEvents(host.logger, registry);
  const outbound = createOutbound({ timeoutMs: config['metadata-timeout-ms'] });
  undo.push(async () => outbound.close());
  const cluster = createNodeCluster({
    port,
    node: config.node,
    ownNodeOnly: config.enableScaleFeatures,
    clock: Date.now,
    onFailure: () => events.clusterFailed(),
  });
  const app = buildApp({
    server: nodeServer(config, cluster, outbound, events),
    events,
    jsonErrors: config['json-errors'],
    maxWaitingPerPod: config['max-waiting-per-pod'],
  });
  undo.push(async () => app.close());
  const nmi = await listen(app, { host: config['nmi-listen-address'], port: config['nmi-port'] });
  let isActive = config.redirect === 'none';
  if (config.redirect !== 'none') {
    undo.push(await keepRedirected(host, config, Number(new URL(nmi).port)));
    isActive = true;
  }
  const addresses: Record<string, string> = { nmi };
  const others: readonly (readonly [string, number, FastifyInstance])[] = [
    ['probe', config['http-probe-port'], buildHealthApp(() => isActive)],
    ['metrics', config['prometheus-port'], buildMetricsApp(registry)],
  ];
  for (const [name, wanted, other] of others) {
    if (wanted === -1) continue;
    undo.push(async () => other.close());
    addresses[name] = await listen(other, { host: '0.0.0.0', port: wanted });
  }
  return addresses;
}

/** The handlers behind the listener. */
function nodeServer(config: NmiConfig, cluster: NodeCluster, outbound: Outbound, events: NmiEvents): NmiServer {
  const { rules } = config;
  const origin = `http://${config['metadata-ip']}:${config['metadata-port']}`;
  const { send } = outbound;
  const tokens = createTokenSource({
    cluster,
    metadata: { origin, send, sleep, rules },
    principal: { send, clock: Date.now, authorities: config.authorities },
    rules,
    primaryOnly: config['primary-token-only'],
    onAttempt: (...attempt) => events.metadataAsked(...attempt),
    monotonic: () => performance.now(),
  });
  return (request) => {
    const begun = performance.now();
    const server = createNmiServer({
      settings: {
        rules,
        metadataHeaderRequired: config['metadata-header-required'],
        blockInstanceMetadata: config['block-instance-metadata'],
        setRetryAfterHeader: config['set-retry-after-header'],
        micNamespace: config.MICNamespace,
        node: config.node,
        metadataOrigin: origin,
      },
      cluster,
      searchIdentity: identitySearch(config, cluster),
      tokens,
      send,
      sleep,
      onAnswer: (fact) => events.answered(fact, (performance.now() - begun) / 1000),
    });
    return server(request);
  };
}

function identitySearch(config: NmiConfig, cluster: NodeCluster): SearchIdentity {
  const { rules, forceNamespaced } = config;
  if (config['operation-mode'] === 'managed') return managedSearch(cluster, rules);
  return standardSearch(cluster, {
    retryCreated: config['retry-attempts-for-created'],
    retryAssigned: config['retry-attempts-for-assigned'],
    intervalSeconds: config['find-identity-retry-interval'],
    forceNamespaced,
    rules,
    sleep,
  });
}

/** Redirects pods to the listener and repairs the rules at an interval. Answers what ends it. */
async function keepRedirected(
  host: Pick<ServiceHost, 'logger'>,
  config: NmiConfig,
  listenPort: number,
): Promise<() => Promise<void>> {
  const redirector = createRedirector({
    tool: config.redirect === 'iptables' ? 'iptables' : 'nftables',
    redirection: {
      metadataAddress: config['metadata-ip'],
      metadataPort: config['metadata-port'],
      listenAddress: config['nmi-listen-address'],
      listenPort,
    },
  });
  await redirector.apply();
  if (config['enable-conntrack-deletion']) {
    const { problem } = await forgetConnections(config['metadata-ip']);
    if (problem !== undefined) host.logger.warn({ reason: problem }, 'old connections to the metadata service stay');
  }
  let repairing = Promise.resolve();
  const repair = async (): Promise<void> => {
    try {
      if (await redirector.repair()) host.logger.warn('the redirection was changed by somebody and is repaired');
    } catch (error) {
      host.logger.error({ reason: errorMessage(error) }, 'the redirection cannot be repaired');
    }
  };
  const timer = setInterval(() => {
    repairing = repairing.then(repair);
  }, config['ipt-update-interval-sec'] * 1000);
  return async () => {
    clearInterval(timer);
    await repairing;
    await redirector.remove();
  };
}
