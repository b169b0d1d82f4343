import type { Secret } from '@holdfast/base';

import type { Bundle } from '../bundle/read-bundle.ts';
import type { RegionFacts } from '../rules/regions.ts';

/** Programs on the machine that runs the deployment. */
export interface ToolFacts {
  /** `22.19.0` */
  readonly node: string;
  readonly azureCli?: {
    readonly version: string;
    readonly python?: string;
    readonly extensions: Readonly<Record<string, string>>;
  };
  /** Whether the credential comes from the Azure CLI. */
  readonly usesAzureCli?: boolean;
  readonly docker?: boolean;
  readonly kubectl?: string;
  readonly helm?: string;
  /** Seconds that this machine's clock is ahead of Azure's. */
  readonly clockSkewSeconds?: number;
}

export interface CredentialFacts {
  readonly tried: readonly { readonly name: string; readonly problem: string }[];
  readonly token?: { readonly tenantId: string; readonly minutesLeft: number; readonly refreshable: boolean };
  readonly subscriptions: readonly { readonly id: string; readonly name: string }[];
}

export interface SubscriptionFacts {
  readonly tenantId: string;
  readonly state: string;
  readonly spendingLimit: boolean;
  /** Kind of offer. */
  readonly quotaId: string;
}

/** Whether somebody may do something; what is given out of sight, such as in a management group, cannot be ruled out. */
export type Right = 'allowed' | 'refused' | 'unknown';

/** What the caller may do. Lists are undefined where no right is in sight at all, so that none can be said to be missing. */
export interface PermissionFacts {
  readonly createGroup: Right;
  /** Actions on the group that are missing. */
  readonly missingActions: readonly string[] | undefined;
  /** Scopes where role assignments cannot be written. */
  readonly noAssignmentsAt: readonly string[] | undefined;
  readonly noAssignmentRemovalAt: readonly string[] | undefined;
  /** Assignments of the caller that may grant only some roles. */
  readonly conditional: readonly { readonly scope: string; readonly refused: readonly string[] }[];
  readonly writeSecret: Right;
  readonly registerProviders: Right;
  /** Policies that are likely to deny something; undefined when they may not be read. */
  readonly denyingPolicies: readonly string[] | undefined;
}

export interface GroupFacts {
  readonly exists: boolean;
  readonly location?: string;
  readonly foreignResources: readonly string[];
  readonly locks: readonly { readonly name: string; readonly level: 'ReadOnly' | 'CanNotDelete' }[];
  readonly nodeGroup: { readonly exists: boolean; readonly managedBy?: string };
  /** Other clusters whose container groups go to the same group. */
  readonly otherVirtualNodes: readonly string[];
  /** Names that exist already. */
  readonly existingNames: readonly string[];
}

export interface ProviderFacts {
  readonly namespace: string;
  readonly state: string;
  readonly types: Readonly<
    Record<string, { readonly apiVersions: readonly string[]; readonly locations: readonly string[] }>
  >;
}

export interface CapacityFacts {
  readonly sku?: {
    readonly offered: boolean;
    readonly restriction?: string;
    readonly vcpus: number;
    readonly memoryGb: number;
  };
  /** Undefined where the service does not tell, as it does for a provider that is not registered yet. */
  readonly familyCoresFree: number | undefined;
  readonly regionalCoresFree: number | undefined;
  readonly containerGroupsFree: number | undefined;
  readonly containerCoresFree: number | undefined;
  readonly publicIpsFree: number | undefined;
}

export interface KubernetesOffer {
  /** `1.34` */
  readonly minor: string;
  readonly preview: boolean;
  readonly supportPlans: readonly string[];
  /** Days until standard support ends. */
  readonly daysLeft?: number;
}

export interface VaultFacts {
  readonly nameAvailable?: { readonly available: boolean; readonly reason?: string; readonly ours: boolean };
  readonly deleted?: { readonly purgeProtected: boolean; readonly purgeDate: string } | 'none';
  readonly deletedSecret?: boolean;
  readonly live?: {
    readonly rbac: boolean;
    readonly purgeProtection: boolean;
    readonly blocked: readonly string[];
    readonly tenantId: string;
    readonly location: string;
    /** Whether the fingerprint of the secret is that of the supplied key. */
    readonly sameKey: boolean | undefined;
    /** Keys and secrets that were not created here. */
    readonly foreignContents: readonly string[];
  };
  readonly denied?: { readonly code: string; readonly assignedMinutesAgo: number };
}

export interface SubnetFacts {
  readonly name: string;
  readonly delegations: readonly string[];
  readonly nat: boolean;
  readonly members: number;
  readonly otherEgress: boolean;
  readonly foreignResources: readonly string[];
  readonly defaultOutboundAccess: boolean | undefined;
}

export interface PodVmPeering {
  /** `from the cluster` or `to the cluster`. */
  readonly direction: string;
  /** `Initiated`, `Connected` or `Disconnected`; undefined when the network exists and the peering does not. */
  readonly state: string | undefined;
  readonly access: boolean;
}

