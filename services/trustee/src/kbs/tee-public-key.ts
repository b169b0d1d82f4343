import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { isJsonObject, member } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { fromBase64Url, MalformedError, toBase64Url } from '@holdfast/base';

/** The key a guest made for its session: replies are encrypted to it. */
export interface TeePublicKey {
  /** Exactly the members the protocol defines: what evidence binds is the digest over them. */
  readonly jwk: JsonObject;
  readonly algorithm: 'RSA-OAEP-256' | 'ECDH-ES+A256KW';
  readonly key: KeyObject;
}

const COORDINATE_BYTES: Readonly<Record<string, number>> = { 'P-256': 32, 'P-521': 66 };
const MINIMUM_RSA_BITS = 2048;
const MAXIMUM_RSA_BITS = 8192;

/**
 * Reads `tee-pubkey`. RSA1_5 is refused: its padding is an oracle.
 * @throws MalformedError TRUSTEE_EVIDENCE_INVALID
 */
export function parseTeePublicKey(value: JsonValue | undefined): TeePublicKey {
  if (!isJsonObject(value)) throw malformed('"tee-pubkey" is not an object');
  const kty = member(value, 'kty');
  const alg = member(value, 'alg');
  if (kty === 'RSA' && alg === 'RSA-OAEP-256') return rsaKey(value);
  if (kty === 'EC' && alg === 'ECDH-ES+A256KW') return ecKey(value);
  throw malformed('"tee-pubkey" is neither RSA with RSA-OAEP-256 nor EC with ECDH-ES+A256KW');
}

function rsaKey(value: JsonObject): TeePublicKey {
  const [n, e] = [text(value, 'n'), text(value, 'e')];
  const key = importKey({ kty: 'RSA', n, e });
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MINIMUM_RSA_BITS || bits > MAXIMUM_RSA_BITS) throw malformed(`an RSA key of ${bits} bits`);
  return { jwk: { kty: 'RSA', alg: 'RSA-OAEP-256', n, e }, algorithm: 'RSA-OAEP-256', key };
}

function ecKey(value: JsonObject): TeePublicKey {
  const [crv, x, y] = [text(value, 'crv'), text(value, 'x'), text(value, 'y')];
  const size = COORDINATE_BYTES[crv];
  if (size === undefined) throw malformed('a curve that is neither P-256 nor P-521');
  for (const coordinate of [x, y]) {
    if (coordinateBytes(coordinate) !== size) throw malformed(`a coordinate that is not ${size} bytes of Base64url`);
  }
  const jwk: JsonObject = { kty: 'EC', crv, alg: 'ECDH-ES+A256KW', x, y };
  return { jwk, algorithm: 'ECDH-ES+A256KW', key: importKey({ kty: 'EC', crv, x, y }) };
}

function coordinateBytes(coordinate: string): number {
  try {
    const bytes = fromBase64Url(coordinate);
    return toBase64Url(bytes) === coordinate ? bytes.length : 0;
  } catch {
    return 0; // no Base64url: the caller says what is wrong
  }
}

function importKey(jwk: Readonly<Record<string, string>>): KeyObject {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch (cause) {
    throw malformed('"tee-pubkey" is no valid key', cause);
  }
}

function text(value: JsonObject, name: string): string {
  const found = member(value, name);
  if (typeof found !== 'string' || found.length > 2048) throw malformed(`"tee-pubkey" has no text "${name}"`);
  return found;
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError('TRUSTEE_EVIDENCE_INVALID', `the guest's key: ${problem}`, { cause });
}
