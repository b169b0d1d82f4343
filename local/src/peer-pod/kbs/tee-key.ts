import { createPublicKey, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import type { JsonObject } from '@holdfast/attestation';

/** Kinds of key that `tee_key_algorithm` of `aa.toml` names. */
export const TEE_KEY_ALGORITHMS = ['ECDH-ES+A256KW-P256', 'ECDH-ES+A256KW-P521', 'RSA-OAEP-256'] as const;

export type TeeKeyAlgorithm = (typeof TEE_KEY_ALGORITHMS)[number];

/** The key that a guest makes for itself; the key broker encrypts its replies to it. */
export interface TeeKey {
  readonly privateKey: KeyObject;
  /** Exactly the members that the protocol defines: evidence binds a digest over them. */
  readonly jwk: JsonObject;
}

const RSA_BITS = 2048;
const CURVES = { 'ECDH-ES+A256KW-P256': 'P-256', 'ECDH-ES+A256KW-P521': 'P-521' } as const;
const generate = promisify(generateKeyPair);

/** A fresh key. It never leaves the guest, except to a workload that asks for a token to use elsewhere. */
export async function createTeeKey(algorithm: TeeKeyAlgorithm): Promise<TeeKey> {
  if (algorithm === 'RSA-OAEP-256') return teeKeyOf((await generate('rsa', { modulusLength: RSA_BITS })).privateKey);
  return teeKeyOf((await generate('ec', { namedCurve: CURVES[algorithm] })).privateKey);
}

/** The public members of a private key, RSA or EC. */
export function teeKeyOf(privateKey: KeyObject): TeeKey {
  const { kty, crv, x, y, n, e } = createPublicKey(privateKey).export({ format: 'jwk' });
  const jwk: JsonObject =
    kty === 'RSA'
      ? { kty: 'RSA', alg: 'RSA-OAEP-256', n: n ?? '', e: e ?? '' }
      : { kty: 'EC', crv: crv ?? '', alg: 'ECDH-ES+A256KW', x: x ?? '', y: y ?? '' };
  return { privateKey, jwk };
}

/** The private key as guest components hand it out: PKCS #1 for RSA, PKCS #8 for EC. */
export function teeKeyPem({ privateKey }: TeeKey): string {
  return privateKey.asymmetricKeyType === 'rsa'
    ? privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
    : privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
