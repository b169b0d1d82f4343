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

const CONFIGURATION_PATH = '/.well-known/openid-configuration';
const KEYS_PATH = '/openid/v1/jwks';

/** The document of an issuer at a path of its host: its configuration or its keys; undefined for every other path. */
export function issuerDocument(
  { issuer, jwks }: { readonly issuer: string; readonly jwks: () => { readonly keys: readonly IssuerKey[] } },
  path: string,
): object | undefined {
  const base = new URL(issuer).pathname.replace(/\/$/, '');
  if (path === `${base}${CONFIGURATION_PATH}`) return issuerConfiguration(issuer);
  return path === `${base}${KEYS_PATH}` ? jwks() : undefined;
}
