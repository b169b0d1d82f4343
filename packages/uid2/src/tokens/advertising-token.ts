import {
  ByteReader,
  ByteWriter,
  fromUtf8,
  PlatformError,
  toBase64Url,
  VerificationError,
  type RandomBytes,
} from '@holdfast/base';

import { decodeLenientBase64, decodeLenientBase64Url } from '../encoding/lenient-base64.ts';
import type { IdentityScope, IdentityType } from '../identity/identity.ts';
import { asRawUid, type RawUid } from '../raw-uid/raw-uid.ts';
import { decryptCbc } from './cbc.ts';
import { GCM_IV_SIZE, GCM_OVERHEAD, GCM_TAG_SIZE } from './gcm.ts';
import { decryptStanding, sealStanding } from './standing-gcm.ts';
import {
  parseTypeByte,
  typeByte,
  VERSION_2_BYTE,
  VERSION_3_BYTE,
  VERSION_4_BYTE,
  type TokenVersion,
} from './token-format.ts';
import type { TokenKey, TokenKeySource } from './token-key.ts';

declare const advertisingTokenBrand: unique symbol;

/** The text of an advertising token ("UID2 token"). */
export type AdvertisingToken = string & { readonly [advertisingTokenBrand]: true };

/** The facts an advertising token carries. Times in ms since the epoch. */
export interface AdvertisingTokenFields {
  readonly scope: IdentityScope;
  readonly type: IdentityType;
  readonly siteId: number;
  readonly privacyBits: number;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** When the publisher's user first got a token. */
  readonly establishedMs: number;
  readonly refreshedMs: number;
  readonly rawUid: RawUid;
}

export interface DecodedAdvertisingToken extends AdvertisingTokenFields {
  readonly version: TokenVersion;
  readonly masterKeyId: number;
  readonly siteKeyId: number;
}

export interface AdvertisingTokenKeys {
  /** Active key of the master keyset. */
  readonly master: TokenKey;
  /** Active key of the site's keyset. */
  readonly site: TokenKey;
}

const CODE = 'ADVERTISING_TOKEN_INVALID';
const WHAT = 'advertising token';
const OPERATOR_TYPE_SERVICE = 1;
/** Site payload up to the raw UID. */
const SITE_PAYLOAD_SIZE = 36;
/** Master payload up to the encrypted site payload. */
const MASTER_PAYLOAD_SIZE = 33;
const HEADER_SIZE = 6;

/**
 * A version 4 advertising token: 218 characters for 32-byte raw UIDs, 219 for 33 bytes. Takes two 12-byte IVs, the site
 * layer's first.
 */
export function encodeAdvertisingToken(
  fields: AdvertisingTokenFields,
  keys: AdvertisingTokenKeys,
  randomBytes: RandomBytes,
): AdvertisingToken {
  const siteSize = SITE_PAYLOAD_SIZE + fields.rawUid.length;
  const masterSize = MASTER_PAYLOAD_SIZE + GCM_OVERHEAD + siteSize;
  const token = ByteWriter.pooled(HEADER_SIZE + GCM_OVERHEAD + masterSize)
    .uint8(typeByte(fields.scope, fields.type))
    .uint8(VERSION_4_BYTE)
    .int32(keys.master.id)
    .skip(GCM_IV_SIZE)
    .int64(fields.expiresMs)
    .int64(fields.createdMs)
    .int32(0)
    .uint8(OPERATOR_TYPE_SERVICE)
    .int32(0)
    .int32(0)
    .int32(keys.site.id)
    .skip(GCM_IV_SIZE)
    .int32(fields.siteId)
    .int64(0)
    .int32(0)
    .int32(fields.privacyBits)
    .int64(fields.establishedMs)
    .int64(fields.refreshedMs)
    .bytes(fields.rawUid)
    .skip(2 * GCM_TAG_SIZE)
    .done();
  sealStanding(keys.site.secret, token, HEADER_SIZE + GCM_IV_SIZE + MASTER_PAYLOAD_SIZE, siteSize, randomBytes);
  sealStanding(keys.master.secret, token, HEADER_SIZE, masterSize, randomBytes);
  return toBase64Url(token) as AdvertisingToken;
}

/**
 * Decrypts an advertising token of version 2, 3 or 4. Keys are looked up by id alone; expiry is not looked at. In version 2,
 * which carries neither, created and refreshed equal established.
 * @throws VerificationError ADVERTISING_TOKEN_INVALID for anything that is not a whole, authentic token under known keys
 */
