import type { KeyObject } from 'node:crypto';

import { equalBytes, fromUtf8, MalformedError, VerificationError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { openGcm } from '../core/open-gcm.ts';
import { encryptGcm } from '../tokens/gcm.ts';
import { parseJsonObject } from './lenient-json.ts';
import type { JsonObject } from './lenient-json.ts';
import { ENVELOPE_NONCE_LENGTH, sealEnvelope } from './request-envelope.ts';

export interface ResponseEnvelope {
  /** The server's clock when it answered, milliseconds since the epoch. */
  readonly responseTimeMs: number;
  readonly nonce: Uint8Array;
  /** The JSON text as sent, and the same parsed. */
  readonly json: string;
  readonly payload: JsonObject;
}

/**
 * Seals a reply: `IV(12) || ciphertext || tag(16)` over `int64 now || nonce(8) || UTF-8 JSON`, with the client's secret and
 * the nonce of its request. There is no version byte. The JSON may be UTF-8 bytes already.
 */
export function encodeResponseEnvelope(
  json: string | Uint8Array,
  nonce: Uint8Array,
  key: KeyObject,
  nowMs: number,
  randomBytes: RandomBytes,
): Uint8Array {
  return sealEnvelope(nowMs, nonce, json, key, randomBytes);
}

/**
 * The client's side: opens a reply and, when `expectedNonce` is given, makes sure that it answers that request.
 * @throws VerificationError ENVELOPE_RESPONSE_UNREADABLE when the key is wrong or the bytes were changed
 * @throws VerificationError ENVELOPE_RESPONSE_MISMATCH when it answers another request
 * @throws MalformedError ENVELOPE_RESPONSE_MALFORMED when what was sealed is not a reply
 */
export function decodeResponseEnvelope(
  bytes: Uint8Array,
  key: KeyObject,
  expectedNonce?: Uint8Array,
): ResponseEnvelope {
  const plain = open(bytes, key);
  const header = 8 + ENVELOPE_NONCE_LENGTH;
  if (plain.length < header) {
    throw new MalformedError(
      'ENVELOPE_RESPONSE_MALFORMED',
      `a reply has at least ${header} bytes, not ${plain.length}`,
    );
  }
  const nonce = Uint8Array.from(plain.subarray(8, header));
  if (expectedNonce !== undefined && !equalBytes(nonce, expectedNonce)) {
    throw new VerificationError('ENVELOPE_RESPONSE_MISMATCH', 'the reply answers another request');
  }
  const responseTimeMs = Number(new DataView(plain.buffer, plain.byteOffset, 8).getBigInt64(0));
  return { responseTimeMs, nonce, ...replyText(plain.subarray(header)) };
}

/** Seals the reply to a token refresh with the refresh response key: only the JSON, no time and no nonce. */
export function encodeRefreshResponse(json: string, responseKey: KeyObject, randomBytes: RandomBytes): Uint8Array {
  return encryptGcm(responseKey, json, randomBytes);
}

/**
 * Opens the reply to a token refresh.
 * @throws VerificationError ENVELOPE_RESPONSE_UNREADABLE
 * @throws MalformedError ENVELOPE_RESPONSE_MALFORMED
 */
export function decodeRefreshResponse(
  bytes: Uint8Array,
  responseKey: KeyObject,
): Pick<ResponseEnvelope, 'json' | 'payload'> {
  return replyText(open(bytes, responseKey));
}

function open(bytes: Uint8Array, key: KeyObject): Uint8Array {
  const plain = openGcm(key, bytes);
  if (plain === undefined) {
    throw new VerificationError('ENVELOPE_RESPONSE_UNREADABLE', 'the reply cannot be decrypted with this key');
  }
  return plain;
}

function replyText(bytes: Uint8Array): Pick<ResponseEnvelope, 'json' | 'payload'> {
  try {
    const json = fromUtf8(bytes);
    return { json, payload: parseJsonObject(json) };
  } catch (cause) {
    throw new MalformedError('ENVELOPE_RESPONSE_MALFORMED', 'the reply does not hold a JSON object', { cause });
  }
}
