import { createHash, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { MalformedError, toBase64Url, toHex } from '@holdfast/base';

import { decodeCbor } from '../cbor/decode.ts';
import { isCborMap } from '../cbor/value.ts';
import type { CborMap, CborValue } from '../cbor/value.ts';
import { isJsonObject, member, parseJsonObject } from '../json/json.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';

/** The keys of one confidential ledger, which sign transparency receipts. */
export interface LedgerKeys {
  /** Host name of the ledger, as receipts name it. */
  readonly ledger: string;
  /** P-384 public keys by identifier: lower-case hex SHA-256 of the SubjectPublicKeyInfo. */
  readonly keys: ReadonlyMap<string, KeyObject>;
}

const CODE = 'UVM_LEDGER_KEYS_INVALID';
const MAX_BYTES = 256 * 1024;
const EC2 = 2;
const P384 = 2;
const coseKey = { type: 1, curve: -1, x: -2, y: -3 } as const;

/**
 * Reads ledger keys as JSON: `{ledger host: {"keys": [EC JWK …]}}`, or one bare `{"keys": […]}` for the ledger named by
 * `ledger`. A key that cannot be used is skipped; a ledger without a usable key is refused.
 * @throws MalformedError UVM_LEDGER_KEYS_INVALID
 */
export function parseLedgerKeys(json: string | Uint8Array, ledger?: string): readonly LedgerKeys[] {
  if (json.length > MAX_BYTES) throw malformed(`ledger keys of ${json.length} bytes, at most ${MAX_BYTES}`);
  const object = parseJsonObject(json, CODE);
  if (member(object, 'keys') !== undefined) {
    if (ledger === undefined) throw malformed('a set of ledger keys that names no ledger');
    return [ledgerOf(ledger, readJwks(object))];
  }
  const ledgers = Object.entries(object).map(([name, set]) => {
    if (!isJsonObject(set)) throw malformed(`the keys of ${name} are not an object`);
    return ledgerOf(name, readJwks(set));
  });
  if (ledgers.length === 0) throw malformed('no ledger');
  return ledgers;
}

/**
 * Reads the payload of a signed trust list: CBOR `{ledger host: {1: [COSE_Key …]}}`.
 * @throws MalformedError UVM_LEDGER_KEYS_INVALID, CBOR_MALFORMED
 */
export function readLedgerTrustList(payload: Uint8Array): readonly LedgerKeys[] {
  const ledgers = decodeCbor(payload);
  if (!isCborMap(ledgers) || ledgers.size === 0) throw malformed('the trust list is not a map of ledgers');
  return [...ledgers].map(([name, value]) => {
    const set = isCborMap(value) ? value.get(1) : undefined;
    if (typeof name !== 'string' || !Array.isArray(set)) throw malformed('an entry of the trust list is no key set');
    return ledgerOf(
      name,
      (set as readonly CborValue[]).flatMap((key) => (isCborMap(key) ? (readCoseKey(key) ?? []) : [])),
    );
  });
}

function ledgerOf(ledger: string, usable: readonly KeyObject[]): LedgerKeys {
  if (usable.length === 0) throw malformed(`no usable key of ledger ${ledger}`);
  return { ledger, keys: new Map(usable.map((key) => [keyIdentifier(key), key])) };
}

function keyIdentifier(key: KeyObject): string {
  return toHex(
    createHash('sha256')
      .update(key.export({ format: 'der', type: 'spki' }))
      .digest(),
  );
}

function readJwks(set: JsonObject): readonly KeyObject[] {
  const keys = member(set, 'keys');
  if (!Array.isArray(keys)) throw malformed('"keys" is not a list');
  return (keys as readonly JsonValue[]).flatMap((key) => {
    if (!isJsonObject(key)) return [];
    const { kty, crv, x, y } = key;
    if (kty !== 'EC' || crv !== 'P-384' || typeof x !== 'string' || typeof y !== 'string') return [];
    return publicKeyOf(x, y) ?? [];
  });
}

function readCoseKey(key: CborMap): KeyObject | undefined {
  const [x, y] = [key.get(coseKey.x), key.get(coseKey.y)];
  const isP384 = key.get(coseKey.type) === EC2 && key.get(coseKey.curve) === P384;
  if (!isP384 || !(x instanceof Uint8Array) || !(y instanceof Uint8Array)) return undefined;
  return publicKeyOf(toBase64Url(x), toBase64Url(y));
}

function publicKeyOf(x: string, y: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'EC', crv: 'P-384', x, y }, format: 'jwk' });
  } catch {
    // A point that is not on the curve: such a key is skipped, as the format demands.
    return undefined;
  }
}

function malformed(problem: string): MalformedError {
  return new MalformedError(CODE, problem);
}
