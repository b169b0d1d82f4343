import { createHash } from 'node:crypto';

import { toBase64 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import type { IdentityScope } from '../identity/identity.ts';

/** `C` in a key's text for a client of an operator, `O` for an operator. */
export type ApiKeyHolder = 'client' | 'operator';

/** The environment letter: integration, production, local, test. */
export type ApiKeyEnvironment = 'I' | 'P' | 'L' | 'T';

export interface ApiKeyDescription {
  readonly scope: IdentityScope;
  readonly holder: ApiKeyHolder;
  readonly environment: ApiKeyEnvironment;
  readonly siteId: number;
}

export interface GeneratedApiKey {
  /** The secret text that the holder presents. */
  readonly key: string;
  /** The first characters of the key: safe to show and to log. */
  readonly keyId: string;
}

const DOT_INDEX = 6;
const KEY_BYTES = 32;
const SALT_BYTES = 32;

/** Found anywhere in a key; a key without it, of an older form, belongs to no site in particular. */
const KEY_WITH_SITE = /(?:UID2|EUID)-[CO]-[LTIP]-(\d+)-.{6}\..{38}/;
const KEY_PREFIX = /^(?:UID2|EUID)-[CO]-[LTIP]-\d+-/;
const KEY_ID_BODY_LENGTH = 5;

/** A new key, such as `UID2-C-L-123-AAECAw.QFBgc…`, from 32 random bytes. */
export function generateApiKey(description: ApiKeyDescription, randomBytes: RandomBytes): GeneratedApiKey {
  const scope = description.scope === 'uid2' ? 'UID2' : 'EUID';
  const holder = description.holder === 'client' ? 'C' : 'O';
  const prefix = `${scope}-${holder}-${description.environment}-${description.siteId}-`;
  const key = prefix + apiKeyBody(randomBytes(KEY_BYTES));
  return { key, keyId: apiKeyId(key) };
}

/** The random part of a key: Base64 with a dot before the seventh character, if the text is that long. */
export function apiKeyBody(bytes: Uint8Array): string {
  const text = toBase64(bytes);
  return text.length < DOT_INDEX ? text : `${text.slice(0, DOT_INDEX)}.${text.slice(DOT_INDEX)}`;
}

/** The public id of a key: its prefix with the site id, and the first five characters of the random part. */
export function apiKeyId(key: string): string {
  const prefix = KEY_PREFIX.exec(key)?.[0] ?? '';
  return key.slice(0, prefix.length + KEY_ID_BODY_LENGTH);
}

/** The site id written in a key; undefined for keys of older forms, which name none. */
export function siteIdOfApiKey(key: string): number | undefined {
  const digits = KEY_WITH_SITE.exec(key)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Base64 of SHA-512 over salt and key: what is stored instead of the key. */
export function hashApiKey(key: string, salt: Uint8Array): string {
  return createHash('sha512').update(salt).update(key, 'utf8').digest('base64');
}

/** A new salt and the hash of `key` under it, in the members of a client or operator record. */
export function saltApiKey(
  key: string,
  randomBytes: RandomBytes,
): { readonly keySalt: Uint8Array; readonly keyHash: string } {
  const keySalt = randomBytes(SALT_BYTES);
  return { keySalt, keyHash: hashApiKey(key, keySalt) };
}
