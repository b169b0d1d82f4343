import { identityTypeNumber, scopeNumber, type IdentityScope, type IdentityType } from '../identity/identity.ts';

/** Versions of advertising and refresh tokens. */
export type TokenVersion = 2 | 3 | 4;

/** First byte of a version 2 token. */
export const VERSION_2_BYTE = 2;
/** Second byte of version 3 and 4 tokens. */
export const VERSION_3_BYTE = 112;
export const VERSION_4_BYTE = 128;

/** Privacy bits of tokens made for a server-side publisher: the legacy bit, always set. */
export const PRIVACY_BITS_DEFAULT = 0b01;
/** Privacy bits of tokens made for a browser or app: legacy bit and client-side bit. */
export const PRIVACY_BITS_CLIENT_SIDE = 0b11;

/** Length of a wrapped refresh token in characters; the length alone marks a token as wrapped. */
export const WRAPPED_REFRESH_TOKEN_LENGTH = 388;

/**
 * First byte of version 3 and 4 tokens. The low bits make the second Base64 character of a token show its version.
 */
export function typeByte(scope: IdentityScope, type: IdentityType): number {
  return (scopeNumber(scope) << 4) | (identityTypeNumber(type) << 2) | 3;
}

/** Scope and identity type of a type byte, or of the first byte of a 33-byte raw UID; undefined for unknown types. */
export function parseTypeByte(byte: number): { scope: IdentityScope; type: IdentityType } | undefined {
  const type = (byte & 0x0f) >> 2;
  if (type > 1) return undefined;
  return { scope: (byte & 0x10) === 0 ? 'uid2' : 'euid', type: type === 0 ? 'email' : 'phone' };
}
