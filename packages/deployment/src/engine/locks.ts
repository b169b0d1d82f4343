import { RequestError, toHex } from '@holdfast/base';

import type { KubernetesObject } from '../manifests/object.ts';
import { kubernetesReason } from './errors.ts';
import { numberAt, textAt } from './json.ts';
import type { KubernetesPort } from './ports.ts';
import type { Run } from './run.ts';

const NAME = 'holdfast-deployment';
const API_VERSION = 'coordination.k8s.io/v1';
const DURATION_SECONDS = 60;
const RENEW_MS = 20_000;

/** The mutual exclusion of everything that changes the cluster. Azure's part is excluded by the names of deployments. */
export interface ClusterLock {
  /** Renews when it is time; called while something is waited for. */
  renew(): Promise<void>;
  release(): Promise<void>;
}

/** The namespace that the lock is in: that of the workload. */
export function lockNamespace(run: Run): string {
  const { config } = run;
  switch (config.profile) {
    case 'uid2-vn2':
      return config.operator.namespace;
    case 'kata-cc':
      return config.kafka.namespace;
    case 'private-link':
      return config.app.namespace;
    default:
      return 'default';
  }
}

/**
 * Takes the Lease `holdfast-deployment`, creating its namespace when that is missing. One whose holder has not renewed it
 * within its 60 s may be taken over.
 * @throws RequestError DEPLOYMENT_LOCKED when somebody else holds it
 */
export async function lockCluster(run: Run, cluster: KubernetesPort, fieldManager: string): Promise<ClusterLock> {
  const { ports, signal } = run;
  const namespace = lockNamespace(run);
  await ensureNamespace(run, cluster, namespace, fieldManager);
  const holder = `holdfast-${toHex(ports.randomBytes(8))}`;
  const reference = { apiVersion: API_VERSION, kind: 'Lease', name: NAME, namespace };
  let held = await take();
  let renewedAt = ports.clock();

  async function take(): Promise<KubernetesObject> {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const live = await cluster.read(reference, { signal });
      const now = ports.clock();
      if (live !== undefined && isHeld(live, now)) throw lockedBy(live);
      const wanted = leaseOf(namespace, holder, now, live);
      try {
        return live === undefined
          ? await cluster.create(wanted, { signal })
          : await cluster.replace(wanted, { signal });
      } catch (error) {
        const reason = kubernetesReason(error)?.reason;
        // Somebody else was faster: look again who holds it.
        if (reason !== 'AlreadyExists' && reason !== 'Conflict') throw error;
      }
    }
    throw new RequestError('DEPLOYMENT_LOCKED', `several runs compete for the Lease ${NAME} in ${namespace}`, {
      action: 'Let one of them end, and run the command again.',
    });
  }

  async function write(by: string): Promise<void> {
    held = await cluster.replace(leaseOf(namespace, by, ports.clock(), held), { signal });
    renewedAt = ports.clock();
  }

  return {
    renew: async () => {
      if (ports.clock() - renewedAt >= RENEW_MS) await write(holder);
    },
    release: async () => {
      await write('');
    },
  };
}

async function ensureNamespace(run: Run, cluster: KubernetesPort, name: string, fieldManager: string): Promise<void> {
  const reference = { apiVersion: 'v1', kind: 'Namespace', name };
  if (name === 'default' || (await cluster.read(reference, { signal: run.signal })) !== undefined) return;
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await cluster.apply(object, { fieldManager, signal: run.signal });
}

function leaseOf(namespace: string, holder: string, now: number, live: KubernetesObject | undefined): KubernetesObject {
  const time = new Date(now).toISOString().replace('Z', '000Z');
  const version = textAt(live, 'metadata.resourceVersion');
  const begins = textAt(live, 'spec.holderIdentity') !== holder;
  return {
    apiVersion: API_VERSION,
    kind: 'Lease',
    metadata: { name: NAME, namespace, ...(version === undefined ? {} : { resourceVersion: version }) },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: DURATION_SECONDS,
      acquireTime: begins ? time : (textAt(live, 'spec.acquireTime') ?? time),
      renewTime: time,
    },
  };
}

function isHeld(live: KubernetesObject, now: number): boolean {
  if (textAt(live, 'spec.holderIdentity') === undefined) return false;
  const renewed = Date.parse(textAt(live, 'spec.renewTime') ?? '');
  const seconds = numberAt(live, 'spec.leaseDurationSeconds') ?? DURATION_SECONDS;
  return !Number.isNaN(renewed) && now < renewed + seconds * 1000;
}

function lockedBy(live: KubernetesObject): RequestError {
  const holder = textAt(live, 'spec.holderIdentity') ?? 'somebody';
  return new RequestError(
    'DEPLOYMENT_LOCKED',
    `${holder} is changing the cluster, last heard of at ${textAt(live, 'spec.renewTime') ?? 'an unknown time'}`,
    {
      details: { holder },
      action: 'Wait until it has ended; a run that has died gives the lock free after a minute.',
    },
  );
}
