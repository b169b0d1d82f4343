import { createHash } from 'node:crypto';

/** Base64 of the SHA-256 of a text that needs no normalisation: what the hashed input kinds take. */
export function hashed(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** An advertising token of version 4 in UID2 scope begins with A4 (e-mail) or B4 (phone), in EUID scope with E4 or F4. */
export const TOKEN_HEAD = { uid2: { Email: 'A4', Phone: 'B4' }, euid: { Email: 'E4', Phone: 'F4' } } as const;

/** What each SDK calls advertising tokens of version 4; the byte in the token is 128. */
export const TOKEN_VERSION_4 = { python: 128, java: 4 } as const;

/** Base64 of 32 bytes. */
export const RAW_UID = /^[A-Za-z0-9+/]{43}=$/;

/** The seeded world: identity tokens live for an hour, sharing tokens for thirty days. */
export const IDENTITY_LIFETIME_MS = 3_600_000;
export const SHARING_LIFETIME_MS = 30 * 86_400_000;
