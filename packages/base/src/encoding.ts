import { Buffer } from 'node:buffer';

import { MalformedError } from './errors.ts';

const HEX = /^(?:[0-9a-fA-F]{2})*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** Lower-case hex of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

/**
 * Bytes of a hex text of even length, either case.
 * @throws MalformedError ENCODING_HEX_INVALID
 */
export function fromHex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new MalformedError('ENCODING_HEX_INVALID', 'not hexadecimal text of even length');
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Standard Base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString('base64');
}

/**
 * Bytes of canonical, padded standard Base64 (RFC 4648 section 4): no white space, no other alphabet, no stray trailing bits.
 * @throws MalformedError ENCODING_BASE64_INVALID
 */
export function fromBase64(text: string): Uint8Array {
  const bytes = BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
  if (bytes === undefined || bytes.toString('base64') !== text) {
    throw new MalformedError('ENCODING_BASE64_INVALID', 'not canonical Base64 text');
  }
  return new Uint8Array(bytes);
}

/** URL-safe Base64 without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return view(bytes).toString('base64url');
}

/**
 * Bytes of canonical, unpadded URL-safe Base64 (RFC 4648 section 5).
 * @throws MalformedError ENCODING_BASE64URL_INVALID
 */
export function fromBase64Url(text: string): Uint8Array {
  const bytes = BASE64URL.test(text) && text.length % 4 !== 1 ? Buffer.from(text, 'base64url') : undefined;
  if (bytes === undefined || bytes.toString('base64url') !== text) {
    throw new MalformedError('ENCODING_BASE64URL_INVALID', 'not canonical URL-safe Base64 text');
  }
  return new Uint8Array(bytes);
}

/** UTF-8 bytes of `text`. */
export function toUtf8(text: string): Uint8Array {
  return view(Buffer.from(text, 'utf8'));
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Text of well-formed UTF-8 bytes; a byte order mark stays part of the text.
 * @throws MalformedError ENCODING_UTF8_INVALID
 */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new MalformedError('ENCODING_UTF8_INVALID', 'not well-formed UTF-8', { cause });
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
