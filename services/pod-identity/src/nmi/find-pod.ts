import type { MatchingRules } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import type { Sleep } from '@holdfast/deployment';

import type { NmiPod, NodeCluster } from './node-cluster.ts';

const LOOKS = 5;
const PAUSE_MS = 300;

export type FoundPod = { readonly pod: NmiPod } | { readonly problem: string };

export interface FindPod {
  readonly cluster: Pick<NodeCluster, 'podsWithAddress'>;
  readonly rules: MatchingRules;
  readonly sleep: Sleep;
}

/**
 * The one pod that has an address. A pod that has just started may not be known yet, so there are five looks; two pods with one
 * address are nobody, since either could be the caller.
 */
export async function findPod(address: string, finder: FindPod, signal: AbortSignal): Promise<FoundPod> {
  let problem = 'pod list is empty';
  for (let look = 0; look < LOOKS; look += 1) {
    if (look > 0) await finder.sleep(PAUSE_MS, signal);
    try {
      const owners = await ownersOf(address, finder, signal);
      const [pod, ...others] = owners;
      if (pod !== undefined && others.length === 0) return { pod };
      if (pod !== undefined) {
        const names = owners.map(({ namespace, name }) => `${namespace}/${name}`).join(' ');
        return { problem: `failed to match pod IP ${address} with [${names}]` };
      }
      problem = 'pod list is empty';
    } catch (error) {
      signal.throwIfAborted();
      problem = errorMessage(error);
    }
  }
  return { problem };
}

/**
 * Whether the pod still has the address, alone, and still is what it was: asked before a token goes out, because the search may
 * have taken minutes in which the address went to another pod.
 */
export async function stillHasAddress(pod: NmiPod, finder: FindPod, signal: AbortSignal): Promise<boolean> {
  const owners = await ownersOf(pod.address, finder, signal);
  return owners.length === 1 && isSamePod(owners[0], pod);
}

/** The same pod with the same labels, not one that took its name. */
export function isSamePod(now: NmiPod | undefined, before: NmiPod): boolean {
  if (now === undefined || now.uid !== before.uid) return false;
  const names = Object.keys(now.labels);
  return (
    names.length === Object.keys(before.labels).length &&
    names.every((name) => now.labels[name] === before.labels[name])
  );
}

async function ownersOf(address: string, { cluster, rules }: FindPod, signal: AbortSignal): Promise<readonly NmiPod[]> {
  const pods = await cluster.podsWithAddress(address, signal);
  return pods.filter(
    (pod) =>
      pod.address === address &&
      (pod.phase === 'Pending' || pod.phase === 'Running') &&
      // A pod that has ended may still be written as running while its address is somebody else's, and a pod of the host
      // network shares the node's address with everything there.
      !(rules === 'strict' && (pod.gone || pod.hostNetwork)),
  );
}
