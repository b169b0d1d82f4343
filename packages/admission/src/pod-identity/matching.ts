import { redactClientId } from './resources.ts';
import type { AzureIdentity, AzureIdentityBinding, AzurePodIdentityException } from './resources.ts';

/** Whom a token is asked for; both empty when the caller leaves the choice to the bindings. */
export interface RequestedIdentity {
  readonly clientId: string;
  readonly resourceId: string;
}

/** The identities of a pod by the state of their assignment, in the order the cluster lists them. */
export type AssignedStates = Readonly<Record<string, readonly AzureIdentity[]>>;

/** Rules that go beyond the reference: `strict` is what new clusters should have, `compatible` answers as the reference does. */
export type MatchingRules = 'strict' | 'compatible';

/** Whether a pod is left to the metadata service: any one label of any exception is enough, values in any letter case. */
export function isExcepted(
  podLabels: Readonly<Record<string, string>>,
  exceptions: readonly Pick<AzurePodIdentityException, 'podLabels'>[],
): boolean {
  return exceptions.some((exception) =>
    Object.entries(exception.podLabels).some(
      ([key, value]) => Object.hasOwn(podLabels, key) && podLabels[key]?.toLowerCase() === value.toLowerCase(),
    ),
  );
}

/** The text for a request that no identity answers. */
export function noIdentityText(requested: Pick<RequestedIdentity, 'clientId'>): string {
  return `no azure identity found for request clientID ${redactClientId(requested.clientId)}`;
}

/**
 * The identities that the bindings of the pod's namespace offer it. Bindings and identities of other namespaces are not looked at.
 * With `strict` rules a pod without the label gets none and the answer is ordered by name; otherwise a binding with an empty
 * selector is for all unlabelled pods and the order is that of the lists.
 */
export function boundIdentities(
  pod: { readonly namespace: string; readonly bindingLabel: string | undefined },
  bindings: readonly AzureIdentityBinding[],
  identities: readonly AzureIdentity[],
  rules: MatchingRules,
): readonly AzureIdentity[] {
  const label = pod.bindingLabel ?? '';
  if (rules === 'strict' && label === '') return [];
  const names = new Set(
    bindings
      .filter(({ namespace, selector }) => namespace === pod.namespace && selector === label)
      .map(({ azureIdentity }) => azureIdentity),
  );
  const found = identities.filter(({ namespace, name }) => namespace === pod.namespace && names.has(name));
  return rules === 'strict' ? found.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)) : found;
}

/**
 * The first candidate that is asked for: a client id is compared with client ids and a resource id with resource ids, letter by
 * letter; without either any will do. Undefined when there is none.
 */
export function chooseManagedIdentity(
  candidates: readonly AzureIdentity[],
  podNamespace: string,
  requested: RequestedIdentity,
): AzureIdentity | undefined {
  return candidates.find(
    (identity) =>
      identity.namespace.toLowerCase() === podNamespace.toLowerCase() &&
      (isAnybody(requested) || isExactly(identity, requested)),
  );
}

/** What one look at the assignments of a pod says. */
export type AssignmentLook =
  | { readonly found: readonly AzureIdentity[] }
  /** Whether the wanted identity is assigned already and only not attached yet. */
  | { readonly created: boolean };

/** The group of identities that a request chooses from, when the wanted one is in it. Ids are compared in any letter case here. */
export function lookAtAssignments(states: AssignedStates, requested: RequestedIdentity): AssignmentLook {
  const groups = ['', 'Assigned'].map((status) => states[status] ?? []);
  const matches = (identity: AzureIdentity): boolean => isAnybody(requested) || isSameInAnyCase(identity, requested);
  const found = groups.find((group) => group.some(matches));
  return found === undefined ? { created: (states['Created'] ?? []).some(matches) } : { found };
}

/**
 * The identity of a group that a pod gets. Ids are compared letter by letter here, as the reference does after its wait.
 * Identities of other namespaces are left out where they are bound to theirs; the reference does so only when the request
 * names no identity, `strict` rules always.
 */
export function chooseAssignedIdentity(
  group: readonly AzureIdentity[],
  podNamespace: string,
  requested: RequestedIdentity,
  scope: { readonly forceNamespaced: boolean; readonly rules: MatchingRules },
): AzureIdentity | undefined {
  const inScope = group.filter(
    ({ namespace, namespaced }) => namespace === podNamespace || !(scope.forceNamespaced || namespaced),
  );
  if (isAnybody(requested)) return inScope[0];
  return (scope.rules === 'strict' ? inScope : group).find((identity) => isExactly(identity, requested));
}

function isAnybody({ clientId, resourceId }: RequestedIdentity): boolean {
  return clientId === '' && resourceId === '';
}

function isExactly(identity: AzureIdentity, { clientId, resourceId }: RequestedIdentity): boolean {
  return (
    (clientId !== '' && identity.clientId === clientId) || (resourceId !== '' && identity.resourceId === resourceId)
  );
}

function isSameInAnyCase(identity: AzureIdentity, { clientId, resourceId }: RequestedIdentity): boolean {
  const { clientId: client, resourceId: resource } = identity;
  return isExactly(
    { ...identity, clientId: client.toLowerCase(), resourceId: resource.toLowerCase() },
    { clientId: clientId.toLowerCase(), resourceId: resourceId.toLowerCase() },
  );
}
