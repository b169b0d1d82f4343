/** How a released key is encrypted: RSA-OAEP of a fresh AES key, and AES key wrap with padding of the key itself. */
export type KeyWrapAlgorithm = 'CKM_RSA_AES_KEY_WRAP' | 'RSA_AES_KEY_WRAP_256' | 'RSA_AES_KEY_WRAP_384';

/** What a vault uses when the request names none. */
export const DEFAULT_WRAP_ALGORITHM: KeyWrapAlgorithm = 'CKM_RSA_AES_KEY_WRAP';

const OAEP_HASHES: Readonly<Record<KeyWrapAlgorithm, string>> = {
  CKM_RSA_AES_KEY_WRAP: 'sha1',
  RSA_AES_KEY_WRAP_256: 'sha256',
  RSA_AES_KEY_WRAP_384: 'sha384',
};

/** The hash of OAEP and of its mask generation, as node:crypto names it. */
export function oaepHash(algorithm: KeyWrapAlgorithm): string {
  return OAEP_HASHES[algorithm];
}

export function isKeyWrapAlgorithm(value: unknown): value is KeyWrapAlgorithm {
  return typeof value === 'string' && Object.hasOwn(OAEP_HASHES, value);
}
