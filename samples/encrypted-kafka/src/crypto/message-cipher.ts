import { constants, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { ConfigError, errorMessage, fromBase64, fromUtf8, MalformedError, toBase64, toUtf8 } from '@holdfast/base';

const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;
/** RFC 8017 section 7.1.1: an OAEP block is two digests and two bytes longer than its message. */
const OAEP_OVERHEAD_BYTES = 2 * 32 + 2;

/**
 * Encrypts one message: standard Base64 of RSA-OAEP with SHA-256, MGF1 with SHA-256 and no label.
 * @throws ConfigError SAMPLE_MESSAGE_TOO_LONG
 * @see RFC 8017 section 7.1
 */
export function encryptMessage(text: string, publicKey: KeyObject): string {
  const bytes = toUtf8(text);
  requireFits(bytes.length, publicKey);
  return toBase64(publicEncrypt({ key: publicKey, ...OAEP }, bytes));
}

/**
 * Decrypts what `encryptMessage` made.
 * @throws MalformedError SAMPLE_MESSAGE_UNREADABLE for everything else, without saying at which step it failed
 */
export function decryptMessage(base64: string, privateKey: KeyObject): string {
  try {
    return fromUtf8(privateDecrypt({ key: privateKey, ...OAEP }, fromBase64(base64.trim())));
  } catch (cause) {
    throw new MalformedError('SAMPLE_MESSAGE_UNREADABLE', 'the message was not encrypted for this key', { cause });
  }
}

/** Longest message that one block of the key holds, in bytes: 318 for 3072 bits. */
export function longestMessageBytes(publicKey: KeyObject): number {
  return Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8) - OAEP_OVERHEAD_BYTES;
}

/** @throws ConfigError SAMPLE_MESSAGE_TOO_LONG */
export function requireFits(lengthBytes: number, publicKey: KeyObject): void {
  const longest = longestMessageBytes(publicKey);
  if (lengthBytes <= longest) return;
  throw new ConfigError('SAMPLE_MESSAGE_TOO_LONG', [`MSG: ${lengthBytes} bytes, and the key holds ${longest}`], {
    action: 'Shorten MSG, or use a longer key.',
  });
}

const SMALLEST_KEY_BITS = 2048;

/**
 * Reads an RSA public key, PEM SubjectPublicKeyInfo. `\n` written as two characters counts as a line break, since shells and
 * one-line manifests make it so.
 * @param origin Where the text is from, for the message of the error.
 * @throws ConfigError SAMPLE_PUBLIC_KEY_INVALID
 */
export function parsePublicKey(pem: string, origin: string): KeyObject {
  const text = pem.replaceAll(String.raw`\n`, '\n').trim();
  let problem: string;
  try {
    // createPublicKey would take a private key too; whoever put one here has to be told.
    if (/PRIVATE KEY/.test(text)) throw new RangeError('it is a private key, which belongs to nobody but the vault');
    if (!text.startsWith('-----BEGIN PUBLIC KEY-----')) throw new RangeError('it does not begin with BEGIN PUBLIC KEY');
    const key = createPublicKey(text);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (key.asymmetricKeyType === 'rsa' && bits >= SMALLEST_KEY_BITS) return key;
    problem = key.asymmetricKeyType === 'rsa' ? `it has ${bits} bits` : `it is a key of type ${key.asymmetricKeyType}`;
  } catch (error) {
    problem = error instanceof RangeError ? error.message : `it cannot be read: ${errorMessage(error)}`;
  }
  throw new ConfigError('SAMPLE_PUBLIC_KEY_INVALID', [`${origin}: no RSA public key in PEM: ${problem}`], {
    action: 'Give the NAME-pub.pem that holdfast key create --files wrote, line breaks included.',
  });
}
