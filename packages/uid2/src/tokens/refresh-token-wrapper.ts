import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';

import {
  ByteReader,
  ByteWriter,
  fromUtf8,
  InternalError,
  MalformedError,
  PlatformError,
  toBase64,
  VerificationError,
  type RandomBytes,
} from '@holdfast/base';

import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import { scopeNumber, type IdentityScope } from '../identity/identity.ts';
import { GCM_IV_SIZE, GCM_OVERHEAD, GCM_TAG_SIZE } from './gcm.ts';
import { decryptStanding, sealStanding } from './standing-gcm.ts';
import { WRAPPED_REFRESH_TOKEN_LENGTH } from './token-format.ts';
import { prepareSecret, type TokenKey, type TokenKeySource } from './token-key.ts';

export interface WrappedRefreshToken {
  /** The 388 characters that a client gets as `refresh_token`. */
  readonly text: string;
  /** The 32 bytes, as Base64, that a client gets as `refresh_response_key`. */
  readonly refreshResponseKey: string;
}

export interface UnwrappedRefreshToken {
  /** Inner refresh token, for `decodeRefreshToken`. */
  readonly refreshToken: string;
  /** Encrypts the reply to the refresh. Its length is the client's; using a wrong one fails with CIPHER_KEY_LENGTH_INVALID. */
  readonly refreshResponseKey: KeyObject;
}

const HEADER_SIZE = 5;
const RESPONSE_KEY_SIZE = 32;

/**
 * Wraps an inner refresh token, which is Base64, together with a fresh response key: 388 characters. Takes 32 random bytes for the key, then
 * 12 for the IV.
 * @throws InternalError REFRESH_WRAPPER_LENGTH_INVALID when the result would not have 388 characters
 */
export function wrapRefreshToken(
  innerToken: string,
  scope: IdentityScope,
  key: TokenKey,
  randomBytes: RandomBytes,
): WrappedRefreshToken {
  const refreshResponseKey = toBase64(randomBytes(RESPONSE_KEY_SIZE));
  // Both values are Base64, so nothing needs escaping.
  const payload = `{"refresh_response_key":"${refreshResponseKey}","refresh_token":"${innerToken}"}`;
  const bytes = ByteWriter.pooled(HEADER_SIZE + GCM_OVERHEAD + payload.length)
    .uint8(scopeNumber(scope) << 4)
    .int32(key.id)
    .skip(GCM_IV_SIZE)
    .latin1(payload)
    .skip(GCM_TAG_SIZE)
    .done();
  sealStanding(key.secret, bytes, HEADER_SIZE, payload.length, randomBytes);
  const text = toBase64(bytes);
  if (text.length !== WRAPPED_REFRESH_TOKEN_LENGTH) {
    throw new InternalError('REFRESH_WRAPPER_LENGTH_INVALID', `a wrapped refresh token has ${text.length} characters`);
  }
  return { text, refreshResponseKey };
}

/**
 * Opens what `wrapRefreshToken` made. The scope byte is not looked at.
 * @throws MalformedError REFRESH_WRAPPER_BASE64_INVALID
 * @throws VerificationError REFRESH_WRAPPER_KEY_UNKNOWN with details.keyId
 * @throws VerificationError REFRESH_WRAPPER_DECRYPTION_FAILED
 * @throws MalformedError REFRESH_WRAPPER_PAYLOAD_INVALID when the content is not JSON or lacks a Base64 response key
 * @throws VerificationError REFRESH_TOKEN_INVALID when the content has no refresh token
 */
export function unwrapRefreshToken(text: string, keys: TokenKeySource): UnwrappedRefreshToken {
  const bytes = decodeLenientBase64(text);
  if (bytes === undefined)
    throw new MalformedError('REFRESH_WRAPPER_BASE64_INVALID', 'wrapped refresh token is not Base64');
  const reader = new ByteReader(bytes, 'REFRESH_WRAPPER_PAYLOAD_INVALID', 'wrapped refresh token');
  reader.uint8();
  const keyId = reader.int32();
  const key = keys.keyById(keyId);
  if (key === undefined) {
    throw new VerificationError(
      'REFRESH_WRAPPER_KEY_UNKNOWN',
      `wrapped refresh token names key ${keyId}, which is unknown`,
      {
        details: { keyId },
      },
    );
  }
  return readPayload(decrypt(key, reader.rest()));
}

function decrypt(key: TokenKey, sealed: Uint8Array): Uint8Array {
  try {
    return decryptStanding(key.secret, sealed);
  } catch (cause) {
    if (!(cause instanceof PlatformError) || cause.family === 'internal') throw cause;
    throw new VerificationError('REFRESH_WRAPPER_DECRYPTION_FAILED', `wrapped refresh token: ${cause.message}`, {
      cause,
    });
  }
}

/** A payload as `wrapRefreshToken` writes it. Every other one, such as that of another implementation, is read as JSON. */
const OWN_PAYLOAD = /^\{"refresh_response_key":"([\w+/=]*)","refresh_token":"([\w+/=]*)"\}$/;

function readPayload(bytes: Uint8Array): UnwrappedRefreshToken {
  const own = OWN_PAYLOAD.exec(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
  const payload = own === null ? parseObject(bytes) : { refresh_response_key: own[1], refresh_token: own[2] };
  const responseKey = asText(payload['refresh_response_key']);
  const secret = responseKey === undefined ? undefined : decodeLenientBase64(responseKey);
  if (secret === undefined) throw payloadInvalid('has no Base64 response key');
  const refreshToken = asText(payload['refresh_token']);
  if (refreshToken === undefined) {
    throw new VerificationError('REFRESH_TOKEN_INVALID', 'wrapped refresh token holds no refresh token');
  }
  return { refreshToken, refreshResponseKey: prepareSecret(secret) };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw payloadInvalid('does not hold JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw payloadInvalid('holds no JSON object');
  return value as Record<string, unknown>;
}

/** Only this operator's own keys seal payloads, so other types than text are not worth converting. */
function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function payloadInvalid(problem: string, cause?: unknown): MalformedError {
  return new MalformedError('REFRESH_WRAPPER_PAYLOAD_INVALID', `wrapped refresh token ${problem}`, { cause });
}
