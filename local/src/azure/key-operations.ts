import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { concatBytes, RequestError } from '@holdfast/base';

import { familyOf, privateKeyOf } from './key-material.ts';
import type { KeyMaterial } from './key-material.ts';

/** Hashes of OAEP by algorithm (RFC 7518 section 4.3). */
const OAEP_HASHES: Readonly<Record<string, string>> = { 'RSA-OAEP': 'sha1', 'RSA-OAEP-256': 'sha256' };
const AES_KEY_WRAP: Readonly<Record<string, number>> = { A128KW: 16, A192KW: 24, A256KW: 32 };
const AES_KEY_WRAP_IV = new Uint8Array(8).fill(0xa6);

/**
 * Encrypts bytes with a key of the vault: RSA-OAEP and RSA-OAEP-256, or AES key wrap (RFC 3394) with a symmetric key.
 * @throws RequestError VAULT_KEY_PARAMETER_INVALID
 */
export function encryptWith(material: KeyMaterial, algorithm: string, plaintext: Uint8Array): Uint8Array {
  if (familyOf(material.kty) === 'oct') {
    const name = aesCipher(material, algorithm);
    return attempt(() => {
      const cipher = createCipheriv(name, material.secret, AES_KEY_WRAP_IV);
      return concatBytes(cipher.update(plaintext), cipher.final());
    });
  }
  const options = rsaOptions(createPublicKey(rsaKey(material)), algorithm);
  return attempt(() => publicEncrypt(options, plaintext));
}

/** The inverse of `encryptWith`. */
export function decryptWith(material: KeyMaterial, algorithm: string, ciphertext: Uint8Array): Uint8Array {
  if (familyOf(material.kty) === 'oct') {
    const name = aesCipher(material, algorithm);
    return attempt(() => {
      const decipher = createDecipheriv(name, material.secret, AES_KEY_WRAP_IV);
      return concatBytes(decipher.update(ciphertext), decipher.final());
    });
  }
  const options = rsaOptions(rsaKey(material), algorithm);
  return attempt(() => privateDecrypt(options, ciphertext));
}

function rsaKey(material: KeyMaterial): KeyObject {
  if (familyOf(material.kty) !== 'RSA') throw invalid('Key and signing key properties do not match the operation');
  return privateKeyOf(material);
}

function rsaOptions(key: KeyObject, algorithm: string) {
  const oaepHash = Object.hasOwn(OAEP_HASHES, algorithm) ? OAEP_HASHES[algorithm] : undefined;
  if (oaepHash === undefined) throw invalid(`The algorithm ${algorithm.slice(0, 20)} is not supported for this key`);
  return { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
}

function aesCipher(material: KeyMaterial, algorithm: string): string {
  const size = Object.hasOwn(AES_KEY_WRAP, algorithm) ? AES_KEY_WRAP[algorithm] : undefined;
  if (size === undefined || size !== material.secret.length) {
    throw invalid(`The algorithm ${algorithm.slice(0, 20)} is not supported for this key`);
  }
  return `id-aes${size * 8}-wrap`;
}

/** One answer for everything that does not decrypt. */
function attempt(run: () => Uint8Array): Uint8Array {
  try {
    return run();
  } catch {
    throw invalid('The parameter is incorrect.'); // what exactly was wrong would help whoever tries ciphertexts
  }
}

function invalid(message: string): RequestError {
  return new RequestError('VAULT_KEY_PARAMETER_INVALID', message);
}
