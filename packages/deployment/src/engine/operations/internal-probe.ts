import { DependencyError } from '@holdfast/base';

import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { internalLoadBalancer, operatorName, operatorPort } from '../../manifests/operator.ts';
import type { ObjectReference } from '../ports.ts';
import { callOptions, tell } from './context.ts';
import type { OperationContext } from './context.ts';
import { askHttp, healthUrl } from './probe-operator.ts';
import type { ProbeSample } from './receipts.ts';
import { managers } from './slots.ts';
import type { Slot } from './slots.ts';

const ADDRESS_TIMEOUT_MS = 3 * 60_000;
const INTERVAL_MS = 5_000;

/** The Service that exists only while a version is asked for its health. One name, so that what an interrupted run left is found. */
export function probeServiceReference(config: Uid2Vn2Config): ObjectReference {
  return { apiVersion: 'v1', kind: 'Service', name: 'operator-probe', namespace: config.operator.namespace };
}

/**
 * For a version that is ready while the API server does not reach its pods: asks it inside the network. Where that cannot be
 * done from here either, being ready has to do, and a warning says so.
 * @throws DependencyError UPGRADE_UNHEALTHY when it answers that it is not well
 */
export async function confirmInside(
  context: OperationContext,
  config: Uid2Vn2Config,
  slot: Pick<Slot, 'name' | 'selector'>,
  stage: string,
  ready: ProbeSample,
): Promise<void> {
  const sample = await probeInside(context, config, slot, stage);
  if (sample === undefined) {
    const text = `${ready.detail}; an address inside the network does not answer here either`;
    tell(context, stage, 'warning', text);
  } else if (!sample.ok) {
    throw new DependencyError(
      'UPGRADE_UNHEALTHY',
      `${slot.name} is ready, and its health check says ${sample.detail}`,
      {
        retryable: true,
        action: 'The Service was not touched. Look at its log, and run the same command again.',
      },
    );
  }
}

/**
 * Asks a version for its health at an address inside the network, for which a Service is made and removed again: the way
 * where the API server does not reach container groups.
 * @returns undefined when the Service gets no address, or this machine does not reach it
 */
async function probeInside(
  context: OperationContext,
  config: Uid2Vn2Config,
  slot: Pick<Slot, 'name' | 'selector'>,
  stage: string,
): Promise<ProbeSample | undefined> {
  const { apiVersion, kind, ...metadata } = probeServiceReference(config);
  tell(context, stage, 'creating', `an address inside the network to ask ${slot.name} for its health`, metadata.name);
  await context.cluster.apply(
    {
      apiVersion,
      kind,
      metadata: { ...metadata, labels: { 'app.kubernetes.io/name': operatorName }, annotations: internalLoadBalancer },
      spec: {
        type: 'LoadBalancer',
        selector: slot.selector,
        ports: [{ name: 'http', port: 80, targetPort: operatorPort, protocol: 'TCP' }],
      },
    },
    { ...callOptions(context), fieldManager: managers.slots, force: true },
  );
  try {
    const url = await addressOf(context, config);
    if (url === undefined) return undefined;
    const at = context.ports.clock();
    const { reached, ok, detail } = await askHttp(context, url);
    return reached ? { at, via: 'internal', ok, detail } : undefined;
  } finally {
    // An interrupted run cannot ask any more; the next one, and destroy, remove it.
    if (context.signal?.aborted !== true)
      await context.cluster.remove(probeServiceReference(config), callOptions(context));
  }
}

async function addressOf(context: OperationContext, config: Uid2Vn2Config): Promise<string | undefined> {
  const { ports, cluster, signal } = context;
  const deadline = ports.clock() + ADDRESS_TIMEOUT_MS;
  for (;;) {
    const url = healthUrl(await cluster.read(probeServiceReference(config), callOptions(context)));
    if (url !== undefined || ports.clock() >= deadline) return url;
    await ports.sleep(INTERVAL_MS, signal);
  }
}
