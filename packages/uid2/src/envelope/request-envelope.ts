import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { TextDecoder } from 'node:util';

import { ByteWriter, InternalError, releaseBytes, RequestError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import type { IdentityScope } from '../identity/identity.ts';
import { openStandingGcm } from '../core/open-gcm.ts';
import { GCM_IV_SIZE, GCM_OVERHEAD, GCM_TAG_SIZE } from '../tokens/gcm.ts';
import { sealStanding } from '../tokens/standing-gcm.ts';
import { parseJsonObject } from './lenient-json.ts';
import type { JsonObject } from './lenient-json.ts';

/** What a caller sealed into a request. */
export interface RequestEnvelope {
  /** The caller's clock when it made the request, milliseconds since the epoch. */
  readonly requestTimeMs: number;
  /** Eight bytes that the reply carries back. */
  readonly nonce: Uint8Array;
  /** Null when the caller sent no payload at all. */
  readonly payload: JsonObject | null;
}

/** How the body came, and so how the reply goes out: raw bytes, or Base64 text. */
export type EnvelopeMode = 'binary' | 'text';

export interface ReceivedRequest extends RequestEnvelope {
  readonly mode: EnvelopeMode;
}

/** A request whose payload is still UTF-8 text; null when the caller sent none. */
export interface OpenedRequest extends Omit<ReceivedRequest, 'payload'> {
  readonly payloadBytes: Uint8Array | null;
}

type OpenedEnvelope = Omit<OpenedRequest, 'mode'>;

/** What a request envelope is judged against. */
export interface EnvelopeContext {
  /** The client's secret: an AES-256 key. */
  readonly key: KeyObject;
  /** The server's clock, milliseconds since the epoch. */
  readonly nowMs: number;
  /** Decides which documentation site the messages name. */
  readonly scope: IdentityScope;
}

export const ENVELOPE_VERSION = 1;
export const ENVELOPE_NONCE_LENGTH = 8;

const TIMESTAMP_LENGTH = 8;
const HEADER_LENGTH = TIMESTAMP_LENGTH + ENVELOPE_NONCE_LENGTH;
const MIN_LENGTH = 1 + GCM_OVERHEAD + HEADER_LENGTH;
const MAX_CLOCK_MINUTES = 1;

/**
 * Opens the bytes of a UID2 version 2 request envelope: `1 || IV(12) || AES-256-GCM ciphertext || tag(16)` over
 * `int64 request time || nonce(8) || UTF-8 JSON object`. Every failure is a RequestError whose message is the exact text
 * the caller gets.
 * @throws RequestError ENVELOPE_MISSING, ENVELOPE_PLAIN_JSON, ENVELOPE_TOO_SHORT, ENVELOPE_VERSION_UNKNOWN,
 *   ENVELOPE_KEY_MISMATCH, ENVELOPE_CLOCK_DRIFT or ENVELOPE_PAYLOAD_INVALID
 * @see UID2 documentation, "Encrypting Requests and Decrypting Responses"
 */
export function parseRequestEnvelope(bytes: Uint8Array, context: EnvelopeContext): RequestEnvelope {
  const { requestTimeMs, nonce, payloadBytes } = openEnvelope(bytes, context);
  return { requestTimeMs, nonce, payload: parseEnvelopePayload(payloadBytes) };
}

function openEnvelope(bytes: Uint8Array, context: EnvelopeContext): OpenedEnvelope {
  const { scope } = context;
  if (bytes.length === 0) throw bodyMissing();
  if (bytes.length < MIN_LENGTH) {
    if (isJsonObjectText(utf8(bytes))) throw plainJson(scope);
    throw refused('ENVELOPE_TOO_SHORT', `Invalid body: Body too short. Check encryption method.${hint(scope)}`);
  }
  if (bytes[0] !== ENVELOPE_VERSION) {
    if (isJsonObjectText(utf8(bytes))) throw plainJson(scope);
    throw refused(
      'ENVELOPE_VERSION_UNKNOWN',
      `Invalid body: Invalid request envelope format version: received ${bytes[0]}, must be 1.${hint(scope)}`,
    );
  }
  const plain = openStandingGcm(context.key, bytes.subarray(1));
  if (plain === undefined) {
    throw refused('ENVELOPE_KEY_MISMATCH', `Invalid body: Check encryption key (ClientSecret).${hint(scope)}`);
  }
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
  const requestTimeMs = Number(view.getBigInt64(0));
  if (!isWithinClockLimits(requestTimeMs, context.nowMs)) {
    throw refused('ENVELOPE_CLOCK_DRIFT', 'Invalid timestamp: Request too old or client time drift.');
  }
  return {
    requestTimeMs,
    nonce: new Uint8Array(plain.subarray(TIMESTAMP_LENGTH, HEADER_LENGTH)),
    payloadBytes: plain.length === HEADER_LENGTH ? null : plain.subarray(HEADER_LENGTH),
  };
}

/**
 * Reads the body of an enveloped request by its content type. `application/octet-stream` (the whole value, in any case)
 * means envelope bytes, or failing that Base64 text of them; every other type, or none, means Base64 text in the
 * content type's charset. `mode` says how the reply has to be written.
 * @param body The body as received; undefined when the request had none.
 * @throws RequestError as `parseRequestEnvelope`, and ENVELOPE_NOT_BASE64
 * @throws InternalError ENVELOPE_CHARSET_UNKNOWN when the content type names a charset this runtime does not know, which
 *   the reference answers with its bare 500
 */
export function readRequestBody(
  contentType: string | undefined,
  body: Uint8Array | undefined,
  context: EnvelopeContext,
): ReceivedRequest {
  const { requestTimeMs, nonce, mode, payloadBytes } = openRequestBody(contentType, body, context);
  return { requestTimeMs, nonce, mode, payload: parseEnvelopePayload(payloadBytes) };
}

/**
 * Like `readRequestBody`, but leaves the payload to `parseEnvelopePayload`, so that a large one can be parsed elsewhere.
 * @throws RequestError, InternalError as `readRequestBody`, but for ENVELOPE_PAYLOAD_INVALID
 */
export function openRequestBody(
  contentType: string | undefined,
  body: Uint8Array | undefined,
  context: EnvelopeContext,
): OpenedRequest {
  const type = contentType ?? '';
  if (type.toLowerCase() !== 'application/octet-stream') {
    if (body === undefined || body.length === 0 || isMultipartForm(type, body)) throw bodyMissing();
    return readTextBody(decodeText(type, body), context);
  }
  try {
    return { ...openEnvelope(body ?? new Uint8Array(0), context), mode: 'binary' };
  } catch (error) {
    const decoded = body === undefined ? undefined : decodeLenientBase64(latin1(body));
    if (decoded === undefined) throw error;
    return { ...openEnvelope(decoded, context), mode: 'text' };
  }
}

/**
 * The client's side: seals `json` (undefined for no payload) into envelope bytes.
 * @param request The caller's clock in milliseconds, its eight-byte nonce and the payload's JSON text.
 */
export function encodeRequestEnvelope(
  request: { readonly nowMs: number; readonly nonce: Uint8Array; readonly json?: string },
  key: KeyObject,
  randomBytes: RandomBytes,
): Uint8Array {
  const bytes = sealEnvelope(request.nowMs, request.nonce, request.json ?? '', key, randomBytes, 1);
  bytes[0] = ENVELOPE_VERSION;
  return bytes;
}

/**
 * `IV(12) || ciphertext || tag(16)` over `int64 time || nonce || UTF-8 text`, which is what requests and replies have in common. Text may
 * be UTF-8 bytes already.
 * @param offset So many bytes are left free in front.
 */
export function sealEnvelope(
  timeMs: number,
  nonce: Uint8Array,
  text: string | Uint8Array,
  key: KeyObject,
  randomBytes: RandomBytes,
  offset = 0,
): Uint8Array {
  if (nonce.length !== ENVELOPE_NONCE_LENGTH) {
    throw new InternalError('ENVELOPE_NONCE_LENGTH', `a nonce has 8 bytes, not ${nonce.length}`);
  }
  const length = HEADER_LENGTH + (typeof text === 'string' ? Buffer.byteLength(text) : text.length);
  const writer = ByteWriter.pooled(offset + GCM_OVERHEAD + length)
    .skip(offset + GCM_IV_SIZE)
    .int64(timeMs)
    .bytes(nonce);
  const bytes = (typeof text === 'string' ? writer.utf8(text) : writer.bytes(text)).skip(GCM_TAG_SIZE).done();
  sealStanding(key, bytes, offset, length, randomBytes);
  return bytes;
}

function readTextBody(text: string, context: EnvelopeContext): OpenedRequest {
  const bytes = decodeLenientBase64(text);
  if (bytes === undefined) {
    if (isJsonObjectText(text)) throw plainJson(context.scope);
    throw refused('ENVELOPE_NOT_BASE64', `Invalid body: Body is not valid base64.${hint(context.scope)}`);
  }
  const opened = openEnvelope(bytes, context);
  releaseBytes(bytes);
  return { ...opened, mode: 'text' };
}

/**
 * The reference floors the difference to seconds and then cuts it to whole minutes, so a request passes while it is less
 * than 120 s old, or at most exactly 119 s ahead.
 */
function isWithinClockLimits(requestTimeMs: number, nowMs: number): boolean {
  const seconds = Math.floor((nowMs - requestTimeMs) / 1000);
  return Math.abs(Math.trunc(seconds / 60)) <= MAX_CLOCK_MINUTES;
}

/**
 * The payload of an opened request: null for none.
 * @throws RequestError ENVELOPE_PAYLOAD_INVALID when it is not the JSON text of an object
 */
export function parseEnvelopePayload(bytes: Uint8Array | null): JsonObject | null {
  if (bytes === null) return null;
  try {
    return parseJsonObject(utf8(bytes));
  } catch (cause) {
    throw new RequestError('ENVELOPE_PAYLOAD_INVALID', 'Invalid payload in body: Data is not valid json string.', {
      cause,
    });
  }
}

/** The text of a body in its content type's charset; UTF-8, with replacement of what is malformed, when it names none. */
function decodeText(contentType: string, body: Uint8Array): string {
  const charset = parameterOf(contentType, 'charset');
  if (charset === undefined || /^utf-?8$/i.test(charset)) return utf8(body);
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(charset, { ignoreBOM: true });
  } catch (cause) {
    throw new InternalError('ENVELOPE_CHARSET_UNKNOWN', 'the content type names an unknown charset', { cause });
  }
  return decoder.decode(body);
}

