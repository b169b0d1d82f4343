import type { ServiceAccountToken, ServiceAccountTokenRequest } from './backend.ts';
import type { ClusterStore } from './cluster-store.ts';
import { StatusError } from './status.ts';

/** What a kubelet asks for the pods of its node. */
export interface PodTokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Empty for the API server's own audience. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The token is for this pod alone. */
  readonly pod?: { readonly name: string; readonly uid: string };
}

export type PodTokenSource = (request: PodTokenRequest) => Promise<ServiceAccountToken>;

const SHORTEST_SECONDS = 600;

/**
 * Tokens for the pods of a node, from the store itself. The source rejects with a StatusError: NotFound where there is no such
 * service account, Invalid for less than ten minutes.
 * @see authentication.k8s.io/v1 TokenRequest
 */
export function podTokens(
  store: Pick<ClusterStore, 'get'>,
  issue: (request: ServiceAccountTokenRequest) => Promise<ServiceAccountToken>,
): PodTokenSource {
  return async ({ namespace, serviceAccount: name, audiences, expirationSeconds, pod }) => {
    const serviceAccount = store.get({ apiVersion: 'v1', kind: 'ServiceAccount', namespace, name });
    if (serviceAccount === undefined) throw new StatusError('NotFound', `serviceaccounts "${name}" not found`);
    if (expirationSeconds < SHORTEST_SECONDS) {
      throw new StatusError('Invalid', 'spec.expirationSeconds: may not specify a duration less than 10 minutes');
    }
    const boundObject = pod === undefined ? undefined : { kind: 'Pod', ...pod };
    return issue({ serviceAccount, audiences, expirationSeconds, boundObject });
  };
}
