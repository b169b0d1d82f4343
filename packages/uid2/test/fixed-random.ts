import { createHash } from 'node:crypto';

import type { RandomBytes } from '@holdfast/base';

/** Random bytes that are always `bytes`, cut to what is asked for. */
export function fixedBytes(bytes: Uint8Array): RandomBytes {
  return (length) => {
    if (length > bytes.length) throw new Error(`asked for ${length} bytes, have ${bytes.length}`);
    return Uint8Array.from(bytes.subarray(0, length));
  };
}

/** A repeatable sequence of different random bytes. */
export function seededBytes(seed: string): RandomBytes {
  let counter = 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = createHash('sha256').update(`${seed} ${counter++}`).digest();
      bytes.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return bytes;
  };
}
