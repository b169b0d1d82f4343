import type { ServiceAccountToken, ServiceAccountTokenRequest } from '../kubernetes/api/index.ts';
import type { ClusterIssuer } from './cluster-issuer.ts';

/** What the API server of a cluster needs to answer TokenRequests: tokens by the key of its issuer. */
export function serviceAccountTokens(
  issuer: Pick<ClusterIssuer, 'issueToken'>,
): (request: ServiceAccountTokenRequest) => Promise<ServiceAccountToken> {
  return async ({ serviceAccount: { metadata }, audiences, expirationSeconds, boundObject }) =>
    Promise.resolve(
      issuer.issueToken({
        namespace: metadata.namespace ?? 'default',
        serviceAccount: { name: metadata.name, uid: metadata.uid },
        audiences,
        expirationSeconds,
        ...(boundObject?.kind === 'Pod' ? { pod: { name: boundObject.name, uid: boundObject.uid } } : {}),
      }),
    );
}
