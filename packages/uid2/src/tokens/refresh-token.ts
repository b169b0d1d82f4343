import {
  ByteReader,
  ByteWriter,
  fromUtf8,
  MalformedError,
  PlatformError,
  toBase64,
  VerificationError,
} from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import type { IdentityScope, IdentityType } from '../identity/identity.ts';
import { decryptCbc } from './cbc.ts';
import { GCM_IV_SIZE, GCM_OVERHEAD, GCM_TAG_SIZE } from './gcm.ts';
import { decryptStanding, sealStanding } from './standing-gcm.ts';
import { parseTypeByte, typeByte, VERSION_2_BYTE, VERSION_3_BYTE } from './token-format.ts';
import type { TokenKey, TokenKeySource } from './token-key.ts';

/** The facts a refresh token carries. Times in ms since the epoch. */
export interface RefreshTokenFields {
  readonly scope: IdentityScope;
  readonly type: IdentityType;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly siteId: number;
  /** Always 0 in tokens of today; kept on refresh. */
  readonly publisherId: number;
  /** Always 0 in tokens of today; kept on refresh. */
  readonly clientKeyId: number;
  readonly privacyBits: number;
  readonly establishedMs: number;
  /** 32 bytes. The raw UID is computed anew at every refresh. */
  readonly firstLevelHash: Uint8Array;
}

export interface DecodedRefreshToken extends RefreshTokenFields {
  readonly version: 2 | 3;
  readonly refreshKeyId: number;
}

const INVALID = 'REFRESH_TOKEN_INVALID';
const CORRUPT = 'REFRESH_TOKEN_CORRUPT';
const WHAT = 'refresh token';
const OPERATOR_TYPE_SERVICE = 1;
const PAYLOAD_SIZE = 90;
const HEADER_SIZE = 6;

/** A version 3 inner refresh token, 168 characters of Base64. Takes one 12-byte IV. */
export function encodeRefreshToken(fields: RefreshTokenFields, key: TokenKey, randomBytes: RandomBytes): string {
  const type = typeByte(fields.scope, fields.type);
  const token = ByteWriter.pooled(HEADER_SIZE + GCM_OVERHEAD + PAYLOAD_SIZE)
    .uint8(type)
    .uint8(VERSION_3_BYTE)
    .int32(key.id)
    .skip(GCM_IV_SIZE)
    .int64(fields.expiresMs)
    .int64(fields.createdMs)
    .int32(0)
    .uint8(OPERATOR_TYPE_SERVICE)
    .int32(0)
    .int32(0)
    .int32(fields.siteId)
    .int64(fields.publisherId)
    .int32(fields.clientKeyId)
    .int32(fields.privacyBits)
    .int64(fields.establishedMs)
    .uint8(type)
    .bytes(fields.firstLevelHash)
    .skip(GCM_TAG_SIZE)
    .done();
  sealStanding(key.secret, token, HEADER_SIZE, PAYLOAD_SIZE, randomBytes);
  return toBase64(token);
}

/**
 * Decrypts an inner refresh token of version 2 or 3. The key is looked up by id alone; expiry is not looked at.
 * @throws VerificationError REFRESH_TOKEN_INVALID when it is empty, not Base64, of an unknown version, under an unknown key,
 *   or contradicts itself: the reference answers "invalid token"
 * @throws MalformedError REFRESH_TOKEN_CORRUPT when it is cut short or does not decrypt: the reference fails with 500
 */
export function decodeRefreshToken(text: string, keys: TokenKeySource): DecodedRefreshToken {
  const bytes = text === '' ? undefined : decodeLenientBase64(text);
  if (bytes === undefined) throw invalid('is empty or not Base64');
  const [first, second] = bytes;
  if (second === undefined) throw new MalformedError(CORRUPT, `${WHAT} is shorter than two bytes`);
  try {
    if (second === VERSION_3_BYTE) return decodeVersion3(bytes, keys);
    if (first === VERSION_2_BYTE) return decodeVersion2(bytes, keys);
  } catch (thrown) {
    if (!(thrown instanceof PlatformError) || thrown.code === INVALID || thrown.code === CORRUPT) throw thrown;
    throw new MalformedError(CORRUPT, `${WHAT}: ${thrown.message}`, { cause: thrown });
  }
  throw invalid('has an unknown version');
}

function decodeVersion3(bytes: Uint8Array, keys: TokenKeySource): DecodedRefreshToken {
  const outer = new ByteReader(bytes, CORRUPT, WHAT);
  const outerType = outer.uint8();
  outer.uint8();
  const refreshKeyId = outer.int32();
  const payload = new ByteReader(decryptStanding(keyById(keys, refreshKeyId), outer.rest()), CORRUPT, WHAT);
  const expiresMs = payload.int64();
  const createdMs = payload.int64();
  payload.bytes(13);
  const siteId = payload.int32();
  const publisherId = payload.int64();
  const clientKeyId = payload.int32();
  const privacyBits = payload.int32();
  const establishedMs = payload.int64();
  const kind = parseTypeByte(payload.uint8());
  const outerKind = parseTypeByte(outerType);
  if (kind === undefined || outerKind?.scope !== kind.scope || outerKind.type !== kind.type) {
    throw invalid('disagrees with itself on scope or identity type');
  }
  return {
    version: 3,
    ...kind,
    createdMs,
    expiresMs,
    siteId,
    publisherId,
    clientKeyId,
    privacyBits,
    establishedMs,
    firstLevelHash: payload.bytes(32),
    refreshKeyId,
  };
}

function decodeVersion2(bytes: Uint8Array, keys: TokenKeySource): DecodedRefreshToken {
  const outer = new ByteReader(bytes, CORRUPT, WHAT);
  outer.uint8();
  const createdMs = outer.int64();
  outer.int64();
  // The reference goes by "valid till", a minute after the nominal expiry.
  const expiresMs = outer.int64();
  const refreshKeyId = outer.int32();
  const identity = new ByteReader(decryptCbc(keyById(keys, refreshKeyId), outer.rest()), CORRUPT, WHAT);
  const siteId = identity.int32();
  const length = identity.int32();
  if (length < 0 || length > identity.remaining) throw invalid('holds an identity that runs past its end');
  const firstLevelHash = decodeIdentityText(identity.bytes(length));
  if (firstLevelHash === undefined) throw invalid('holds an identity that is not Base64');
  const privacyBits = identity.int32();
  const establishedMs = identity.int64();
  return {
    version: 2,
    scope: 'uid2',
    type: 'email',
    createdMs,
    expiresMs,
    siteId,
    publisherId: 0,
    clientKeyId: 0,
    privacyBits,
    establishedMs,
    firstLevelHash,
    refreshKeyId,
  };
}

function decodeIdentityText(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.every((byte) => byte < 0x80) ? decodeLenientBase64(fromUtf8(bytes)) : undefined;
}

function keyById(keys: TokenKeySource, id: number): TokenKey['secret'] {
  const key = keys.keyById(id);
  if (key === undefined) throw invalid(`was made with key ${id}, which is unknown`);
  return key.secret;
}

function invalid(problem: string): VerificationError {
  return new VerificationError(INVALID, `${WHAT} ${problem}`);
}
