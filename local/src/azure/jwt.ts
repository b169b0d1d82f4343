import { fromBase64Url, fromUtf8, MalformedError } from '@holdfast/base';

/** The parts of a JWS in compact form (RFC 7515 section 3.1), decoded and not verified. */
export interface CompactJwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly signature: Uint8Array;
  /** What the signature covers: the first two parts with the dot between them. */
  readonly signingInput: string;
}

/** Largest token that is looked at, in characters. */
const MAX_LENGTH = 128 * 1024;

/**
 * Takes a compact JWT apart.
 * @throws MalformedError ACCESS_TOKEN_MALFORMED
 */
export function parseCompactJwt(token: string): CompactJwt {
  const parts = token.length > MAX_LENGTH ? [] : token.split('.');
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) throw malformed();
  try {
    return {
      header: parseObject(header),
      payload: parseObject(payload),
      signature: fromBase64Url(signature),
      signingInput: `${header}.${payload}`,
    };
  } catch (cause) {
    throw malformed(cause);
  }
}

function parseObject(part: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(fromUtf8(fromBase64Url(part)));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

function malformed(cause?: unknown): MalformedError {
  return new MalformedError('ACCESS_TOKEN_MALFORMED', 'not a JWT in compact form', { cause });
}
