import {
  constants,
  createCipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  publicEncrypt,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { toBase64Url, toUtf8 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import type { TeePublicKey } from './tee-public-key.ts';

/** A reply in the flattened JSON serialization of RFC 7516, all members Base64url. */
export interface FlattenedJwe {
  readonly protected: string;
  readonly encrypted_key: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

export interface EncryptOptions {
  readonly random: RandomBytes;
  /** Makes the ephemeral private key; a fresh one on the recipient's curve when missing. */
  readonly ephemeral?: (curve: string) => KeyObject;
}

const CEK_BYTES = 32;
const IV_BYTES = 12;
const KEY_WRAP_IV = Buffer.alloc(8, 0xa6);
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp521r1: 'P-521' };

/**
 * Encrypts a resource to a guest's key (A256GCM under RSA-OAEP-256 or ECDH-ES+A256KW). Clients parse the protected
 * header and write it again before they authenticate it, so its bytes follow one form: `alg`, `enc`, then the other
 * members by name, without blanks or escapes.
 */
export function encryptResource(plaintext: Uint8Array, recipient: TeePublicKey, options: EncryptOptions): FlattenedJwe {
  const cek = options.random(CEK_BYTES);
  const { header, encryptedKey } =
    recipient.algorithm === 'RSA-OAEP-256' ? wrapRsa(cek, recipient.key) : wrapEcdh(cek, recipient.key, options);
  const protectedHeader = toBase64Url(toUtf8(JSON.stringify(header)));
  const iv = options.random(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', cek, iv).setAAD(toUtf8(protectedHeader));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const tag = cipher.getAuthTag();
  cek.fill(0);
  return {
    protected: protectedHeader,
    encrypted_key: encode(encryptedKey),
    iv: encode(iv),
    ciphertext: encode(ciphertext),
    tag: encode(tag),
  };
}

interface WrappedKey {
  readonly header: Readonly<Record<string, unknown>>;
  readonly encryptedKey: Uint8Array;
}

function wrapRsa(cek: Uint8Array, key: KeyObject): WrappedKey {
  const encryptedKey = publicEncrypt({ key, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING }, cek);
  return { header: { alg: 'RSA-OAEP-256', enc: 'A256GCM' }, encryptedKey };
}

/** RFC 7518 section 4.6 with empty party information, then RFC 3394. */
function wrapEcdh(cek: Uint8Array, key: KeyObject, options: EncryptOptions): WrappedKey {
  const curve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'P-256';
  const privateKey = (options.ephemeral ?? freshKey)(curve);
  const { x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  const secret = diffieHellman({ privateKey, publicKey: key });
  const kek = concatKdf(secret, 'ECDH-ES+A256KW', 256);
  const wrap = createCipheriv('id-aes256-wrap', kek, KEY_WRAP_IV);
  const encryptedKey = Buffer.concat([wrap.update(cek), wrap.final()]);
  secret.fill(0);
  kek.fill(0);
  return { header: { alg: 'ECDH-ES+A256KW', enc: 'A256GCM', epk: { crv: curve, kty: 'EC', x, y } }, encryptedKey };
}

function freshKey(curve: string): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
}

/** One round of the key derivation of NIST SP 800-56A, which is enough for 256 bits. */
function concatKdf(secret: Uint8Array, algorithm: string, bits: number): Buffer {
  const hash = createHash('sha256').update(uint32(1)).update(secret);
  hash.update(uint32(algorithm.length)).update(algorithm);
  return hash.update(uint32(0)).update(uint32(0)).update(uint32(bits)).digest();
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function encode(bytes: Uint8Array): string {
  return toBase64Url(new Uint8Array(bytes));
}
