import { createHash } from 'node:crypto';

import { canonicalJson } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';

/** Digests that a key broker may choose for runtime data. */
export type RuntimeDataHash = 'sha256' | 'sha384' | 'sha512';

/** What evidence has to carry so that it answers one challenge with one key. */
export interface BoundKey {
  /** As the challenge has it. */
  readonly nonce: string;
  readonly jwk: JsonObject;
}

/** The runtime data that a device beside the CPU binds (KBS protocol 0.4.0). */
export function deviceRuntimeData({ nonce, jwk }: BoundKey): JsonObject {
  return { 'tee-pubkey': jwk, nonce };
}

/** The runtime data that the guest's own evidence binds; the evidence of devices is bound as the text it is sent as. */
export function primaryRuntimeData(bound: BoundKey, additionalEvidence: string): JsonObject {
  return { ...deviceRuntimeData(bound), 'additional-evidence': additionalEvidence };
}

/** The digest over the canonical form (RFC 8785) of runtime data. */
export function runtimeDataDigest(runtimeData: JsonObject, hash: RuntimeDataHash): Uint8Array {
  return new Uint8Array(createHash(hash).update(canonicalJson(runtimeData)).digest());
}

/** The digest that a challenge asks for in its `extra-params`; SHA-384 unless it names another. */
export function selectedHash(extraParams: JsonValue | undefined): RuntimeDataHash {
  const isObject = typeof extraParams === 'object' && extraParams !== null && !Array.isArray(extraParams);
  const selected = isObject ? (extraParams as JsonObject)['selected-hash-algorithm'] : undefined;
  const name = typeof selected === 'string' ? selected.toLowerCase() : '';
  return name === 'sha256' || name === 'sha512' ? name : 'sha384';
}
