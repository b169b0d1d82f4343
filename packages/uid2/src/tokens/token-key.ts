import { createSecretKey, type KeyObject } from 'node:crypto';

import { InternalError } from '@holdfast/base';

/** A key that tokens name by its id. The secret is a prepared key object: two to three times faster than raw bytes. */
export interface TokenKey {
  readonly id: number;
  readonly secret: KeyObject;
}

/** Where decoding looks keys up: by id alone, without keyset, activity or expiry. */
export interface TokenKeySource {
  keyById(id: number): TokenKey | undefined;
}

/** A prepared AES key from its bytes. Lengths other than 16, 24 and 32 surface when the key is used. */
export function prepareSecret(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes);
}

/**
 * Which AES a key is for, by its length. UID2's own keys have 256 bits; a client may have stored another response key.
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID
 */
export function aesKeyBits(key: KeyObject): 128 | 192 | 256 {
  switch (key.symmetricKeySize) {
    case 32:
      return 256;
    case 24:
      return 192;
    case 16:
      return 128;
    default:
      throw new InternalError('CIPHER_KEY_LENGTH_INVALID', `an AES key cannot have ${key.symmetricKeySize} bytes`);
  }
}