export interface NetworkFacts {
  readonly subnets: readonly SubnetFacts[];
  readonly connected: readonly { readonly name: string; readonly cidr: string }[];
  /** Ports between workers and pod VMs that some direction does not let through. */
  readonly closedPorts?: readonly {
    readonly port: number;
    /** TCP when missing. */
    readonly protocol?: 'UDP';
    readonly direction: string;
    readonly rule: string;
  }[];
  /** Hosts that cannot be reached or are not allowed; missing when nobody could be asked. */
  readonly blockedHosts?: readonly string[];
  /** Both directions between the networks of the cluster and of the pod VMs, as far as they exist. */
  readonly podVmPeerings?: readonly PodVmPeering[];
  /** What private names resolve to. */
  readonly privateNames?: readonly { readonly name: string; readonly address: string; readonly linked: boolean }[];
}

export interface ClusterFacts {
  readonly minor: number;
  readonly authorizedIpRanges: readonly string[];
  readonly networkPlugin: string;
  readonly networkPluginMode?: string;
  readonly networkPolicy?: string;
  readonly dataplane?: string;
  readonly podIdentity: boolean;
  readonly workloadIdentity: boolean;
  /** Whether the API server was asked; it was when this is missing. */
  readonly insideAsked?: boolean;
  /** Undefined when the API server cannot be reached. */
  readonly inside?: {
    readonly namespaceUsable: boolean;
    readonly denyingPolicies: readonly string[];
    readonly quotaProblems: readonly string[];
    /** Objects of ours that others own. */
    readonly foreignObjects: readonly string[];
    readonly otherInstallations: readonly string[];
    readonly orphanNodes: readonly string[];
    readonly admissionControllers: number;
    /** Events that say AuthorizationFailed. */
    readonly authorizationFailures: readonly string[];
  };
}

export interface AssignmentFacts {
  readonly kubeletMissingAt: readonly string[];
  /** Assignments whose principal is a client id. */
  readonly clientIdAssignments: readonly string[];
}

/** Why something about Azure or the cluster is not known. */
export interface GatherNote {
  /** What was asked for: `the vault`. */
  readonly subject: string;
  /** Checks that look at it. */
  readonly checks: readonly string[];
  /** What stood in the way, or that there is nothing to look at yet. */
  readonly reason: string;
}

export interface AzureFacts {
  readonly credential?: CredentialFacts;
  readonly subscription?: SubscriptionFacts;
  readonly permissions?: PermissionFacts;
  readonly group?: GroupFacts;
  readonly providers?: readonly ProviderFacts[];
  readonly features?: Readonly<Record<string, string>>;
  readonly regions?: readonly RegionFacts[];
  readonly armEndpoint?: string;
  readonly kubernetes?: readonly KubernetesOffer[];
  readonly capacity?: CapacityFacts;
  readonly vault?: VaultFacts;
  readonly network?: NetworkFacts;
  readonly cluster?: ClusterFacts;
  readonly assignments?: AssignmentFacts;
  readonly attestationProvider?: { readonly exists: boolean; readonly status?: string };
  /** Whether the directory held an instance before the service closed for new ones. */
  readonly hadRedis?: boolean;
  /** What could not be found out, and why. */
  readonly notes?: readonly GatherNote[];
}

/** The release, and what the files around it say. */
export interface FileFacts {
  readonly bundle?: Bundle;
  /** Why the bundle cannot be read. */
  readonly bundleProblem?: string;
  readonly operatorKey?: Secret;
  /** Days since the release. */
  readonly bundleAgeDays?: number;
  /** Whether a record says that this release ran well in integ. */
  readonly integRecord?: boolean;
  readonly journal?: { readonly otherConfig: boolean; readonly unfinished?: string };
  /** Fields that a client would drop from the manifest. */
  readonly droppedFields?: readonly string[];
}

/** A node that runs peer pods. */
export interface PeerPodWorker {
  readonly name: string;
  /** Allocatable. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
  /** Machines that the node offers; undefined when nobody advertised any. */
  readonly offered: number | undefined;
}

/** The cluster of peer pods, which Azure does not know as such. */
export interface PeerPodClusterFacts {
  /** Undefined when the cluster is no OpenShift. */
  readonly openShift: { readonly version: string; readonly updates: readonly string[] } | undefined;
  readonly kubernetes: string;
  /** Undefined when there is none of the configured name. */
  readonly runtimeClass:
    | { readonly handler: string; readonly cpuCores: number; readonly memoryBytes: number }
    | undefined;
  readonly workers: readonly PeerPodWorker[];
  /** Namespaces that hold pods of the runtime class now. */
  readonly namespaces: readonly string[];
  /** Whether an admission policy says where peer pods may run. */
  readonly namespacePolicy: boolean;
  /** Pods that look like a key broker, as `namespace/name`. */
  readonly keyBrokers: readonly string[];
}

/** Everything the doctor was given; what is missing leaves checks open. */
export interface Facts {
  readonly tools?: ToolFacts;
  readonly files?: FileFacts;
  readonly azure?: AzureFacts;
  readonly peerPodCluster?: PeerPodClusterFacts;
}
