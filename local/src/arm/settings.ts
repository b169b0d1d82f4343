import type { OperationPace } from './operations.ts';

/** A role of the caller: which actions it allows. Wildcards as Azure has them. */
export interface CallerPermission {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly dataActions?: readonly string[];
  readonly notDataActions?: readonly string[];
  readonly condition?: string;
}

/** A policy that denies every write of a type. */
export interface DenyingPolicy {
  readonly type: string;
  readonly assignment: string;
  readonly definition: string;
}

export interface Usage {
  readonly provider: string;
  readonly name: string;
  readonly currentValue: number;
  readonly limit: number;
}

/** How the cloud behaves where the real one varies. Tests change it while it runs. */
export interface ArmSettings {
  /** How long operations take. */
  pace: OperationPace;
  /** Written into answers about running operations; not written when missing. */
  retryAfterSeconds: number | undefined;
  /** Providers that are registered from the beginning. */
  registered: 'all' | readonly string[];
  /** Looks at a registration until it is complete. */
  registrationLooks: number;
  /** How many role assignments are refused after a principal was made, because the directory does not know it yet. */
  principalNotFoundCalls: number;
  /** How long a role assignment has no effect on a vault. */
  roleDelayMs: number;
  /** How often the link of container groups is still seen on their subnet after the last of them has gone. */
  serviceLinkLooks: number;
  permissions: readonly CallerPermission[];
  policies: readonly DenyingPolicy[];
  /** Names of vaults of other people. */
  takenVaultNames: readonly string[];
  /** Which of the three answers a failed validation gets. */
  validationAnswer: 'refused' | 'value' | 'polled';
  /** Whether forecasts hold the noise that Azure's hold. */
  whatIfNoise: boolean;
  /** A forecast that fails, answered with 200. */
  whatIfFailure: { readonly code: string; readonly message: string } | undefined;
  /** Types that forecasts cannot tell about. */
  whatIfUnsupported: readonly string[];
  /** Tags that the platform puts on every resource. */
  platformTags: Readonly<Record<string, string>>;
  /** Deployments that a group or subscription remembers. */
  historyLimit: number;
  /** Entries of one page of a list. */
  pageSize: number;
  /** Minor versions of Kubernetes with their patches, oldest first; the last minor is the default. */
  kubernetesVersions: Readonly<Record<string, readonly string[]>>;
  usages: readonly Usage[];
}

export function defaultSettings(): ArmSettings {
  return {
    pace: { polls: 1 },
    retryAfterSeconds: undefined,
    registered: [],
    registrationLooks: 1,
    principalNotFoundCalls: 0,
    roleDelayMs: 0,
    serviceLinkLooks: 0,
    permissions: [{ actions: ['*'], notActions: [] }],
    policies: [],
    takenVaultNames: [],
    validationAnswer: 'refused',
    whatIfNoise: true,
    whatIfFailure: undefined,
    whatIfUnsupported: [],
    platformTags: {},
    historyLimit: 800,
    pageSize: 50,
    kubernetesVersions: {
      '1.32': ['1.32.6', '1.32.7'],
      '1.33': ['1.33.4', '1.33.5'],
      '1.34': ['1.34.0', '1.34.1', '1.34.2'],
    },
    usages: [
      { provider: 'Microsoft.Network', name: 'VirtualNetworks', currentValue: 1, limit: 1000 },
      { provider: 'Microsoft.Network', name: 'PublicIPAddresses', currentValue: 2, limit: 1000 },
      { provider: 'Microsoft.Network', name: 'StandardSkuPublicIpAddresses', currentValue: 2, limit: 1000 },
      { provider: 'Microsoft.Compute', name: 'cores', currentValue: 8, limit: 100 },
      { provider: 'Microsoft.Compute', name: 'standardDDv5Family', currentValue: 8, limit: 100 },
      { provider: 'Microsoft.Compute', name: 'standardDCASv5Family', currentValue: 0, limit: 100 },
      { provider: 'Microsoft.ContainerInstance', name: 'ContainerGroups', currentValue: 0, limit: 100 },
      { provider: 'Microsoft.ContainerInstance', name: 'ConfidentialCores', currentValue: 0, limit: 100 },
      { provider: 'Microsoft.ContainerInstance', name: 'StandardCores', currentValue: 0, limit: 100 },
    ],
  };
}
