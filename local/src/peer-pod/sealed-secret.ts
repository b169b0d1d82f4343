import { createDecipheriv, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { isJsonObject, member, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import {
  concatBytes,
  fromBase64,
  fromBase64Url,
  MalformedError,
  toBase64Url,
  toUtf8,
  UnsupportedError,
  VerificationError,
} from '@holdfast/base';

import { unwrapKey } from './kbs/open-reply.ts';

const PREFIX = 'sealed.';
const MALFORMED = 'PEER_POD_SECRET_MALFORMED';
const VERSION = '0.1.0';
const MAX_LENGTH = 1024 * 1024;
const KEY_BYTES = 32;
const TAG_BYTES = 16;

/** A secret that is only a reference: its value is a resource of the provider. */
export interface VaultSecret {
  readonly type: 'vault';
  /** For the provider kbs a `kbs:///…` URI. */
  readonly name: string;
  readonly provider: string;
}

/** A secret that brings its value along, encrypted with a key of its own that the provider's key wraps. */
export interface EnvelopeSecret {
  readonly type: 'envelope';
  readonly provider: string;
  readonly keyId: string;
  readonly encryptedKey: Uint8Array;
  readonly encryptedData: Uint8Array;
  readonly iv: Uint8Array;
}

/** A sealed secret of Confidential Containers, read but not verified. */
export interface SealedSecret {
  /** Which key signed: a `kbs:///…` URI, or the name of a file of the guest. Undefined where verification is skipped. */
  readonly keyId: string | undefined;
  readonly content: VaultSecret | EnvelopeSecret;
  /** What the signature covers, and the signature. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array | undefined;
}

/** Whether a text claims to be a sealed secret. */
export function isSealed(text: string): boolean {
  return text.startsWith(PREFIX);
}

/**
 * Reads `sealed.HEADER.PAYLOAD.SIGNATURE`. With `skipVerification` header and signature may be any text, as writers of
 * older secrets put them there.
 * @throws MalformedError PEER_POD_SECRET_MALFORMED
 * @throws UnsupportedError PEER_POD_SECRET_UNSUPPORTED
 */
export function parseSealedSecret(text: string, options: { readonly skipVerification: boolean }): SealedSecret {
  if (text.length > MAX_LENGTH) throw malformed('it is too long');
  const [prefix, header, payload, signature, ...rest] = text.split('.');
  if (
    prefix !== 'sealed' ||
    header === undefined ||
    payload === undefined ||
    signature === undefined ||
    rest.length > 0
  ) {
    throw malformed('it has not four parts');
  }
  const content = contentOf(parseJsonObject(decode(payload, 'payload'), MALFORMED));
  const signed = toUtf8(`${header}.${payload}`);
  if (options.skipVerification) return { keyId: undefined, content, signed, signature: undefined };
  const { alg, kid } = parseJsonObject(decode(header, 'header'), MALFORMED);
  if (alg !== 'ES256') throw unsupported('it is not signed with ES256');
  if (typeof kid !== 'string' || kid === '') throw malformed('its header names no key');
  return { keyId: kid, content, signed, signature: decode(signature, 'signature') };
}

/**
 * Verifies the signature (64 bytes, r then s) with the public key of whoever seals secrets, on P-256.
 * @throws VerificationError PEER_POD_SECRET_SIGNATURE_INVALID
 */
export function verifySealedSecret({ signed, signature }: SealedSecret, key: KeyObject): void {
  const isP256 = key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  const holds =
    isP256 && signature !== undefined && verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
  if (holds) return;
  throw new VerificationError('PEER_POD_SECRET_SIGNATURE_INVALID', 'the signature of the sealed secret does not hold', {
    action: 'Seal the secret anew, with the key that its header names.',
  });
}

/** The public key of a JSON Web Key; undefined for what is none on P-256. Private members are not looked at. */
export function sealingKeyOf(jwk: JsonObject): KeyObject | undefined {
  const { kty, crv, x, y } = jwk;
  try {
    const key = createPublicKey({ key: { kty, crv, x, y } as Record<string, string>, format: 'jwk' });
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined;
  } catch {
    return undefined; // no key: the caller says which one
  }
}

/**
 * Opens an envelope with the key of its provider (32 bytes). For the provider kbs the guest components define no form of
 * `encrypted_key`; here it is RFC 3394. `encrypted_data` is AES-256-GCM with the tag of 16 bytes at the end.
 * @throws VerificationError PEER_POD_SECRET_UNREADABLE, which does not say what failed
 */
export function openEnvelope({ encryptedKey, encryptedData, iv }: EnvelopeSecret, key: Uint8Array): Uint8Array {
  try {
    const contentKey = unwrapKey(key, encryptedKey);
    const ciphertext = encryptedData.subarray(0, -TAG_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', contentKey, iv, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(encryptedData.subarray(-TAG_BYTES));
    const plaintext = concatBytes(decipher.update(ciphertext), decipher.final());
    contentKey.fill(0);
    return plaintext;
  } catch (cause) {
    throw new VerificationError('PEER_POD_SECRET_UNREADABLE', 'the key of the envelope does not open it', {
      cause,
      action: 'Seal the secret anew.',
    });
  }
}

/** Whether `key` can open envelopes. */
export function isEnvelopeKey(key: Uint8Array): boolean {
  return key.length === KEY_BYTES;
}

/**
 * Seals a reference to a resource: the text for a value of a Kubernetes Secret. It holds nothing secret.
 * @param uri `kbs:///repository/type/tag`
 * @param signer the private key on P-256 whose public half is stored under `keyId`
 */
export function sealVaultSecret(uri: string, signer: { readonly key: KeyObject; readonly keyId: string }): string {
  const part = (value: object): string => toBase64Url(toUtf8(JSON.stringify(value)));
  const header = part({ alg: 'ES256', kid: signer.keyId });
  const content = {
    version: VERSION,
    type: 'vault',
    name: uri,
    provider: 'kbs',
    provider_settings: {},
    annotations: {},
  };
  const signed = `${header}.${part(content)}`;
  const signature = sign('sha256', toUtf8(signed), { key: signer.key, dsaEncoding: 'ieee-p1363' });
  return `${PREFIX}${signed}.${toBase64Url(new Uint8Array(signature))}`;
}

function contentOf(payload: JsonObject): VaultSecret | EnvelopeSecret {
  const version = member(payload, 'version');
  if (version !== VERSION) throw unsupported(`its version is not ${VERSION}`);
  const type = member(payload, 'type');
  const provider = textOf(payload, 'provider');
  for (const name of ['provider_settings', 'annotations']) checkObject(member(payload, name), name);
  if (type === 'vault') return { type, provider, name: textOf(payload, 'name') };
  if (type !== 'envelope') throw unsupported('its type is neither vault nor envelope');
  if (member(payload, 'wrap_type') !== 'A256GCM') throw unsupported('its wrap_type is not A256GCM');
  return {
    type,
    provider,
    keyId: textOf(payload, 'key_id'),
    encryptedKey: bytesOf(payload, 'encrypted_key'),
    encryptedData: bytesOf(payload, 'encrypted_data'),
    iv: bytesOf(payload, 'iv'),
  };
}

function checkObject(value: JsonValue | undefined, name: string): void {
  if (value !== undefined && !isJsonObject(value)) throw malformed(`its ${name} is no object`);
}

function textOf(payload: JsonObject, name: string): string {
  const value = member(payload, name);
  if (typeof value !== 'string') throw malformed(`it has no ${name}`);
  return value;
}

function bytesOf(payload: JsonObject, name: string): Uint8Array {
  try {
    return fromBase64(textOf(payload, name));
  } catch (cause) {
    throw malformed(`its ${name} is no Base64`, cause);
  }
}

function decode(text: string, name: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw malformed(`its ${name} is no Base64url`, cause);
  }
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError(MALFORMED, `the sealed secret cannot be read: ${problem}`, { cause });
}

function unsupported(problem: string): UnsupportedError {
  return new UnsupportedError('PEER_POD_SECRET_UNSUPPORTED', `the sealed secret is not supported: ${problem}`);
}
