import { hkdfSync } from 'node:crypto';

import { fromBase64Url, toUtf8, VerificationError } from '@holdfast/base';

const KEY_BYTES = 32;
const DEFAULT_LABEL = 'Symmetric Encryption Key';

/**
 * The key of an encrypted volume from a released key, as Microsoft's encrypted file system sidecar derives it: a symmetric
 * key of 32 bytes is the key itself; of an RSA key the private exponent (big-endian, no leading zeros) goes through HKDF
 * with SHA-256 (RFC 5869).
 * @param jwk The private JWK that a release yields.
 * @param options.salt As when the volume was made; Microsoft's import tool makes a random one and prints it.
 * @returns 32 bytes.
 * @throws VerificationError DISK_KEY_UNUSABLE for other keys
 */
export function deriveDiskKey(
  jwk: Readonly<Record<string, string | readonly string[]>>,
  options: { readonly salt?: Uint8Array; readonly label?: string } = {},
): Uint8Array {
  const { kty, k, d } = jwk;
  if (kty === 'oct' && typeof k === 'string') {
    const key = fromBase64Url(k);
    if (key.length === KEY_BYTES) return key;
    throw unusable(`a symmetric key of ${key.length} bytes, expected ${KEY_BYTES}`);
  }
  if (kty !== 'RSA' || typeof d !== 'string') throw unusable(`a key of type ${String(kty)}`);
  const exponent = fromBase64Url(d);
  const start = exponent.findIndex((byte) => byte !== 0);
  if (start === -1) throw unusable('an RSA key without a private exponent');
  const { salt = new Uint8Array(), label = DEFAULT_LABEL } = options;
  return new Uint8Array(hkdfSync('sha256', exponent.subarray(start), salt, toUtf8(label), KEY_BYTES));
}

function unusable(problem: string): VerificationError {
  return new VerificationError('DISK_KEY_UNUSABLE', `no volume key can be made of ${problem}`);
}
