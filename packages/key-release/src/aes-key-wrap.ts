import { createCipheriv, createDecipheriv } from 'node:crypto';

import { concatBytes, RequestError, VerificationError } from '@holdfast/base';

const IV = Uint8Array.of(0xa6, 0x59, 0x59, 0xa6);
const MAX_BYTES = 64 * 1024;

/**
 * AES key wrap with padding (RFC 5649) of 1 byte to 64 KiB under a 16, 24 or 32 byte key.
 * @throws RequestError KEY_WRAP_INVALID
 */
export function aesKeyWrapPad(kek: Uint8Array, plaintext: Uint8Array): Uint8Array {
  if (plaintext.length === 0 || plaintext.length > MAX_BYTES) {
    throw new RequestError('KEY_WRAP_INVALID', `key material of ${plaintext.length} bytes, expected 1 to ${MAX_BYTES}`);
  }
  const cipher = createCipheriv(cipherName(kek), kek, IV);
  return concatBytes(cipher.update(plaintext), cipher.final());
}

/**
 * The inverse of `aesKeyWrapPad`. Every failure is the same error: what was wrong would help whoever forges ciphertexts.
 * @throws VerificationError KEY_UNWRAP_FAILED
 */
export function aesKeyUnwrapPad(kek: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  // OpenSSL yields an empty key for an empty ciphertext, so lengths are checked here.
  if (ciphertext.length < 16 || ciphertext.length % 8 !== 0 || ciphertext.length > MAX_BYTES + 16) throw unwrapFailed();
  try {
    const decipher = createDecipheriv(cipherName(kek), kek, IV);
    return concatBytes(decipher.update(ciphertext), decipher.final());
  } catch (cause) {
    throw unwrapFailed(cause);
  }
}

export function unwrapFailed(cause?: unknown): VerificationError {
  return new VerificationError('KEY_UNWRAP_FAILED', 'the wrapped key cannot be unwrapped', { cause });
}

function cipherName(kek: Uint8Array): string {
  if (kek.length !== 16 && kek.length !== 24 && kek.length !== 32) {
    throw new RequestError('KEY_WRAP_INVALID', `a wrapping key of ${kek.length} bytes, expected 16, 24 or 32`);
  }
  return `id-aes${kek.length * 8}-wrap-pad`;
}
