import { Buffer } from 'node:buffer';
import { createSecretKey, pbkdf2Sync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { concatBytes, equalSecretBytes, toBase64, toUtf8, VerificationError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import { encryptGcm } from '../tokens/gcm.ts';
import { openGcm } from './open-gcm.ts';

const KDF_ROUNDS = 65_536;
const KEY_LENGTH = 32;
const IV_LENGTH = 12;
const FORMAT_SUFFIX = 'g';
const MIN_SPREAD_SECONDS = 300;
const SPREAD_SECONDS = 300;

/** The key of attestation tokens, from the passphrase and salt that Core and Opt-Out share. Takes tens of milliseconds. */
export function deriveAttestationTokenKey(passphrase: string, salt: string): KeyObject {
  return createSecretKey(pbkdf2Sync(toUtf8(passphrase), toUtf8(salt), KDF_ROUNDS, KEY_LENGTH, 'sha256'));
}

/**
 * When a token made now runs out, in seconds since the epoch: after its lifetime and 300 to 599 random seconds, so that
 * operators started together do not renew together.
 */
export function attestationTokenExpiry(nowMs: number, lifetimeSeconds: number, randomBytes: RandomBytes): number {
  const random = new DataView(Uint8Array.from(randomBytes(4)).buffer).getUint32(0);
  return Math.floor(nowMs / 1000) + lifetimeSeconds + MIN_SPREAD_SECONDS + (random % SPREAD_SECONDS);
}

/**
 * A token that says: the holder of this operator key has attested, until `expiresAt`. Nothing is stored about it.
 * @param expiresAt Seconds since the epoch.
 */
export function createAttestationToken(
  operatorKey: string,
  expiresAt: number,
  tokenKey: KeyObject,
  randomBytes: RandomBytes,
): string {
  const nonce = new DataView(Uint8Array.from(randomBytes(8)).buffer).getBigInt64(0);
  const sealed = encryptGcm(tokenKey, `${operatorKey},${expiresAt},${nonce}`, randomBytes);
  return `${toBase64(sealed.subarray(IV_LENGTH))}-${toBase64(sealed.subarray(0, IV_LENGTH))}-${FORMAT_SUFFIX}`;
}

/**
 * Checks a token against the operator key of the same request.
 * @returns When it runs out, in seconds since the epoch.
 * @throws VerificationError CORE_ATTESTATION_TOKEN_INVALID when it is not a token made with this key
 * @throws VerificationError CORE_ATTESTATION_TOKEN_FOREIGN when it was given to another operator key
 * @throws VerificationError CORE_ATTESTATION_TOKEN_EXPIRED
 */
export function verifyAttestationToken(token: string, operatorKey: string, tokenKey: KeyObject, nowMs: number): number {
  const [holder, expiry, nonce] = openToken(token, tokenKey).split(',');
  if (holder === undefined || !isInteger(expiry) || !isInteger(nonce)) throw invalid();
  if (!equalSecretBytes(toUtf8(holder), toUtf8(operatorKey))) {
    throw new VerificationError(
      'CORE_ATTESTATION_TOKEN_FOREIGN',
      'the attestation token belongs to another operator key',
    );
  }
  const expiresAt = Number(expiry);
  if (expiresAt <= Math.floor(nowMs / 1000)) {
    throw new VerificationError('CORE_ATTESTATION_TOKEN_EXPIRED', 'the attestation token has expired', {
      details: { expiresAt },
    });
  }
  return expiresAt;
}

function openToken(token: string, tokenKey: KeyObject): string {
  const parts = token.replace(/-+$/, '').split('-');
  const [cipherText, iv, format] = parts;
  if (parts.length !== 3 || cipherText === undefined || iv === undefined || format !== FORMAT_SUFFIX) throw invalid();
  const ivBytes = decodeLenientBase64(iv);
  const sealed = decodeLenientBase64(cipherText);
  if (ivBytes?.length !== IV_LENGTH || sealed === undefined) throw invalid();
  const plain = openGcm(tokenKey, concatBytes(ivBytes, sealed));
  if (plain === undefined) throw invalid();
  return Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString('utf8');
}

function isInteger(text: string | undefined): text is string {
  return text !== undefined && /^[-+]?\d{1,19}$/.test(text);
}

function invalid(): VerificationError {
  return new VerificationError('CORE_ATTESTATION_TOKEN_INVALID', 'not an attestation token of this deployment');
}
