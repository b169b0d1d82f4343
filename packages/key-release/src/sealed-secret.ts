import { constants, createCipheriv, createDecipheriv, privateDecrypt, publicEncrypt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import {
  concatBytes,
  errorMessage,
  fromBase64Url,
  fromUtf8,
  MalformedError,
  RequestError,
  toBase64Url,
  toUtf8,
  VerificationError,
} from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

const ALGORITHM = 'RSA-OAEP-256';
const ENCRYPTION = 'A256GCM';
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const MINIMUM_RSA_BITS = 2048;
/** Longest sealed secret, in characters. */
const MAX_LENGTH = 128 * 1024;

/**
 * Seals a secret of any length to the public half of a releasable key: whoever gets the private half released can open it.
 * @param options.kid Name of the key; stands in the header in clear.
 * @returns A JWE in compact form (RFC 7516) with RSA-OAEP-256 and A256GCM.
 * @throws RequestError KEY_WRAP_INVALID for a key that is not RSA with 2048 bits or more
 */
export function sealSecret(options: {
  readonly publicKey: KeyObject;
  readonly kid: string;
  readonly secret: Uint8Array;
  readonly random: RandomBytes;
}): string {
  const { publicKey, kid, secret, random } = options;
  if (
    publicKey.asymmetricKeyType !== 'rsa' ||
    (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < MINIMUM_RSA_BITS
  ) {
    throw new RequestError('KEY_WRAP_INVALID', `the encryption key is not RSA with ${MINIMUM_RSA_BITS} bits or more`);
  }
  const header = toBase64Url(toUtf8(JSON.stringify({ alg: ALGORITHM, enc: ENCRYPTION, kid })));
  const key = random(KEY_BYTES);
  const iv = random(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(toUtf8(header));
  const ciphertext = concatBytes(cipher.update(secret), cipher.final());
  const encryptedKey = publicEncrypt({ key: publicKey, ...OAEP }, key);
  return [header, ...[encryptedKey, iv, ciphertext, cipher.getAuthTag()].map((part) => toBase64Url(part))].join('.');
}

/**
 * Opens what `sealSecret` made.
 * @throws MalformedError SEALED_SECRET_MALFORMED when it is no such JWE
 * @throws VerificationError SEALED_SECRET_UNDECRYPTABLE for another key or a changed text, the same for every reason
 */
export function openSecret(sealed: string, privateKey: KeyObject): Uint8Array {
  const { header, encryptedKey, iv, ciphertext, tag } = parseSealed(sealed);
  try {
    const key = privateDecrypt({ key: privateKey, ...OAEP }, encryptedKey);
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(toUtf8(header)).setAuthTag(tag);
    return concatBytes(decipher.update(ciphertext), decipher.final());
  } catch (cause) {
    throw new VerificationError('SEALED_SECRET_UNDECRYPTABLE', 'the sealed secret cannot be opened with this key', {
      cause,
    });
  }
}

function parseSealed(sealed: string): {
  readonly header: string;
  readonly encryptedKey: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
} {
  const parts = sealed.length > MAX_LENGTH ? [] : sealed.split('.');
  const [header = ''] = parts;
  if (parts.length !== 5) throw malformed('not a JWE in compact form');
  let encodedHeader: unknown;
  let decoded: readonly Uint8Array[];
  try {
    encodedHeader = JSON.parse(fromUtf8(fromBase64Url(header)));
    decoded = parts.slice(1).map((part) => fromBase64Url(part));
  } catch (cause) {
    throw malformed(errorMessage(cause), cause);
  }
  const { alg, enc, crit, zip } = (encodedHeader ?? {}) as Readonly<Record<string, unknown>>;
  if (alg !== ALGORITHM || enc !== ENCRYPTION || crit !== undefined || zip !== undefined)
    throw malformed(`other than ${ALGORITHM} with ${ENCRYPTION}`);
  const [encryptedKey, iv, ciphertext, tag] = decoded;
  if (encryptedKey === undefined || ciphertext === undefined || iv?.length !== IV_BYTES || tag?.length !== TAG_BYTES)
    throw malformed('a part has the wrong length');
  return { header, encryptedKey, iv, ciphertext, tag };
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError('SEALED_SECRET_MALFORMED', `sealed secret: ${problem}`, { cause });
}
