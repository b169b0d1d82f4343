import { createCipheriv, createSecretKey } from 'node:crypto';

import { sha256 } from '../encoding/sha256.ts';

/** Complete key material of a bucket; key and salt as the UTF-8 bytes of their texts, the key 32 bytes long. */
export interface RawUidV4Material {
  readonly id: number;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

const IV_SIZE = 12;

/**
 * A version 4 raw UID, 33 bytes: metadata, 24-bit key id, 12-byte IV, the encrypted second half of the first-level hash, and
 * the XOR of all that. Deterministic, because the IV is derived from the same inputs.
 * @param metadata Version, scope, type and environment; only the low eight bits count.
 */
export function rawUidV4(metadata: number, material: RawUidV4Material, firstLevelHash: Uint8Array): Uint8Array {
  const half = firstLevelHash.subarray(16, 32);
  const uid = new Uint8Array(33);
  uid[0] = metadata;
  uid[1] = material.id >> 16;
  uid[2] = material.id >> 8;
  uid[3] = material.id;
  uid.set(deriveIv(uid.subarray(0, 4), material.salt, half), 4);
  const counterBlock = new Uint8Array(16);
  counterBlock.set(uid.subarray(4, 16));
  // Through a key object, although it serves once: raw key bytes take four times as long.
  uid.set(createCipheriv('aes-256-ctr', createSecretKey(material.key), counterBlock).update(half), 16);
  let checksum = 0;
  for (let i = 0; i < 32; i += 1) checksum ^= uid[i] ?? 0;
  uid[32] = checksum;
  return uid;
}

function deriveIv(header: Uint8Array, salt: Uint8Array, half: Uint8Array): Uint8Array {
  const input = new Uint8Array(salt.length + half.length + header.length);
  input.set(salt, 0);
  input.set(half, salt.length);
  input.set(header, salt.length + half.length);
  return sha256(input).subarray(0, IV_SIZE);
}
