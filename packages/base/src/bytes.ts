import { Buffer } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';

/** The concatenation of `parts` in a new array. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

const POOL_BYTES = 32 * 1024;
const LONGEST_POOLED = 4 * 1024;
let pool = new ArrayBuffer(POOL_BYTES);
let poolUsed = 0;

/**
 * Memory that holds anything, for a byte string that is about to be filled: small ones lie in one memory with others and are made
 * six times as fast as memory of their own. For what becomes text or part of another byte string at once: whoever keeps one keeps the
 * memory of all.
 */
export function pooledBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length > LONGEST_POOLED) return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  if (poolUsed + length > POOL_BYTES) {
    pool = new ArrayBuffer(POOL_BYTES);
    poolUsed = 0;
  }
  const bytes = new Uint8Array(pool, poolUsed, length);
  poolUsed += (length + 7) & ~7;
  return bytes;
}

/** Smaller byte strings may share their memory with others, and are not worth the trouble. */
const LARGE = 64 * 1024;

/**
 * Frees the memory of a large byte string that nobody needs any more; it is empty afterwards. Without that, the memory
 * waits for a full garbage collection, and a service that moves megabytes per request spends its time in those. Does
 * nothing to byte strings that are small or but a part of their memory.
 */
export function releaseBytes(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length >= LARGE && bytes.length === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Whether two byte strings are equal, for public values. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Whether two byte strings are equal, in time that depends on their lengths only. */
export function equalSecretBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
