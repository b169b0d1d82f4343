import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A signing key as its issuer publishes it (RFC 7517). */
export interface IssuerKey {
  readonly use: 'sig';
  readonly kty: string;
  readonly kid: string;
  readonly alg: string;
  readonly n?: string;
  readonly e?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
}

const EC_ALGORITHMS: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };

/** A public key as a cluster publishes it: `kid` is the base64url SHA-256 of its SubjectPublicKeyInfo. */
export function issuerKey(publicKey: KeyObject): IssuerKey {
  const kid = createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('base64url');
  const { kty = '', crv = '', n, e, x, y } = publicKey.export({ format: 'jwk' });
  if (kty === 'RSA') return { use: 'sig', kty, kid, alg: 'RS256', n: n ?? '', e: e ?? '' };
  return { use: 'sig', kty, kid, alg: EC_ALGORITHMS[crv] ?? '', crv, x: x ?? '', y: y ?? '' };
}

/** The OpenID configuration of an issuer of service account tokens; `issuer` stands in it exactly as in `iss`. */
export function issuerConfiguration(issuer: string): Readonly<Record<string, unknown>> {
  return {
    issuer,
    jwks_uri: `${issuer.replace(/\/$/, '')}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  };
}
