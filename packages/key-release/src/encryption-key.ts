import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { isJsonObject, member } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { fromBase64Url, PolicyError } from '@holdfast/base';

/** A key inside the attested environment that a released key is encrypted to. */
export interface EncryptionKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
}

const MINIMUM_RSA_BITS = 2048;
const MAXIMUM_RSA_BITS = 8192;

/**
 * The key of the attested environment: of the JWKs in the claim `x-ms-runtime.keys`, the first RSA key for encryption with
 * a key id and 2048 bits or more. Keys under `x-ms-isolation-tee` do not count, and never the paravisor's signing key
 * HCLAkPub, which older paravisors label wrongly.
 * @throws PolicyError RELEASE_NO_ENCRYPTION_KEY
 */
export function findEncryptionKey(claims: JsonObject): EncryptionKey {
  const runtime = member(claims, 'x-ms-runtime');
  const keys = isJsonObject(runtime) ? member(runtime, 'keys') : undefined;
  for (const jwk of Array.isArray(keys) ? (keys as readonly JsonValue[]) : []) {
    const key = readKey(jwk);
    if (key !== undefined) return key;
  }
  throw new PolicyError('RELEASE_NO_ENCRYPTION_KEY', 'the token names no RSA key for encryption in x-ms-runtime.keys', {
    action: 'Bind an RSA key of 2048 bits or more, with key_ops ["encrypt"], into the runtime data of the attestation.',
  });
}

function readKey(jwk: JsonValue): EncryptionKey | undefined {
  if (!isJsonObject(jwk) || member(jwk, 'kty') !== 'RSA') return undefined;
  const kid = member(jwk, 'kid');
  if (typeof kid !== 'string' || kid === '' || kid === 'HCLAkPub') return undefined;
  const operations = member(jwk, 'key_ops');
  const encrypts = member(jwk, 'use') === 'enc' || member(jwk, 'key_use') === 'enc';
  if (!encrypts && !(Array.isArray(operations) && operations.includes('encrypt'))) return undefined;
  const n = member(jwk, 'n');
  const e = member(jwk, 'e');
  if (typeof n !== 'string' || typeof e !== 'string') return undefined;
  try {
    fromBase64Url(n);
    fromBase64Url(e);
    const publicKey = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
    const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
    return bits >= MINIMUM_RSA_BITS && bits <= MAXIMUM_RSA_BITS ? { kid, publicKey } : undefined;
  } catch {
    return undefined; // not a key: another entry may be one
  }
}
