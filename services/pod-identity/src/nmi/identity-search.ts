import {
  BINDING_LABEL,
  boundIdentities,
  chooseAssignedIdentity,
  chooseManagedIdentity,
  lookAtAssignments,
  noIdentityText,
  redactClientId,
} from '@holdfast/admission';
import type { AssignedStates, AzureIdentity, MatchingRules, RequestedIdentity } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import type { Sleep } from '@holdfast/deployment';

import type { NmiPod, NodeCluster } from './node-cluster.ts';

/** Which pod an identity is searched for; the host endpoint knows only its name. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

export type IdentitySearch = { readonly identity: AzureIdentity } | { readonly problem: string };

/** Finds the identity of a pod. A refusal is a problem in the reference's words, not an exception. */
export type SearchIdentity = (
  pod: PodName & Partial<NmiPod>,
  requested: RequestedIdentity,
  signal: AbortSignal,
) => Promise<IdentitySearch>;

/** Managed mode: bindings and identities of the pod's own namespace, without waiting. */
export function managedSearch(
  cluster: Pick<NodeCluster, 'pod' | 'bindings' | 'identities'>,
  rules: MatchingRules,
): SearchIdentity {
  return async (name, requested, signal) => {
    const place = `${name.namespace}/${name.name}`;
    let labels: Readonly<Record<string, string>> | undefined;
    try {
      const pod = await cluster.pod(name.namespace, name.name, signal);
      if (pod === undefined) return { problem: `failed to get pod ${place}, error: pod "${name.name}" not found` };
      labels = pod.labels;
    } catch (error) {
      return { problem: `failed to get pod ${place}, error: ${errorMessage(error)}` };
    }
    try {
      const [bindings, identities] = await Promise.all([
        cluster.bindings(name.namespace, signal),
        cluster.identities(name.namespace, signal),
      ]);
      const pod = { namespace: name.namespace, bindingLabel: labels[BINDING_LABEL] };
      const candidates = boundIdentities(pod, bindings, identities, rules);
      return searchManaged(candidates, name.namespace, requested);
    } catch (error) {
      return { problem: `failed to get AzureIdentities for pod ${place}, error: ${errorMessage(error)}` };
    }
  };
}

export function searchManaged(
  candidates: readonly AzureIdentity[],
  podNamespace: string,
  requested: RequestedIdentity,
): IdentitySearch {
  const identity = chooseManagedIdentity(candidates, podNamespace, requested);
  return identity === undefined ? { problem: noIdentityText(requested) } : { identity };
}

export interface StandardSearchSettings {
  readonly retryCreated: number;
  readonly retryAssigned: number;
  readonly intervalSeconds: number;
  readonly forceNamespaced: boolean;
  readonly rules: MatchingRules;
  readonly sleep: Sleep;
}

/**
 * Standard mode: identities that the controller has assigned to the pod, waiting for it for 80 seconds, and for 20 more when
 * the assignment is there and only not attached to the node yet.
 */
export function standardSearch(
  cluster: Pick<NodeCluster, 'assignedIdentities'>,
  settings: StandardSearchSettings,
): SearchIdentity {
  return async (pod, requested, signal) => {
    const look = async (): Promise<AssignedStates> => {
      const all = await cluster.assignedIdentities(pod.namespace, pod.name, signal);
      const states: Record<string, AzureIdentity[]> = {};
      for (const { binding, identity, status } of all) {
        // An assignment made for a former pod of this name says nothing about this one when its label is another.
        const isOther =
          binding.selector !== '' && pod.labels !== undefined && binding.selector !== pod.labels[BINDING_LABEL];
        if (!(settings.rules === 'strict' && isOther)) (states[status] ??= []).push(identity);
      }
      return states;
    };
    return searchStandard(look, pod, { requested, settings, signal });
  };
}

export interface StandardSearch {
  readonly requested: RequestedIdentity;
  readonly settings: StandardSearchSettings;
  readonly signal: AbortSignal;
}

/** The search of standard mode over any source of assignments. */
export async function searchStandard(
  look: () => Promise<AssignedStates>,
  pod: PodName,
  { requested, settings, signal }: StandardSearch,
): Promise<IdentitySearch> {
  const { retryCreated, retryAssigned, intervalSeconds } = settings;
  const last = retryCreated + retryAssigned;
  for (let attempt = 0; ; attempt += 1) {
    let failure: unknown;
    let isCreated = true;
    try {
      const seen = lookAtAssignments(await look(), requested);
      if ('found' in seen) return chosen(seen.found, pod, requested, settings);
      isCreated = seen.created;
    } catch (error) {
      failure = error;
    }
    const problem = (state: string, attempts: number): string =>
      `getting assigned identities for pod ${pod.namespace}/${pod.name} in ${state} state failed after ${attempts} attempts, retry duration [${intervalSeconds}]s, ` +
      `error: ${failure === undefined ? '<nil>' : errorMessage(failure)}. Check MIC pod logs for identity assignment errors`;
    if (!isCreated && attempt >= retryCreated) {
      const named = requested.clientId !== '' || requested.resourceId !== '';
      const whose = named ? `clientID in request: ${redactClientId(requested.clientId)}, ` : '';
      return { problem: `${whose}${problem('CREATED', retryCreated)}` };
    }
    if (attempt >= last) return { problem: problem('ASSIGNED', last) };
    try {
      await settings.sleep(intervalSeconds * 1000, signal);
    } catch {
      return { problem: 'context canceled' }; // the caller has gone
    }
  }
}

function chosen(
  group: readonly AzureIdentity[],
  pod: PodName,
  requested: RequestedIdentity,
  settings: StandardSearchSettings,
): IdentitySearch {
  const identity = chooseAssignedIdentity(group, pod.namespace, requested, settings);
  return identity === undefined ? { problem: noIdentityText(requested) } : { identity };
}
