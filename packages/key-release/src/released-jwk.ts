import { createPrivateKey } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';

import { errorMessage, fromBase64Url, toBase64Url, UnsupportedError, VerificationError } from '@holdfast/base';

/** The public part of a key as a vault states it. */
export interface PublicJwk {
  /** RSA, RSA-HSM, EC, EC-HSM, oct or oct-HSM. */
  readonly kty: string;
  readonly kid?: string | undefined;
  readonly key_ops?: readonly string[] | undefined;
  readonly n?: string | undefined;
  readonly e?: string | undefined;
  readonly crv?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
}

/** Names of curves where Azure and JOSE differ. */
const CURVES: Readonly<Record<string, string>> = { 'P-256K': 'secp256k1' };

/**
 * A private JWK from released key material: raw bytes for a symmetric key, PKCS#8 DER otherwise. The public part of the
 * material must be the one that the vault signed. Members stand in alphabetical order; `key_ops` is copied when there are any.
 * @throws VerificationError RELEASED_KEY_MISMATCH
 * @throws UnsupportedError RELEASED_KEY_UNSUPPORTED
 */
export function releasedJwk(
  material: Uint8Array,
  stated: PublicJwk,
): Readonly<Record<string, string | readonly string[]>> {
  const operations = stated.key_ops ?? [];
  const members = {
    ...privateMembers(material, stated),
    ...(operations.length === 0 ? {} : { key_ops: operations }),
  };
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function privateMembers(material: Uint8Array, stated: PublicJwk): Record<string, string> {
  switch (stated.kty.replace(/-HSM$/, '')) {
    case 'oct':
      return { kty: 'oct', k: toBase64Url(material) };
    case 'RSA': {
      const { d, dp, dq, e, n, p, q, qi } = privateJwk(material, 'rsa');
      if (!sameInteger(n, stated.n) || !sameInteger(e, stated.e)) throw mismatch('another public part');
      return texts({ kty: 'RSA', d, dp, dq, e, n, p, q, qi });
    }
    case 'EC': {
      const { crv, d, x, y } = privateJwk(material, 'ec');
      const curve = stated.crv === undefined ? undefined : (CURVES[stated.crv] ?? stated.crv);
      if (crv !== curve || !sameInteger(x, stated.x) || !sameInteger(y, stated.y))
        throw mismatch('another public part');
      return texts({ kty: 'EC', crv: stated.crv, d, x, y });
    }
    default:
      throw new UnsupportedError('RELEASED_KEY_UNSUPPORTED', `keys of type ${stated.kty} are not supported`);
  }
}

function privateJwk(material: Uint8Array, type: string): JsonWebKey {
  let found: string | undefined;
  try {
    const key = createPrivateKey({ key: Buffer.from(material), format: 'der', type: 'pkcs8' });
    found = key.asymmetricKeyType;
    if (found === type) return key.export({ format: 'jwk' });
  } catch (cause) {
    throw new VerificationError('RELEASED_KEY_MISMATCH', `the released key is not PKCS#8: ${errorMessage(cause)}`);
  }
  throw mismatch(`key type ${found ?? 'unknown'}`);
}

function texts(members: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, value ?? '']));
}

/** Compares base64url integers by value: a vault may write the exponent with a leading zero byte. */
function sameInteger(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const value = (text: string): string =>
    Buffer.from(fromBase64Url(text))
      .toString('hex')
      .replace(/^(?:00)+/, '');
  try {
    return value(a) === value(b);
  } catch {
    return false; // the stated member is not Base64url
  }
}

function mismatch(problem: string): VerificationError {
  return new VerificationError('RELEASED_KEY_MISMATCH', `the released key is not the one the vault stated: ${problem}`);
}
