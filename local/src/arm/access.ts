import { ArmFault } from './arm-fault.ts';
import { isName } from './name-rules.ts';
import type { ResourceId } from './resource-id.ts';
import type { CallerPermission } from './settings.ts';
import { kindsOf, namespaces } from './types/index.ts';
import type { ResourceKind } from './types/kind.ts';
import type { ArmWorld } from './world.ts';

/** Whether a pattern such as `Microsoft.Network/*` stands for an action. */
function matches(pattern: string, action: string): boolean {
  const source = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*');
  return new RegExp(`^${source}$`, 'i').test(action);
}

export function isAllowed(permissions: readonly CallerPermission[], action: string): boolean {
  return permissions.some(
    ({ actions, notActions }) =>
      actions.some((pattern) => matches(pattern, action)) && !notActions.some((pattern) => matches(pattern, action)),
  );
}

/** Refuses an action that the caller has no right to. */
export function mustBeAllowed(world: ArmWorld, action: string, scope: string): void {
  if (isAllowed(world.settings.permissions, action)) return;
  const text = `The client with object id does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`;
  throw new ArmFault(403, 'AuthorizationFailed', text);
}

/** Refuses a version that the type does not have. */
export function checkVersion(kind: ResourceKind, apiVersion: string): void {
  if (kind.apiVersions.includes(apiVersion)) return;
  const [namespace = '', ...types] = kind.type.split('/');
  const text = `No registered resource provider found for location 'eastus' and API version '${apiVersion}' for type '${types.join('/')}'. The supported api-versions are '${kind.apiVersions.join(', ')}'. The supported locations are 'eastus'. Namespace: ${namespace}.`;
  throw new ArmFault(400, 'NoRegisteredProviderFound', text);
}

/** The answer about a type that does not exist. */
export function unknownType(type: string): ArmFault {
  const namespace = type.split('/')[0] ?? '';
  if (kindsOf(namespace).length === 0 && !namespaces.some((name) => name.toLowerCase() === namespace.toLowerCase())) {
    return new ArmFault(404, 'InvalidResourceNamespace', `The resource namespace '${namespace}' is invalid.`);
  }
  const text = `The resource type could not be found in the namespace '${namespace}' for type '${type}'.`;
  return new ArmFault(404, 'InvalidResourceType', text);
}

/** Refuses a write to a provider that the subscription is not registered for. */
export function mustBeRegistered(world: ArmWorld, id: ResourceId): void {
  const namespace = id.type.split('/')[0] ?? '';
  if (world.registrations.provider(id.subscriptionId, namespace) === 'Registered') return;
  const text = `The subscription is not registered to use namespace '${namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions.`;
  throw new ArmFault(409, 'MissingSubscriptionRegistration', text, { target: namespace });
}

/** Refuses what a policy denies. */
export function mustSatisfyPolicies(world: ArmWorld, id: ResourceId): void {
  const policy = world.settings.policies.find(({ type }) => type.toLowerCase() === id.type.toLowerCase());
  if (policy === undefined) return;
  const text = `Resource '${id.name}' was disallowed by policy. Policy identifiers: '[{"policyAssignment":{"name":"${policy.assignment}"}}]'.`;
  throw new ArmFault(403, 'RequestDisallowedByPolicy', text, {
    target: id.name,
    additionalInfo: [
      {
        type: 'PolicyViolation',
        info: {
          policyDefinitionDisplayName: policy.definition,
          policyDefinitionName: policy.definition,
          policyDefinitionEffect: 'deny',
          policyAssignmentName: policy.assignment,
          policyAssignmentDisplayName: policy.assignment,
          policyAssignmentScope: `/subscriptions/${id.subscriptionId}`,
        },
      },
    ],
  });
}

export function mustHaveSubscription(world: ArmWorld, subscriptionId: string): void {
  const wanted = subscriptionId.toLowerCase();
  if (world.subscriptions.some((one) => one.subscriptionId.toLowerCase() === wanted)) return;
  if (world.anySubscription && isName('guid', subscriptionId)) return;
  throw new ArmFault(404, 'SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`);
}
