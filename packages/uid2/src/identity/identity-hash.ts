import { Buffer } from 'node:buffer';

import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import { sha256 } from '../encoding/sha256.ts';
import type { DiiKind, HashedIdentity, IdentityType } from './identity.ts';
import { normalizeEmail } from './normalize-email.ts';
import { normalizePhone } from './normalize-phone.ts';

const HEX_64 = /^[0-9a-fA-F]{64}$/;
const UNPAIRED_SURROGATE = /\p{Surrogate}/gu;

/**
 * `text` with every unpaired UTF-16 surrogate as `?`. The reference writes such text that way when it hashes or echoes it,
 * where this runtime would write U+FFFD and arrive at another identity.
 */
export function replaceUnpairedSurrogates(text: string): string {
  return text.isWellFormed() ? text : text.replaceAll(UNPAIRED_SURROGATE, '?');
}

/** SHA-256 of normalised DII, 32 bytes. */
export function identityHash(normalized: string): Uint8Array {
  return sha256(replaceUnpairedSurrogates(normalized));
}

/**
 * The bytes of an identity hash that a caller sent: 44 characters of Base64, or 64 hexadecimal digits in either case.
 * Undefined for anything else. The decoded length of the Base64 form is not checked: 31 and 33 bytes pass, as in the
 * reference.
 */
export function parseIdentityHash(text: string): Uint8Array | undefined {
  if (text.length === 44) return decodeLenientBase64(text);
  if (text.length === 64 && HEX_64.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  return undefined;
}

/** Normalises and hashes DII of the given kind; undefined when it is not valid for that kind. */
export function hashDii(kind: DiiKind, text: string): HashedIdentity | undefined {
  const type = kind === 'email' || kind === 'email_hash' ? 'email' : 'phone';
  const isHash = kind === 'email_hash' || kind === 'phone_hash';
  const hash = isHash ? parseIdentityHash(text) : hashText(type, text);
  return hash === undefined ? undefined : { type, hash };
}

/**
 * The first-level hash (FLH): SHA-256 of the Base64 text of an identity hash followed by the first-level salt. The salt
 * takes part as text and is never decoded.
 */
export function firstLevelHash(hash: Uint8Array, firstLevelSalt: string): Uint8Array {
  return sha256(Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('base64') + firstLevelSalt);
}

function hashText(type: IdentityType, text: string): Uint8Array | undefined {
  const normalized = type === 'email' ? normalizeEmail(text) : normalizePhone(text);
  return normalized === undefined ? undefined : identityHash(normalized);
}
