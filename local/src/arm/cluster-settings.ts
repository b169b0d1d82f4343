import type { ManagedIdentity } from '../azure/directory.ts';
import { asText, objectAt, objectsAt, overlay, textAt, valueAt } from './json.ts';
import type { JsonObject } from './json.ts';
import { CLUSTER } from './types/managed-clusters.ts';
import type { ArmWorld } from './world.ts';

/** An entry of `podIdentityProfile.userAssignedIdentities`. */
export interface PodIdentityState {
  readonly name: string;
  readonly namespace: string;
  readonly bindingSelector: string;
  readonly identity: { readonly clientId: string; readonly objectId: string; readonly resourceId: string };
}

/** An entry of `podIdentityProfile.userAssignedIdentityExceptions`. */
export interface PodIdentityExceptionState {
  readonly name: string;
  readonly namespace: string;
  readonly podLabels: Readonly<Record<string, string>>;
}

/** What the resource of a cluster says about what runs in the cluster for identities and secrets. */
export interface ClusterSettings {
  /** Whether the workload identity webhook runs. */
  readonly workloadIdentity: boolean;
  /** Undefined while the pod identity add-on is off. */
  readonly podIdentity:
    | { readonly identities: readonly PodIdentityState[]; readonly exceptions: readonly PodIdentityExceptionState[] }
    | undefined;
  /** Whether the add-on azure-keyvault-secrets-provider is on. */
  readonly secretsProvider: boolean;
  /** How often that add-on fetches secrets again, in milliseconds; undefined when its configuration says never. */
  readonly secretsRotationMs: number | undefined;
  /** Identities that the nodes have: the kubelet's, those of add-ons, and those of pod identities. */
  readonly nodeIdentities: readonly ManagedIdentity[];
}

const ROTATION_MS = 120_000;

/** Settings of a cluster as it is now; undefined when there is none of that id. */
export function clusterSettings(world: ArmWorld, clusterId: string): ClusterSettings | undefined {
  const cluster = world.store.get(clusterId);
  if (cluster?.type.toLowerCase() !== CLUSTER.toLowerCase()) return undefined;
  const properties = objectAt(cluster.body, 'properties');
  const profile = objectAt(properties, 'podIdentityProfile');
  const podIdentity =
    profile['enabled'] === true
      ? {
          identities: objectsAt(profile, 'userAssignedIdentities').filter(isAssigned).map(podIdentityState),
          exceptions: objectsAt(profile, 'userAssignedIdentityExceptions').map(exceptionState),
        }
      : undefined;
  return {
    workloadIdentity: valueAt(properties, 'securityProfile.workloadIdentity.enabled') === true,
    podIdentity,
    secretsProvider: valueAt(properties, 'addonProfiles.azureKeyvaultSecretsProvider.enabled') === true,
    secretsRotationMs: rotationOf(objectAt(properties, 'addonProfiles.azureKeyvaultSecretsProvider.config')),
    nodeIdentities: nodeIdentities(properties, podIdentity?.identities ?? []),
  };
}

/** Two minutes where the add-on does not say otherwise, also where it is off: the driver is there nevertheless. */
function rotationOf(config: JsonObject): number | undefined {
  if (textAt(config, 'enableSecretRotation')?.toLowerCase() === 'false') return undefined;
  const [, digits, unit = ''] = /^(\d+)(s|m|h)$/.exec(textAt(config, 'rotationPollInterval') ?? '') ?? [];
  const seconds = { s: 1, m: 60, h: 3600 }[unit] ?? 0;
  return digits === undefined || Number(digits) === 0 ? ROTATION_MS : Number(digits) * seconds * 1000;
}

/**
 * Lets a cluster with an issuer show the one that it has: the address of its API server, which another port changes. Whoever compares
 * finds that federated credentials name another one.
 */
export function setIssuer(world: ArmWorld, clusterId: string, issuerURL: string): void {
  const cluster = world.store.get(clusterId);
  const profile = objectAt(cluster?.body, 'properties.oidcIssuerProfile');
  if (cluster === undefined || profile['enabled'] !== true || profile['issuerURL'] === issuerURL) return;
  const properties = { oidcIssuerProfile: { ...profile, issuerURL } };
  world.store.put({ ...cluster, body: overlay(cluster.body, { properties }) });
  world.onChange();
}

function nodeIdentities(properties: JsonObject, ofPods: readonly PodIdentityState[]): readonly ManagedIdentity[] {
  const found = [
    objectAt(properties, 'identityProfile.kubeletidentity'),
    objectAt(properties, 'addonProfiles.azureKeyvaultSecretsProvider.identity'),
    ...ofPods.map(({ identity }) => ({ ...identity })),
  ];
  const known = new Map<string, ManagedIdentity>();
  for (const one of found) {
    const resourceId = textAt(one, 'resourceId') ?? '';
    const [clientId, principalId] = [textAt(one, 'clientId') ?? '', textAt(one, 'objectId') ?? ''];
    if (resourceId === '' || clientId === '') continue;
    known.set(resourceId.toLowerCase(), { kind: 'user-assigned', clientId, principalId, resourceId });
  }
  return [...known.values()];
}

function isAssigned(entry: JsonObject): boolean {
  return entry['provisioningState'] !== 'Failed';
}

function podIdentityState(entry: JsonObject): PodIdentityState {
  const name = textAt(entry, 'name') ?? '';
  const identity = objectAt(entry, 'identity');
  return {
    name,
    namespace: textAt(entry, 'namespace') ?? '',
    bindingSelector: textAt(entry, 'bindingSelector') ?? name,
    identity: {
      clientId: textAt(identity, 'clientId') ?? '',
      objectId: textAt(identity, 'objectId') ?? '',
      resourceId: textAt(identity, 'resourceId') ?? '',
    },
  };
}

function exceptionState(entry: JsonObject): PodIdentityExceptionState {
  const labels = Object.entries(objectAt(entry, 'podLabels'));
  return {
    name: textAt(entry, 'name') ?? '',
    namespace: textAt(entry, 'namespace') ?? '',
    podLabels: Object.fromEntries(labels.map(([name, value]) => [name, asText(value)])),
  };
}
