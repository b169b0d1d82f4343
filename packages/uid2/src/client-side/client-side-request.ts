import { RequestError } from '@holdfast/base';

import { isJsonObject, parseLenientJson } from '../envelope/lenient-json.ts';
import type { JsonObject, JsonValue } from '../envelope/lenient-json.ts';

/** The outer, readable part of a client-side token request. Nothing but the shape has been checked. */
export interface ClientSideRequest {
  /** Base64 of ciphertext and tag. */
  readonly payload: string | undefined;
  /** Base64 of the 12-byte initialisation vector. */
  readonly iv: string | undefined;
  readonly subscriptionId: string | undefined;
  /** Base64 of the client's SubjectPublicKeyInfo. */
  readonly publicKey: string | undefined;
  /** Milliseconds since the epoch by the client's clock: authenticated, but its age is not judged. */
  readonly timestamp: bigint;
  readonly appName: string | undefined;
}

const TEXT_MEMBERS = ['payload', 'iv', 'subscription_id', 'public_key', 'app_name'] as const;
const TIMESTAMP = 'timestamp';
const KNOWN: ReadonlySet<string> = new Set([...TEXT_MEMBERS, TIMESTAMP]);

const WHOLE_NUMBER = /^[+-]?\d+$/;
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * Reads the body of a client-side token request with the coercions of the reference: numbers and booleans stand for their
 * text, a missing or empty timestamp for 0, a fractional one for its whole part. Null for JSON `null`.
 * @throws MalformedError JSON_INVALID
 * @throws RequestError CLIENT_SIDE_REQUEST_INVALID for a body that is no object, members nobody knows, and values of other types
 * @see UID2 documentation, "POST /token/client-generate"
 */
export function parseClientSideRequest(text: string): ClientSideRequest | null {
  const body = parseLenientJson(text);
  if (body === null) return null;
  if (!isJsonObject(body)) throw invalid('the body is not a JSON object');
  for (const name of Object.keys(body)) {
    // The name itself is the caller's text and stays out of the message.
    if (!KNOWN.has(name)) throw invalid('the body has a member that this endpoint does not know');
  }
  const [payload, iv, subscriptionId, publicKey, appName] = TEXT_MEMBERS.map((name) => textOf(body, name));
  return { payload, iv, subscriptionId, publicKey, appName, timestamp: timestampOf(body, text) };
}

function textOf(body: JsonObject, name: string): string | undefined {
  const value = member(body, name);
  if (value === null) return undefined;
  if (typeof value === 'object') throw invalid(`${name} is not text`);
  return String(value);
}

function timestampOf(body: JsonObject, text: string): bigint {
  const value = member(body, TIMESTAMP);
  if (value === null) return 0n;
  if (typeof value === 'number') {
    return inRange(Number.isSafeInteger(value) ? BigInt(value) : exactInteger(value, text));
  }
  if (typeof value !== 'string') throw invalid('timestamp is not a number');
  const digits = value.trim();
  if (digits === '') return 0n;
  if (!WHOLE_NUMBER.test(digits)) throw invalid('timestamp is not a whole number');
  return inRange(BigInt(digits.replace('+', '')));
}

/** Doubles cannot hold every 64-bit integer, and the number is authenticated digit by digit: look at the text again. */
function exactInteger(value: number, text: string): bigint {
  let source: string | undefined;
  // By now the body is known to be flat, so there is no other member of this name.
  parseLenientJson(text, (name, member_, context) => {
    if (name === TIMESTAMP) source = context?.source;
    return member_;
  });
  if (source !== undefined && WHOLE_NUMBER.test(source)) return BigInt(source);
  if (!Number.isFinite(value)) throw invalid('timestamp is beyond 64 bits');
  return BigInt(Math.trunc(value));
}

function inRange(value: bigint): bigint {
  if (value > MAX_INT64 || value < -MAX_INT64 - 1n) throw invalid('timestamp is beyond 64 bits');
  return value;
}

function member(body: JsonObject, name: string): JsonValue {
  return Object.hasOwn(body, name) ? (body[name] ?? null) : null;
}

function invalid(problem: string): RequestError {
  return new RequestError('CLIENT_SIDE_REQUEST_INVALID', problem);
}
