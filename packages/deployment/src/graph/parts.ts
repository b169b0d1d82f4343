import { apiVersions } from './api-versions.ts';
import type { ResourceType } from './api-versions.ts';
import { resourceId, scopeId } from './ids.ts';
import type { StageId } from './stages.ts';
import type {
  ArmResource,
  DeferredValue,
  KubernetesSet,
  Registration,
  ResourceObject,
  Scope,
  UpdateRules,
} from './types.ts';

interface ResourceInput {
  readonly id: string;
  readonly stage: StageId;
  readonly scope: Scope;
  readonly type: ResourceType;
  readonly name: string;
  readonly body: ResourceObject;
  readonly dependsOn?: readonly string[];
  readonly purpose: string;
  readonly apiVersion?: string;
  readonly rules?: UpdateRules;
  readonly merge?: true;
}

/** A resource, in the version of `apiVersions` unless it needs another one. */
export function resource(input: ResourceInput): ArmResource {
  const { dependsOn = [], apiVersion = apiVersions[input.type], ...rest } = input;
  return { kind: 'arm', ...rest, apiVersion, dependsOn };
}

/** The resource id of a node of the graph. */
export function idOf(node: Pick<ArmResource, 'scope' | 'type' | 'name' | 'target'>): string {
  if (node.type === 'Microsoft.Resources/resourceGroups') return scopeId({ ...node.scope, resourceGroup: node.name });
  const base = node.target ?? scopeId(node.scope);
  if (node.target !== undefined) return `${base}/providers/${node.type}/${node.name}`;
  return resourceId(node.scope, node.type, node.name);
}

/** The ids of the resources of a scope. */
export const idsIn =
  (scope: Scope) =>
  (type: ResourceType, name: string): string =>
    idOf({ scope, type, name });

export const runtime = (resource: string, path: string): DeferredValue => ({ $runtime: { resource, path } });

/** The resource group, with its tags. */
export function groupResource(
  id: string,
  scope: Scope,
  location: string,
  tags: Readonly<Record<string, string>>,
): ArmResource {
  return resource({
    id,
    stage: 'S2',
    scope: { subscriptionId: scope.subscriptionId, resourceGroup: undefined },
    type: 'Microsoft.Resources/resourceGroups',
    name: scope.resourceGroup ?? '',
    body: { location, ...(Object.keys(tags).length === 0 ? {} : { tags }) },
    purpose: 'Everything of this deployment',
    rules: { immutable: ['location'], carryOver: ['tags'] },
  });
}

/** What a cluster with a vault is made of. */
export const clusterProviders = [
  'Microsoft.ContainerService',
  'Microsoft.Network',
  'Microsoft.Compute',
  'Microsoft.Storage',
  'Microsoft.KeyVault',
  'Microsoft.ManagedIdentity',
] as const;

type RegistrationInput = Pick<Registration, 'id' | 'providers'> & Partial<Pick<Registration, 'features' | 'purpose'>>;

export function registration({ id, providers, features, purpose }: RegistrationInput): Registration {
  return {
    kind: 'registration',
    id,
    stage: 'S1',
    providers,
    features: features ?? [],
    dependsOn: [],
    purpose: purpose ?? 'Allows the subscription to hold these kinds of resources',
  };
}

export function kubernetesSet(set: Omit<KubernetesSet, 'kind'>): KubernetesSet {
  return { kind: 'kubernetes', ...set };
}
