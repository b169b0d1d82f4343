import { createCipheriv, createDecipheriv, type CipherGCM, type CipherGCMTypes, type KeyObject } from 'node:crypto';

import { MalformedError, pooledBytes, releaseBytes, VerificationError, type RandomBytes } from '@holdfast/base';

import { aesKeyBits } from './token-key.ts';

export const GCM_IV_SIZE = 12;
export const GCM_TAG_SIZE = 16;

/** Bytes that AES-GCM adds to a message in this layout. */
export const GCM_OVERHEAD: number = GCM_IV_SIZE + GCM_TAG_SIZE;

/**
 * AES-GCM in the layout UID2 uses everywhere: 12 bytes of random IV, ciphertext, 16 bytes of tag. Text is encrypted as
 * UTF-8.
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
 */
export function encryptGcm(
  key: KeyObject,
  plaintext: Uint8Array | string,
  randomBytes: RandomBytes,
  additionalData?: Uint8Array,
): Uint8Array {
  const iv = randomBytes(GCM_IV_SIZE);
  const cipher = createGcm(key, iv);
  if (additionalData !== undefined) cipher.setAAD(additionalData);
  const ciphertext = typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext);
  cipher.final();
  const sealed = pooledBytes(GCM_IV_SIZE + ciphertext.length + GCM_TAG_SIZE);
  sealed.set(iv, 0);
  sealed.set(ciphertext, GCM_IV_SIZE);
  sealed.set(cipher.getAuthTag(), GCM_IV_SIZE + ciphertext.length);
  releaseBytes(ciphertext);
  return sealed;
}

/**
 * The plaintext of what `encryptGcm` made.
 * @throws MalformedError CIPHER_MESSAGE_TRUNCATED when there is no room for IV and tag
 * @throws VerificationError CIPHER_AUTHENTICATION_FAILED for another key or any changed byte
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
 */
export function decryptGcm(key: KeyObject, sealed: Uint8Array, additionalData?: Uint8Array): Uint8Array {
  if (sealed.length < GCM_OVERHEAD) {
    throw new MalformedError('CIPHER_MESSAGE_TRUNCATED', `${sealed.length} bytes cannot hold IV and tag`);
  }
  const tagAt = sealed.length - GCM_TAG_SIZE;
  const decipher = createDecipheriv(gcmFor(key), key, sealed.subarray(0, GCM_IV_SIZE), { authTagLength: GCM_TAG_SIZE });
  if (additionalData !== undefined) decipher.setAAD(additionalData);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(GCM_IV_SIZE, tagAt));
  try {
    decipher.final();
  } catch (cause) {
    throw new VerificationError('CIPHER_AUTHENTICATION_FAILED', 'the authentication tag does not fit', { cause });
  }
  return plaintext;
}

/** Nearly every key has 256 bits, and asking one for its length takes a fifth of the time of making a cipher. */
function createGcm(key: KeyObject, iv: Uint8Array): CipherGCM {
  try {
    return createCipheriv('aes-256-gcm', key, iv);
  } catch {
    return createCipheriv(gcmFor(key), key, iv); // which says what is wrong if it is not the length
  }
}

function gcmFor(key: KeyObject): CipherGCMTypes {
  return `aes-${aesKeyBits(key)}-gcm`;
}
