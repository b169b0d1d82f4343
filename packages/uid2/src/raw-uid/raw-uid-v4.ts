import { sha256 } from '../encoding/sha256.ts';
import { Areas } from '../lanes/areas.ts';
import { createLanes } from '../lanes/lanes.ts';
import type { Lanes } from '../lanes/lanes.ts';

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
  const keyStream = encryptCounter(material.key, uid.subarray(4, 16));
  for (let i = 0; i < 16; i += 1) uid[16 + i] = (half[i] ?? 0) ^ (keyStream[i] ?? 0);
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

/** Lanes for one block at a time: of the eight that they work on, seven are for nothing. */
const LANES = 8;
const BLOCK_SIZE = 16;
const KEY_SIZE = 32;

interface OneBlock {
  readonly lanes: Lanes;
  readonly key: number;
  readonly block: number;
  readonly output: number;
}

let oneBlock: OneBlock | undefined;

/**
 * The first 16 bytes of the key stream of AES-256-CTR whose counter begins with `iv` and 0. Each key serves for one block, and
 * making a cipher and a key object of `node:crypto` for it takes five times as long. The result is valid until the next call.
 */
function encryptCounter(key: Uint8Array, iv: Uint8Array): Uint8Array {
  oneBlock ??= createOneBlock();
  const { lanes, key: keyAt, block, output } = oneBlock;
  const { memory } = lanes;
  memory.set(key, keyAt);
  memory.set(iv, block);
  memory.fill(0, block + IV_SIZE, block + BLOCK_SIZE);
  lanes.aes256(keyAt, block, output, 1);
  return memory.subarray(output, output + BLOCK_SIZE);
}

function createOneBlock(): OneBlock {
  const lanes = createLanes(LANES * (KEY_SIZE + 2 * BLOCK_SIZE));
  const areas = new Areas(lanes);
  return {
    lanes,
    key: areas.take(LANES, KEY_SIZE),
    block: areas.take(LANES, BLOCK_SIZE),
    output: areas.take(LANES, BLOCK_SIZE),
  };
}
