import { PolicyError, RequestError } from '@holdfast/base';
import type { JsonObject, JsonValue } from '@holdfast/deployment';

/** A pod identity as the add-on's profile of a cluster has it. */
export interface ProfileIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly bindingSelector: string;
  readonly identity: { readonly clientId: string; readonly objectId: string; readonly resourceId: string };
}

export interface ProfileException {
  readonly name: string;
  readonly namespace: string;
  readonly podLabels: Readonly<Record<string, string>>;
}

export interface PodIdentityProfile {
  readonly enabled: boolean;
  readonly identities: readonly JsonObject[];
  readonly exceptions: readonly JsonObject[];
}

/** The add-on's limits, for identities and exceptions each. */
const MAX_ENTRIES = 200;

export function objectIn(value: JsonValue | undefined, ...path: readonly string[]): JsonObject {
  let found: JsonValue | undefined = value;
  for (const member of path) found = isObject(found) ? found[member] : undefined;
  return isObject(found) ? found : {};
}

export function textIn(value: JsonValue | undefined, member: string): string {
  const found = isObject(value) ? value[member] : undefined;
  return typeof found === 'string' ? found : '';
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listIn(value: JsonObject, member: string): readonly JsonObject[] {
  const found = value[member];
  return Array.isArray(found) ? (found as readonly JsonValue[]).filter(isObject) : [];
}

/** The add-on's profile of a cluster. */
export function profileOf(cluster: JsonObject): PodIdentityProfile {
  const profile = objectIn(cluster, 'properties', 'podIdentityProfile');
  return {
    enabled: profile['enabled'] === true,
    identities: listIn(profile, 'userAssignedIdentities'),
    exceptions: listIn(profile, 'userAssignedIdentityExceptions'),
  };
}

/**
 * The body of a cluster with another profile. Everything else goes back as it was read: a write replaces the whole.
 * @param change Members of the profile that change; those of the add-on that nobody here knows stay.
 */
export function withProfile(cluster: JsonObject, change: JsonObject): JsonObject {
  const properties = objectIn(cluster, 'properties');
  const podIdentityProfile = { ...objectIn(properties, 'podIdentityProfile'), ...change };
  return { ...cluster, properties: { ...properties, podIdentityProfile } };
}

/** Whether an entry of a list has this namespace and name. */
export function isNamed(
  entry: JsonObject,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): boolean {
  return textIn(entry, 'namespace') === namespace && textIn(entry, 'name') === name;
}

/**
 * The entries with one more, or with the one of that name changed.
 * @throws PolicyError POD_IDENTITY_LIMIT
 */
export function withEntry(entries: readonly JsonObject[], entry: JsonObject): readonly JsonObject[] {
  const place = { namespace: textIn(entry, 'namespace'), name: textIn(entry, 'name') };
  if (entries.some((each) => isNamed(each, place))) {
    return entries.map((each) => (isNamed(each, place) ? { ...each, ...entry } : each));
  }
  if (entries.length >= MAX_ENTRIES) {
    throw new PolicyError(
      'POD_IDENTITY_LIMIT',
      `the cluster has ${MAX_ENTRIES} entries already, which is all the add-on takes`,
      {
        action: 'Delete one that is not used, or migrate with holdfast identity detect.',
      },
    );
  }
  return [...entries, entry];
}

/**
 * The entries without one.
 * @throws RequestError POD_IDENTITY_ABSENT
 */
export function withoutEntry(
  entries: readonly JsonObject[],
  place: { readonly namespace: string; readonly name: string },
  what: string,
): readonly JsonObject[] {
  const rest = entries.filter((each) => !isNamed(each, place));
  if (rest.length < entries.length) return rest;
  throw new RequestError(
    'POD_IDENTITY_ABSENT',
    `the cluster has no ${what} ${place.name} in the namespace ${place.namespace}`,
    {
      action: 'Run holdfast identity list, or holdfast identity exception list, to see what there is.',
    },
  );
}

/**
 * Refuses clusters that the add-on refuses, and those where it is off.
 * @throws PolicyError POD_IDENTITY_KUBENET, POD_IDENTITY_DISABLED
 */
export function assertAddOn(
  cluster: JsonObject,
  options: { readonly enable: boolean; readonly allowKubenet: boolean },
): void {
  const profile = objectIn(cluster, 'properties', 'podIdentityProfile');
  const plugin = textIn(objectIn(cluster, 'properties', 'networkProfile'), 'networkPlugin');
  if (plugin === 'kubenet' && profile['allowNetworkPluginKubenet'] !== true && !options.allowKubenet) {
    throw new PolicyError(
      'POD_IDENTITY_KUBENET',
      "Operation failed with status: 'Bad Request'. Details: Network plugin kubenet is not supported to use with PodIdentity addon.",
      { action: 'Use a cluster with Azure CNI, or accept the risk with --allow-kubenet.' },
    );
  }
  if (profile['enabled'] !== true && !options.enable) {
    throw new PolicyError('POD_IDENTITY_DISABLED', 'the pod identity add-on of the cluster is off', {
      action: 'Turn it on with --enable; new clusters should use workload identity instead.',
    });
  }
}
