import type { KeyObject } from 'node:crypto';

import { concatBytes, fromUtf8, MalformedError, toBase64, VerificationError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { openGcm } from '../core/open-gcm.ts';
import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import { parseJsonObject } from '../envelope/lenient-json.ts';
import type { JsonObject } from '../envelope/lenient-json.ts';
import { encryptGcm } from '../tokens/gcm.ts';
import { clientSideAdditionalData } from './additional-data.ts';
import { agreeOnClientSideKey, importClientSidePublicKey } from './client-side-key.ts';

export const CLIENT_SIDE_IV_LENGTH = 12;

/** What a browser or app asks with. */
export interface ClientSideSealing {
  /** The publisher's public key with its nine-character prefix. */
  readonly serverPublicKey: string;
  readonly subscriptionId: string;
  /** The client's own P-256 key pair, made for one session. */
  readonly clientKeys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  /** The client's clock, milliseconds since the epoch. */
  readonly nowMs: number;
  readonly appName?: string;
  /** The JSON text inside: `{"email_hash":"…"}` or `{"phone_hash":"…"}`. */
  readonly json: string;
}

export interface SealedClientSideRequest {
  /** The request body. */
  readonly body: string;
  /** Opens the reply. */
  readonly key: KeyObject;
}

/**
 * The client's side: the body of a client-side token request.
 * @throws MalformedError CLIENT_SIDE_KEY_INVALID
 * @throws PolicyError CLIENT_SIDE_CURVE_UNSUITABLE
 * @see UID2 documentation, "POST /token/client-generate"
 */
export function sealClientSideRequest(sealing: ClientSideSealing, randomBytes: RandomBytes): SealedClientSideRequest {
  const { clientKeys, nowMs, appName } = sealing;
  const key = agreeOnClientSideKey(clientKeys.privateKey, importClientSidePublicKey(sealing.serverPublicKey));
  const additionalData = clientSideAdditionalData(BigInt(nowMs), appName);
  const sealed = encryptGcm(key, sealing.json, randomBytes, additionalData);
  const body = JSON.stringify({
    payload: toBase64(sealed.subarray(CLIENT_SIDE_IV_LENGTH)),
    iv: toBase64(sealed.subarray(0, CLIENT_SIDE_IV_LENGTH)),
    public_key: toBase64(clientKeys.publicKey.export({ format: 'der', type: 'spki' })),
    timestamp: nowMs,
    subscription_id: sealing.subscriptionId,
    ...(appName === undefined ? {} : { app_name: appName }),
  });
  return { body, key };
}

/**
 * The plaintext of a client-side request: `payload` is ciphertext and tag, `iv` its 12 bytes. Undefined when it was sealed
 * with another key, for another timestamp or app, or was changed.
 */
export function openClientSidePayload(
  key: KeyObject,
  iv: Uint8Array,
  payload: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array | undefined {
  return openGcm(key, concatBytes(iv, payload), additionalData);
}

/** The body of a reply: Base64 of AES-GCM over the JSON alone, without time, nonce or additional data. */
export function encodeClientSideResponse(json: string, key: KeyObject, randomBytes: RandomBytes): string {
  return toBase64(encryptGcm(key, json, randomBytes));
}

/**
 * The client's side: the JSON of a reply.
 * @throws VerificationError ENVELOPE_RESPONSE_UNREADABLE when the key is wrong or the text was changed
 * @throws MalformedError ENVELOPE_RESPONSE_MALFORMED when what was sealed is no JSON object
 */
export function decodeClientSideResponse(text: string, key: KeyObject): JsonObject {
  const sealed = decodeLenientBase64(text);
  const plain = sealed === undefined ? undefined : openGcm(key, sealed);
  if (plain === undefined) {
    throw new VerificationError('ENVELOPE_RESPONSE_UNREADABLE', 'the reply cannot be decrypted with this key');
  }
  try {
    return parseJsonObject(fromUtf8(plain));
  } catch (cause) {
    throw new MalformedError('ENVELOPE_RESPONSE_MALFORMED', 'the reply does not hold a JSON object', { cause });
  }
}