/** The reference takes form data apart before any handler sees it, so a well-formed form leaves no body behind. */
function isMultipartForm(contentType: string, body: Uint8Array): boolean {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) return false;
  const boundary = parameterOf(contentType, 'boundary');
  if (boundary === undefined) return false;
  const text = latin1(body);
  return text.startsWith(`--${boundary}`) && text.trimEnd().endsWith(`--${boundary}--`);
}

function parameterOf(contentType: string, name: string): string | undefined {
  for (const part of contentType.split(';').slice(1)) {
    const [key, value] = part.split('=', 2);
    if (key !== undefined && value !== undefined && key.trim().toLowerCase() === name) {
      return value.trim().replace(/^"(.*)"$/, '$1');
    }
  }
  return undefined;
}

function isJsonObjectText(text: string): boolean {
  try {
    parseJsonObject(text);
    return true;
  } catch {
    return false; // anything that is no JSON object: the question this function answers
  }
}

function utf8(bytes: Uint8Array): string {
  return view(bytes).toString('utf8');
}

function latin1(bytes: Uint8Array): string {
  return view(bytes).toString('latin1');
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function docsHost(scope: IdentityScope): string {
  return scope === 'uid2' ? 'https://unifiedid.com' : 'https://euid.eu';
}

function hint(scope: IdentityScope): string {
  return ` See ${docsHost(scope)}/docs/getting-started/gs-encryption-decryption for details on the request envelope format.`;
}

function plainJson(scope: IdentityScope): RequestError {
  const page = `${docsHost(scope)}/docs/getting-started/gs-encryption-decryption`;
  return refused(
    'ENVELOPE_PLAIN_JSON',
    'Invalid body: The request body is unencrypted JSON. It must be an encrypted request envelope. ' +
      `See ${page}#encryption-and-decryption-code-examples for encryption and decryption code examples.`,
  );
}

function bodyMissing(): RequestError {
  return refused('ENVELOPE_MISSING', 'Invalid body: Body is missing.');
}

function refused(code: string, message: string): RequestError {
  return new RequestError(code, message);
}
