import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { errorMessage, fromBase64, fromBase64Url, MalformedError } from '@holdfast/base';

import { isJsonObject, member, parseJsonObject } from '../json/json.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { parseCertificate } from '../x509/certificate.ts';

/** A key that a relying party accepts, from configuration or from the issuer's `/certs`. */
export interface AttestationKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly alg?: string;
  readonly use?: string;
}

/** Keys by their id. `problem` says why an entry cannot be used. */
export interface AttestationKeySet {
  /** All entries with this kid. */
  find(kid: string): readonly AttestationKeySetEntry[];
}

export interface AttestationKeySetEntry {
  readonly key: AttestationKey | undefined;
  readonly problem: string | undefined;
}

const CODE = 'ATTESTATION_JWKS_MALFORMED';
const MAX_BYTES = 1024 * 1024;
const MAX_KEYS = 256;
const MINIMUM_RSA_BITS = 2048;

/**
 * Reads a JWK set (RFC 7517) with `x5c` and/or `n`,`e` entries, at most 1 MiB. Entries that cannot be used stay in the
 * set with the reason, so that a token naming one is refused for that reason. Certificates are not validated: trust
 * rests on where the set came from.
 * @throws MalformedError ATTESTATION_JWKS_MALFORMED
 */
export function parseAttestationJwks(json: string | Uint8Array): AttestationKeySet {
  if (json.length > MAX_BYTES) throw new MalformedError(CODE, `key set of ${json.length} bytes, at most ${MAX_BYTES}`);
  const list = member(parseJsonObject(json, CODE), 'keys');
  if (!Array.isArray(list) || list.length > MAX_KEYS)
    throw new MalformedError(CODE, `"keys" is not a list of at most ${MAX_KEYS}`);
  const entries = new Map<string, AttestationKeySetEntry[]>();
  for (const item of list as readonly JsonValue[]) {
    if (!isJsonObject(item)) throw new MalformedError(CODE, 'an entry of "keys" is not an object');
    const kid = member(item, 'kid');
    // An entry without an id can never be named by a token.
    if (typeof kid === 'string') entries.set(kid, [...(entries.get(kid) ?? []), readEntry(kid, item)]);
  }
  return { find: (kid) => entries.get(kid) ?? [] };
}

/** A key set of configured keys. */
export function keySetOf(keys: readonly AttestationKey[]): AttestationKeySet {
  return {
    find: (kid) => keys.filter((key) => key.kid === kid).map((key) => ({ key, problem: undefined })),
  };
}

/** Why a key cannot verify signatures of an algorithm; undefined when it can. */
export function keyProblem(key: AttestationKey, algorithm: 'RS256' | 'PS256' | 'ES256'): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key.publicKey;
  if (key.use !== undefined && key.use !== 'sig') return `it is for "${key.use}"`;
  if (key.alg !== undefined && key.alg !== algorithm) return `it is for ${key.alg}`;
  if (algorithm === 'ES256')
    return type === 'ec' && details?.namedCurve === 'prime256v1' ? undefined : 'not a P-256 key';
  if (type !== 'rsa') return 'not an RSA key';
  return (details?.modulusLength ?? 0) >= MINIMUM_RSA_BITS ? undefined : `RSA below ${MINIMUM_RSA_BITS} bits`;
}

function readEntry(kid: string, entry: JsonObject): AttestationKeySetEntry {
  try {
    const alg = text(entry, 'alg');
    const use = text(entry, 'use');
    const publicKey = readKey(entry);
    return {
      key: { kid, publicKey, ...(alg === undefined ? {} : { alg }), ...(use === undefined ? {} : { use }) },
      problem: undefined,
    };
  } catch (error) {
    return { key: undefined, problem: errorMessage(error) };
  }
}

/** The key of the first certificate, of n and e, or of both when they agree. */
function readKey(entry: JsonObject): KeyObject {
  const chain = member(entry, 'x5c');
  const fromCertificate = Array.isArray(chain) ? certificateKey(chain[0]) : undefined;
  const bare = member(entry, 'n') !== undefined || member(entry, 'x') !== undefined ? bareKey(entry) : undefined;
  const key = fromCertificate ?? bare;
  if (key === undefined) throw new MalformedError(CODE, 'no key');
  if (fromCertificate !== undefined && bare !== undefined && !fromCertificate.equals(bare)) {
    throw new MalformedError(CODE, 'certificate and key members disagree');
  }
  const kty = text(entry, 'kty');
  const expected = key.asymmetricKeyType === 'rsa' ? 'RSA' : 'EC';
  if (kty !== undefined && kty !== expected) throw new MalformedError(CODE, `key type ${kty}`);
  return key;
}

function certificateKey(value: JsonValue | undefined): KeyObject {
  if (typeof value !== 'string') throw new MalformedError(CODE, 'an entry of "x5c" is not a text');
  return parseCertificate(fromBase64(value)).publicKey;
}

function bareKey(entry: JsonObject): KeyObject {
  const members = ['kty', 'n', 'e', 'crv', 'x', 'y'].flatMap((name) => {
    const value = text(entry, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  for (const [name, value] of members) if (name !== 'kty' && name !== 'crv') fromBase64Url(value);
  return createPublicKey({ key: Object.fromEntries(members), format: 'jwk' });
}

function text(entry: JsonObject, name: string): string | undefined {
  const value = member(entry, name);
  if (value !== undefined && typeof value !== 'string') throw new MalformedError(CODE, `"${name}" is not a text`);
  return value;
}
