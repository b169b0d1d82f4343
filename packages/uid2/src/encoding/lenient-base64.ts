import { Buffer } from 'node:buffer';

/**
 * Bytes of standard Base64 text by the rules of the UID2 operator: no URL-safe letters and no white space; padding may be
 * missing altogether, but if present must be complete and last; non-zero trailing bits are ignored. Undefined for anything
 * else. The empty text is the empty byte string.
 */
export function decodeLenientBase64(text: string): Uint8Array | undefined {
  const body = withoutPadding(text);
  return body === undefined || body.includes('-') || body.includes('_') ? undefined : decode(body);
}

/** The same rules for URL-safe Base64 text: `+` and `/` are refused, correct padding is tolerated. */
export function decodeLenientBase64Url(text: string): Uint8Array | undefined {
  const body = withoutPadding(text);
  return body === undefined || body.includes('+') || body.includes('/') ? undefined : decode(body);
}

/** `text` without its padding; undefined when the padding is incomplete or superfluous or a single letter dangles. */
function withoutPadding(text: string): string | undefined {
  let end = text.length;
  while (end > 0 && text.length - end < 2 && text.charCodeAt(end - 1) === 0x3d) end -= 1;
  const padding = text.length - end;
  if (end % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  return padding === 0 ? text : text.slice(0, end);
}

/**
 * Bytes of unpadded Base64 text in either alphabet, or a mixture of both. The runtime's decoder leaves out what belongs to
 * neither, which shows in the number of bytes, but takes letters outside ASCII for others. Looking at every letter of a
 * request of half a megabyte with a regular expression took longer than everything else that is done with it.
 */
function decode(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  const complete =
    bytes.length === Math.floor((text.length * 3) / 4) && Buffer.byteLength(text, 'utf8') === text.length;
  return complete ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : undefined;
}
