import { Buffer } from 'node:buffer';
import { createECDH, createPrivateKey, createPublicKey, createSecretKey, diffieHellman } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { MalformedError, PolicyError, toBase64 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import type { ApiKeyEnvironment } from '../api-keys/api-key.ts';
import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import type { IdentityScope } from '../identity/identity.ts';

/** `UID2-X-L-`: scope, X for public and Y for private, environment. Readers skip it unread. */
const PREFIX_LENGTH = 9;

/** DER that precedes the uncompressed point of a P-256 SubjectPublicKeyInfo (RFC 5480). */
const SPKI_HEAD = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
/** DER that precedes the scalar of a P-256 PKCS #8 key without the optional public part (RFC 5915). */
const PKCS8_HEAD = Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex');
const SCALAR_LENGTH = 32;

const CURVE = 'prime256v1';

/** The two texts of a key pair as seed files and publishers know them. */
export interface ClientSideKeyTexts {
  readonly publicKey: string;
  readonly privateKey: string;
}

/**
 * A new P-256 key pair for client-side token generation.
 * @param randomBytes Asked for 32 bytes, again in the practically impossible case that they are no scalar of the curve.
 */
export function generateClientSideKeys(
  scope: IdentityScope,
  environment: ApiKeyEnvironment,
  randomBytes: RandomBytes,
): ClientSideKeyTexts {
  const ecdh = createECDH(CURVE);
  const scalar = setRandomScalar(ecdh, randomBytes);
  const prefix = (letter: 'X' | 'Y'): string => `${scope.toUpperCase()}-${letter}-${environment}-`;
  return {
    publicKey: `${prefix('X')}${toBase64(Buffer.concat([SPKI_HEAD, ecdh.getPublicKey()]))}`,
    privateKey: `${prefix('Y')}${toBase64(Buffer.concat([PKCS8_HEAD, scalar]))}`,
  };
}

/**
 * The public key that a client sent: Base64 of a SubjectPublicKeyInfo for an elliptic curve. Which curve shows only when
 * keys are agreed on.
 * @throws MalformedError CLIENT_SIDE_KEY_INVALID
 */
export function importClientPublicKey(base64: string): KeyObject {
  return importKey(base64, (key) => createPublicKey({ key, format: 'der', type: 'spki' }));
}

/**
 * The public key of a publisher's key pair, prefix and all.
 * @throws MalformedError CLIENT_SIDE_KEY_INVALID
 */
export function importClientSidePublicKey(text: string): KeyObject {
  return importClientPublicKey(text.slice(PREFIX_LENGTH));
}

/**
 * The private key of a publisher's key pair, prefix and all: PKCS #8, with or without the public part.
 * @throws MalformedError CLIENT_SIDE_KEY_INVALID
 */
export function importClientSidePrivateKey(text: string): KeyObject {
  return importKey(text.slice(PREFIX_LENGTH), (key) => createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
}

/** The text of a private key, with the prefix that goes with its public key's text. */
export function clientSidePrivateKeyText(privateKey: KeyObject, publicKeyText: string): string {
  const { d = '' } = privateKey.export({ format: 'jwk' });
  const scalar = Buffer.from(d, 'base64url');
  const prefix = publicKeyText.slice(0, PREFIX_LENGTH).replace('-X-', '-Y-');
  return `${prefix}${toBase64(Buffer.concat([PKCS8_HEAD, scalar]))}`;
}

/**
 * The AES-256 key of one client-side exchange: the X coordinate of ECDH on P-256, as it is. UID2 uses no key derivation here.
 * @throws PolicyError CLIENT_SIDE_CURVE_UNSUITABLE when either key is on another curve
 */
export function agreeOnClientSideKey(privateKey: KeyObject, publicKey: KeyObject): KeyObject {
  for (const key of [privateKey, publicKey]) {
    if (key.asymmetricKeyDetails?.namedCurve !== CURVE) {
      throw new PolicyError('CLIENT_SIDE_CURVE_UNSUITABLE', 'client-side token generation needs keys on P-256');
    }
  }
  return createSecretKey(diffieHellman({ privateKey, publicKey }));
}

function importKey(base64: string, read: (der: Buffer) => KeyObject): KeyObject {
  const bytes = decodeLenientBase64(base64);
  if (bytes === undefined) throw new MalformedError('CLIENT_SIDE_KEY_INVALID', 'the key is not Base64');
  let key: KeyObject;
  try {
    key = read(Buffer.from(bytes));
  } catch (cause) {
    throw new MalformedError('CLIENT_SIDE_KEY_INVALID', 'the key is not DER of the right kind', { cause });
  }
  if (key.asymmetricKeyType !== 'ec') {
    throw new MalformedError('CLIENT_SIDE_KEY_INVALID', 'the key is not for an elliptic curve');
  }
  return key;
}

function setRandomScalar(ecdh: ReturnType<typeof createECDH>, randomBytes: RandomBytes): Uint8Array {
  for (;;) {
    const scalar = randomBytes(SCALAR_LENGTH);
    try {
      ecdh.setPrivateKey(scalar);
      return scalar;
    } catch {
      // zero, or not below the order of the curve: one in 2^32 or so draws again
    }
  }
}
