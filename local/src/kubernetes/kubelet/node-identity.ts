import type { PodTokenSource } from '../api/index.ts';

/** What the nodes of a cluster know of identities. */
export interface NodeIdentity {
  /** A token of a pod's service account. */
  readonly serviceAccountToken: PodTokenSource;
  /** The metadata service of the nodes, such as `http://127.0.0.1:4001`: it knows the identities that are attached to them. */
  readonly metadataUrl: string;
  /** The node's server of pod identity, for whoever is on the node itself; undefined while the add-on is off. */
  readonly nmiUrl: () => string | undefined;
  /** Entra ID, with a slash at the end. */
  readonly authorityHost: string;
  readonly tenantId: string;
}
