import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

import { concatBytes, MalformedError, VerificationError, type RandomBytes } from '@holdfast/base';

import { aesKeyBits } from './token-key.ts';

const IV_SIZE = 16;

/** AES-256-CBC with PKCS #7 padding after 16 bytes of random IV: the legacy layout of version 2 tokens. */
export function encryptCbc(key: KeyObject, plaintext: Uint8Array, randomBytes: RandomBytes): Uint8Array {
  const iv = randomBytes(IV_SIZE);
  const cipher = createCipheriv(`aes-${aesKeyBits(key)}-cbc`, key, iv);
  return concatBytes(iv, cipher.update(plaintext), cipher.final());
}

/**
 * The plaintext of a version 2 layer. CBC does not authenticate: a changed byte may decrypt to other plaintext.
 * @throws MalformedError CIPHER_MESSAGE_TRUNCATED when there is no IV or no whole block after it
 * @throws VerificationError CIPHER_AUTHENTICATION_FAILED when the padding does not fit
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
 */
export function decryptCbc(key: KeyObject, sealed: Uint8Array): Uint8Array {
  if (sealed.length < 2 * IV_SIZE || sealed.length % IV_SIZE !== 0) {
    throw new MalformedError('CIPHER_MESSAGE_TRUNCATED', `${sealed.length} bytes cannot hold IV and whole blocks`);
  }
  const decipher = createDecipheriv(`aes-${aesKeyBits(key)}-cbc`, key, sealed.subarray(0, IV_SIZE));
  const start = decipher.update(sealed.subarray(IV_SIZE));
  try {
    return concatBytes(start, decipher.final());
  } catch (cause) {
    throw new VerificationError('CIPHER_AUTHENTICATION_FAILED', 'the padding does not fit', { cause });
  }
}
