import type {
  AzureAssignedIdentity,
  AzureIdentity,
  AzureIdentityBinding,
  AzurePodIdentityException,
  SecretReference,
} from '@holdfast/admission';

/** A pod, as far as its identity is concerned. */
export interface NmiPod {
  readonly name: string;
  readonly namespace: string;
  /** Tells a pod from a later one of the same name. */
  readonly uid: string;
  readonly address: string;
  readonly node: string;
  readonly phase: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the ReplicaSet that it comes from; empty when there is none. */
  readonly replicaSet: string;
  /** Whether it uses the node's own address. */
  readonly hostNetwork: boolean;
  /** Whether it can no longer be using its address: all its containers have ended, or its time to end is over. */
  readonly gone: boolean;
}

/** What the node's server asks of its cluster. Every answer is the state of the API server, not of a cache. */
export interface NodeCluster {
  /** Pods of this node whose address this is, whatever their phase. */
  podsWithAddress(address: string, signal: AbortSignal): Promise<readonly NmiPod[]>;
  pod(namespace: string, name: string, signal: AbortSignal): Promise<NmiPod | undefined>;
  exceptions(namespace: string, signal: AbortSignal): Promise<readonly AzurePodIdentityException[]>;
  bindings(namespace: string, signal: AbortSignal): Promise<readonly AzureIdentityBinding[]>;
  identities(namespace: string, signal: AbortSignal): Promise<readonly AzureIdentity[]>;
  /** Those of one pod on this node, in the order of the API server. */
  assignedIdentities(namespace: string, pod: string, signal: AbortSignal): Promise<readonly AzureAssignedIdentity[]>;
  /** Entries of a Secret in the order of the API server. */
  secret(reference: SecretReference, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>>;
}
