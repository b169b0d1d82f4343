import { randomFillSync } from 'node:crypto';

import type { RandomBytes } from '@holdfast/base';

const POOL_BYTES = 64 * 1024;

/** Random bytes cut from a pool that is filled at once: a call for 12 bytes costs a copy instead of a trip to OpenSSL. */
export function pooledRandom(): RandomBytes {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return (length) => {
    if (length > POOL_BYTES) return randomFillSync(new Uint8Array(length));
    if (used + length > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += length;
    return pool.slice(used - length, used);
  };
}
