import { MalformedError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { ClusterStore, User } from '../kubernetes/api/index.ts';
import type { ClusterIssuer } from './cluster-issuer.ts';
import { parseCompactJwt } from './jwt.ts';
import type { CompactJwt } from './jwt.ts';
import { isSignedBy } from './jwt-signature.ts';

interface Bound {
  readonly name?: unknown;
  readonly uid?: unknown;
}

interface Private {
  readonly namespace?: unknown;
  readonly serviceaccount?: Bound;
  readonly pod?: Bound;
}

/**
 * Who a service account token belongs to, as the API server of its issuer sees it: undefined unless this issuer has signed it for
 * itself, its time is now, and the account, and the pod it is bound to, are still those of the token.
 * @see Kubernetes documentation, Managing Service Accounts, bound service account tokens
 */
export function serviceAccountUser(
  store: Pick<ClusterStore, 'get'>,
  issuer: Pick<ClusterIssuer, 'issuer' | 'jwks'>,
  clock: Clock,
): (token: string) => User | undefined {
  const isLive = (kind: 'ServiceAccount' | 'Pod', namespace: string, { name, uid }: Bound): boolean => {
    if (typeof name !== 'string' || typeof uid !== 'string') return false;
    return store.get({ apiVersion: 'v1', kind, name, namespace })?.metadata.uid === uid;
  };
  return (token) => {
    const jwt = signedBy(issuer, token);
    if (jwt === undefined || !isForNow(jwt.payload, issuer.issuer, clock())) return undefined;
    const { namespace, serviceaccount = {}, pod } = (jwt.payload['kubernetes.io'] ?? {}) as Private;
    if (typeof namespace !== 'string' || !isLive('ServiceAccount', namespace, serviceaccount)) return undefined;
    if (pod !== undefined && !isLive('Pod', namespace, pod)) return undefined;
    return {
      username: `system:serviceaccount:${namespace}:${String(serviceaccount.name)}`,
      uid: String(serviceaccount.uid),
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    };
  };
}

function signedBy(issuer: Pick<ClusterIssuer, 'jwks'>, token: string): CompactJwt | undefined {
  try {
    const jwt = parseCompactJwt(token);
    return isSignedBy(issuer.jwks().keys, jwt) ? jwt : undefined;
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function isForNow({ iss, aud, nbf, exp }: CompactJwt['payload'], issuer: string, nowMs: number): boolean {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const now = nowMs / 1000;
  return iss === issuer && audiences.includes(issuer) && Number(nbf ?? 0) <= now && Number(exp ?? 0) > now;
}
