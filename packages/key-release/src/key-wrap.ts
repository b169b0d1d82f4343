import { constants, privateDecrypt, publicEncrypt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { concatBytes, RequestError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { aesKeyUnwrapPad, aesKeyWrapPad, unwrapFailed } from './aes-key-wrap.ts';
import { oaepHash } from './wrap-algorithm.ts';
import type { KeyWrapAlgorithm } from './wrap-algorithm.ts';

const KEK_BYTES = 32;
const MINIMUM_RSA_BITS = 2048;

/**
 * Encrypts key material to an RSA key (PKCS #11 CKM_RSA_AES_KEY_WRAP): OAEP of a fresh AES-256 key, then AES key wrap with
 * padding of the material under it.
 * @returns The two ciphertexts one after the other; the first is as long as the RSA modulus.
 * @throws RequestError KEY_WRAP_INVALID for a key that is not RSA with 2048 bits or more, or for no material
 */
export function wrapKeyMaterial(options: {
  readonly publicKey: KeyObject;
  readonly material: Uint8Array;
  readonly algorithm: KeyWrapAlgorithm;
  readonly random: RandomBytes;
}): Uint8Array {
  if (modulusBytes(options.publicKey) * 8 < MINIMUM_RSA_BITS) {
    throw new RequestError('KEY_WRAP_INVALID', `the encryption key is not RSA with ${MINIMUM_RSA_BITS} bits or more`);
  }
  const kek = options.random(KEK_BYTES);
  const encryptedKek = publicEncrypt(
    { key: options.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: oaepHash(options.algorithm) },
    kek,
  );
  return concatBytes(encryptedKek, aesKeyWrapPad(kek, options.material));
}

/**
 * The inverse of `wrapKeyMaterial`.
 * @throws VerificationError KEY_UNWRAP_FAILED, the same for every reason
 */
export function unwrapKeyMaterial(options: {
  readonly privateKey: KeyObject;
  readonly ciphertext: Uint8Array;
  readonly algorithm: KeyWrapAlgorithm;
}): Uint8Array {
  const first = modulusBytes(options.privateKey);
  if (first === 0 || options.ciphertext.length <= first) throw unwrapFailed();
  let kek: Uint8Array;
  try {
    kek = privateDecrypt(
      { key: options.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: oaepHash(options.algorithm) },
      options.ciphertext.subarray(0, first),
    );
  } catch (cause) {
    throw unwrapFailed(cause);
  }
  if (![16, 24, 32].includes(kek.length)) throw unwrapFailed();
  return aesKeyUnwrapPad(kek, options.ciphertext.subarray(first));
}

/** 0 for a key that is not RSA. */
function modulusBytes(key: KeyObject): number {
  return key.asymmetricKeyType === 'rsa' ? (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8 : 0;
}
