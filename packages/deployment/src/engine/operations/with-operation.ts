import { RequestError } from '@holdfast/base';

import { interrupted } from '../errors.ts';
import { lockCluster } from '../locks.ts';
import type { ClusterLock } from '../locks.ts';
import type { EnginePorts, Sleep } from '../ports.ts';
import type { Run } from '../run.ts';
import type { OperationContext } from './context.ts';

const LONGEST_PAUSE_MS = 20_000;

/**
 * Runs an operation on the cluster of a run while nobody else changes it.
 * @throws RequestError CLUSTER_ABSENT, DEPLOYMENT_LOCKED, DEPLOYMENT_INTERRUPTED
 */
export async function withOperation<T>(run: Run, work: (context: OperationContext) => Promise<T>): Promise<T> {
  const { ports, signal, resolved } = run;
  const cluster = await run.cluster();
  if (cluster === undefined) {
    throw new RequestError('CLUSTER_ABSENT', 'the cluster of this deployment does not exist', {
      action: 'Deploy it first: holdfast apply.',
    });
  }
  const { objectId } = await ports.arm.caller({ signal });
  const lock = await lockCluster(run, cluster, 'uid2-operator');
  const locked: EnginePorts = { ...ports, sleep: renewing(lock, ports.sleep) };
  try {
    return await work({ ports: locked, cluster, subscriptionId: resolved.subscriptionId, by: objectId, signal });
  } catch (error) {
    throw signal.aborted ? interrupted() : error;
  } finally {
    await released(lock);
  }
}

/** Long pauses in short pieces, so that the lock is renewed before it runs out. */
function renewing(lock: ClusterLock, sleep: Sleep): Sleep {
  return async (ms, signal) => {
    for (let left = ms; left > 0; left -= LONGEST_PAUSE_MS) {
      await lock.renew();
      await sleep(Math.min(left, LONGEST_PAUSE_MS), signal);
    }
  };
}

/** A lock that cannot be given back runs out by itself after a minute, and must not hide why the operation ended. */
async function released(lock: ClusterLock): Promise<void> {
  try {
    await lock.release();
  } catch {
    // As said above.
  }
}
