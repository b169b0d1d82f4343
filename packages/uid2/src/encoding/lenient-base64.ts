import { Buffer } from 'node:buffer';

const NOT_STANDARD = /[^A-Za-z0-9+/]/;
const NOT_URL_SAFE = /[^A-Za-z0-9_-]/;

/**
 * Bytes of standard Base64 text by the rules of the UID2 operator: no URL-safe letters and no white space; padding may be
 * missing altogether, but if present must be complete and last; non-zero trailing bits are ignored. Undefined for anything
 * else. The empty text is the empty byte string.
 */
export function decodeLenientBase64(text: string): Uint8Array | undefined {
  const body = withoutPadding(text);
  if (body === undefined || NOT_STANDARD.test(body)) return undefined;
  return ownBytes(Buffer.from(body, 'base64'));
}

/** The same rules for URL-safe Base64 text: `+` and `/` are refused, correct padding is tolerated. */
export function decodeLenientBase64Url(text: string): Uint8Array | undefined {
  const body = withoutPadding(text);
  if (body === undefined || NOT_URL_SAFE.test(body)) return undefined;
  return ownBytes(Buffer.from(body, 'base64url'));
}

/** `text` without its padding; undefined when the padding is incomplete or superfluous or a single letter dangles. */
function withoutPadding(text: string): string | undefined {
  let end = text.length;
  while (end > 0 && text.length - end < 2 && text.charCodeAt(end - 1) === 0x3d) end -= 1;
  const padding = text.length - end;
  if (end % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  return padding === 0 ? text : text.slice(0, end);
}

function ownBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
