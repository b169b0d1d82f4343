import type { AzureProblem } from './ports.ts';

/** What the engine does about a code by itself. */
export type Reaction =
  /** The directory does not know the principal yet: submit again. */
  | 'resubmit'
  /** A provider is not registered: back to stage S1, then again. */
  | 'register'
  /** Something else is being done to the resource: wait and try again. */
  | 'wait'
  /** Look again: what is wanted may be there under another name. */
  | 'reconsider'
  | 'stop';

export interface ErrorExplanation {
  readonly meaning: string;
  readonly reaction: Reaction;
  readonly action: string;
  /** The checks of the doctor that look at this. */
  readonly checks: readonly string[];
}

const row = (meaning: string, reaction: Reaction, action: string, ...checks: readonly string[]): ErrorExplanation => ({
  meaning,
  reaction,
  action,
  checks,
});

const version = row(
  'the region does not offer this Kubernetes version, or only with long-term support',
  'stop',
  'Choose another aks.kubernetesVersion; az aks get-versions lists what the region offers.',
  'KV-01',
  'KV-02',
  'KV-03',
);
const addresses = row(
  'the subnet has too few addresses',
  'stop',
  'Choose a larger subnet, or fewer nodes or pods of a node.',
  'NW-07',
);
const capacity = row(
  'quota or capacity is exhausted',
  'stop',
  'Raise the quota, choose another size or region, or try again later.',
  'QT-01',
  'QT-02',
  'QT-03',
);
const vaultName = row(
  'the name of the vault is taken, perhaps by one that was deleted',
  'stop',
  'Choose another vault.name, or bring the deleted vault back: holdfast apply --recover-vault.',
  'NM-13',
  'NM-14',
);
const network = row(
  'a subnet is in use, or not delegated',
  'stop',
  'Nothing was forced. Remove what uses the subnet, or put its settings back.',
  'NW-11',
);
const concurrent = row('another operation is under way', 'wait', 'Wait until it has ended, and run the command again.');
const right = row(
  'the caller lacks a right',
  'stop',
  'Get a role that holds the action that the message names, at the scope that it names.',
  'PM-02',
  'PM-03',
);
const firewall = row(
  'the firewall of the vault does not let this machine in',
  'stop',
  'Allow the address of this machine in the firewall of the vault, or run from a network that it allows.',
  'VT-03',
);
const containerGroups = row(
  'container instances cannot start the group',
  'stop',
  'Look at the events of the pod: holdfast status shows the cause.',
  'QT-03',
);

/** What Azure's codes mean, and what is done about them. */
export const errorMap: Readonly<Record<string, ErrorExplanation>> = {
  MissingSubscriptionRegistration: row(
    'a resource provider is not registered',
    'register',
    'Register the provider that the message names with az provider register, and run the command again.',
    'PV-01',
  ),
  AuthorizationFailed: right,
  LinkedAuthorizationFailed: right,
  RequestDisallowedByPolicy: row(
    'a policy of the organisation forbids it',
    'stop',
    'Ask who owns the policy for an exemption, or change the configuration so that it complies.',
    'RG-04',
  ),
  PrincipalNotFound: row(
    'the directory does not know the identity yet',
    'resubmit',
    'Wait some minutes and run the command again.',
    'RA-02',
  ),
  RoleAssignmentExists: row(
    'the role is assigned already, under another name',
    'reconsider',
    'Run the command again: it takes over what is there.',
    'RA-01',
  ),
  RoleAssignmentUpdateNotPermitted: row(
    'the assignment belongs to an identity that no longer exists',
    'reconsider',
    'Run the command again: the orphan is removed and made anew.',
    'RA-01',
  ),
  K8sVersionNotSupported: version,
  AgentPoolK8sVersionNotSupported: version,
  ServiceCidrOverlapExistingSubnetsCidr: row(
    'the range of Services overlaps with a subnet',
    'stop',
    'Choose another aks.serviceCidr.',
    'NW-06',
  ),
  SubnetIsFull: addresses,
  InsufficientSubnetSize: addresses,
  QuotaExceeded: capacity,
  ErrCode_InsufficientVCPUQuota: capacity,
  SkuNotAvailable: capacity,
  AllocationFailed: capacity,
  OverconstrainedAllocationRequest: capacity,
  VaultAlreadyExists: vaultName,
  ConflictError: vaultName,
  ForbiddenByRbac: row(
    'the role on the vault is missing, or does not work yet',
    'wait',
    'Give the caller Key Vault Secrets Officer on the vault; a new role can take up to half an hour.',
    'RP-01',
  ),
  Forbidden: row('the vault refuses', 'stop', 'Look at roles and firewall of the vault.', 'RP-01', 'VT-01'),
  ForbiddenByFirewall: firewall,
  ForbiddenByConnection: firewall,
  SecretDisabled: row(
    'the current version of the secret is disabled',
    'stop',
    'Enable it, or write the key again.',
    'OK-05',
  ),
  InUseSubnetCannotBeDeleted: network,
  SubnetDelegationsCannotChangeWhenSubnetUsedByResource: network,
  SubnetMissingRequiredDelegation: network,
  DeploymentActive: concurrent,
  AnotherOperationInProgress: concurrent,
  OperationNotAllowed: concurrent,
  ConcurrentOperationError: concurrent,
  Conflict: concurrent,
  DeploymentQuotaExceeded: row(
    'the history of the group holds 800 deployments',
    'stop',
    'Remove old ones: az deployment group delete. Those of holdfast have stable names and do not pile up.',
  ),
  InvalidTemplate: row('the template is refused', 'stop', 'This is a defect of holdfast: report it with the message.'),
  InvalidTemplateDeployment: row(
    'a service refuses what the template asks for',
    'stop',
    'Correct what the message names.',
  ),
  ServiceUnavailable: containerGroups,
  ContainerGroupQuotaReached: containerGroups,
  InaccessibleImage: containerGroups,
  RegistryErrorResponse: containerGroups,
};

/** What a problem means and what to do; problems without a row get a general action. */
export function explainProblem(problem: AzureProblem): {
  readonly meaning: string | undefined;
  readonly reaction: Reaction;
  readonly action: string;
} {
  for (const code of [problem.code, ...problem.path.toReversed()]) {
    const known = Object.hasOwn(errorMap, code) ? errorMap[code] : undefined;
    if (known === undefined) continue;
    const checks = known.checks.length === 0 ? '' : ` See holdfast doctor --only ${known.checks.join(',')}.`;
    return { meaning: known.meaning, reaction: known.reaction, action: `${known.action}${checks}` };
  }
  const support = problem.correlationId === undefined ? '' : ` Azure support needs ${problem.correlationId}.`;
  return { meaning: undefined, reaction: 'stop', action: `Correct what the message names.${support}` };
}
