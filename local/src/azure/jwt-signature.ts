import { createPublicKey, verify } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';

import { toUtf8 } from '@holdfast/base';

import type { CompactJwt } from './jwt.ts';

/** A JSON Web Key (RFC 7517) as an issuer publishes it. */
export interface PublishedKey {
  readonly kid?: string | undefined;
  readonly kty?: string | undefined;
}

const EC_HASHES: Readonly<Record<string, string>> = { ES256: 'sha256', ES384: 'sha384', ES512: 'sha512' };

/** Whether a JWT is signed with the key of an issuer that its header names (RFC 7518: RS256, ES256, ES384, ES512). */
export function isSignedBy(keys: readonly PublishedKey[], jwt: CompactJwt): boolean {
  const { kid, alg } = jwt.header;
  const key = keys.find((candidate) => candidate.kid === kid);
  return key !== undefined && signatureHolds(jwt, key, alg);
}

function signatureHolds(jwt: CompactJwt, jwk: PublishedKey, alg: unknown): boolean {
  // The kind of the key decides which algorithms are possible, never the header alone.
  const hash = jwk.kty === 'RSA' ? (alg === 'RS256' ? 'sha256' : undefined) : EC_HASHES[String(alg)];
  if (hash === undefined || (jwk.kty !== 'RSA' && jwk.kty !== 'EC')) return false;
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    return verify(hash, toUtf8(jwt.signingInput), { key, dsaEncoding: 'ieee-p1363' }, jwt.signature);
  } catch {
    return false; // an issuer that publishes a key which is none has signed nothing
  }
}