export function decodeAdvertisingToken(text: string, keys: TokenKeySource): DecodedAdvertisingToken {
  const { version, bytes } = readText(text);
  try {
    return version === 2 ? decodeVersion2(bytes, keys) : decodeVersion3And4(version, bytes, keys);
  } catch (thrown) {
    if (!(thrown instanceof PlatformError) || isInvalid(thrown)) throw thrown;
    const message = thrown.code === CODE ? thrown.message : `${WHAT}: ${thrown.message}`;
    throw new VerificationError(CODE, message, { cause: thrown });
  }
}

/** The version that the first four characters show, and the bytes of the alphabet which that version uses. */
function readText(text: string): { version: TokenVersion; bytes: Uint8Array } {
  const start = text.slice(0, 4);
  if (start.length < 4) throw invalid('is shorter than four characters');
  const urlSafe = start.includes('-') || start.includes('_');
  const [first, second] = (urlSafe ? decodeLenientBase64Url(start) : decodeLenientBase64(start)) ?? [];
  let version: TokenVersion;
  if (first === VERSION_2_BYTE) version = 2;
  else if (second === VERSION_3_BYTE) version = 3;
  else if (second === VERSION_4_BYTE) version = 4;
  else throw invalid('starts with no known version');
  const bytes = version === 4 ? decodeLenientBase64Url(text) : decodeLenientBase64(text);
  if (bytes === undefined) throw invalid(`is not in the alphabet of version ${version}`);
  return { version, bytes };
}

function decodeVersion3And4(version: 3 | 4, bytes: Uint8Array, keys: TokenKeySource): DecodedAdvertisingToken {
  const outer = new ByteReader(bytes, CODE, WHAT);
  const kind = parseTypeByte(outer.uint8());
  if (kind === undefined) throw invalid('has an unknown identity type');
  outer.uint8();
  const masterKeyId = outer.int32();
  const master = new ByteReader(decryptStanding(keyById(keys, masterKeyId), outer.rest()), CODE, WHAT);
  const expiresMs = master.int64();
  const createdMs = master.int64();
  master.bytes(13);
  const siteKeyId = master.int32();
  const site = new ByteReader(decryptStanding(keyById(keys, siteKeyId), master.rest()), CODE, WHAT);
  const siteId = site.int32();
  site.bytes(12);
  const privacyBits = site.int32();
  const establishedMs = site.int64();
  const refreshedMs = site.int64();
  const rawUid = asRawUid(site.rest());
  const own = kindOf(rawUid);
  if (rawUid.length > 32 && (own?.scope !== kind.scope || own.type !== kind.type)) {
    throw invalid('and its raw UID disagree on scope or identity type');
  }
  return {
    version,
    ...(own ?? { scope: 'uid2', type: 'email' }),
    siteId,
    privacyBits,
    createdMs,
    expiresMs,
    establishedMs,
    refreshedMs,
    rawUid,
    masterKeyId,
    siteKeyId,
  };
}

function decodeVersion2(bytes: Uint8Array, keys: TokenKeySource): DecodedAdvertisingToken {
  const outer = new ByteReader(bytes, CODE, WHAT);
  outer.uint8();
  const masterKeyId = outer.int32();
  const master = new ByteReader(decryptCbc(keyById(keys, masterKeyId), outer.rest()), CODE, WHAT);
  const expiresMs = master.int64();
  const siteKeyId = master.int32();
  const identity = new ByteReader(decryptCbc(keyById(keys, siteKeyId), master.rest()), CODE, WHAT);
  const siteId = identity.int32();
  const rawUid = decodeLenientBase64(fromUtf8(identity.bytes(identity.int32())));
  if (rawUid === undefined) throw invalid('holds a raw UID that is not Base64');
  const privacyBits = identity.int32();
  const establishedMs = identity.int64();
  return {
    version: 2,
    scope: 'uid2',
    type: 'email',
    siteId,
    privacyBits,
    createdMs: establishedMs,
    expiresMs,
    establishedMs,
    refreshedMs: establishedMs,
    rawUid: asRawUid(rawUid),
    masterKeyId,
    siteKeyId,
  };
}

/** What a 33-byte raw UID says about itself; 32 bytes say nothing and count as a UID2 e-mail. */
function kindOf(rawUid: RawUid): { scope: IdentityScope; type: IdentityType } | undefined {
  return rawUid.length > 32 ? parseTypeByte(rawUid[0] ?? 0) : undefined;
}

function keyById(keys: TokenKeySource, id: number): TokenKey['secret'] {
  const key = keys.keyById(id);
  if (key === undefined) throw invalid(`was made with key ${id}, which is unknown`);
  return key.secret;
}

function isInvalid(thrown: PlatformError): boolean {
  return thrown instanceof VerificationError && thrown.code === CODE;
}

function invalid(problem: string): VerificationError {
  return new VerificationError(CODE, `${WHAT} ${problem}`);
}
