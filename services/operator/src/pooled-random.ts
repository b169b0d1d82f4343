import { randomFillSync } from 'node:crypto';

import { pooledBytes } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

const POOL_BYTES = 8192;

/**
 * Cryptographic randomness taken from the operating system in pieces of 8 KiB: a call to the generator costs microseconds
 * whatever its length, and one token reply takes seven small pieces. Every byte is handed out once and wiped from the pool.
 */
export function pooledRandomBytes(fill: (pool: Uint8Array) => void = randomFillSync): RandomBytes {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  const randomBytes = (length: number): Uint8Array => {
    if (length > POOL_BYTES) {
      const bytes = new Uint8Array(length);
      fill(bytes);
      return bytes;
    }
    if (used + length > POOL_BYTES) {
      fill(pool);
      used = 0;
    }
    const bytes = pooledBytes(length);
    for (let i = 0; i < length; i += 1) {
      bytes[i] = pool[used + i] ?? 0;
      pool[used + i] = 0;
    }
    used += length;
    return bytes;
  };
  return Object.assign(randomBytes, { isUnordered: true });
}
