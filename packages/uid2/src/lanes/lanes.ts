import { plainLanes } from './plain-lanes.ts';
import { wasmLanes } from './wasm-lanes.ts';

/**
 * Hashes, Base64 and single-block encryptions in batches, within one stretch of memory. One call to `node:crypto` costs
 * about a microsecond whatever it computes; a batch pays for the computation only. Addresses are offsets into `memory`.
 * Areas have room for counts rounded up to eights and do not overlap.
 */
export interface Lanes {
  readonly memory: Uint8Array;
  /** Where the callers' part of the memory begins; a multiple of 64. */
  readonly start: number;
  /**
   * The SHA-256 digests, 32 bytes each from `digests` on, of `count` messages that start every `stride` bytes from
   * `messages` on. All have the same number of 64-byte blocks and are padded by the caller (FIPS 180-4, section 5.1.1).
   */
  sha256(messages: number, stride: number, blocks: number, digests: number, count: number): void;
  /** The 44 Base64 letters of 32-byte strings; strings and texts start every so many bytes. */
  base64Of32(bytes: number, bytesStride: number, texts: number, textsStride: number, count: number): void;
  /** The 44 Base64 letters of 33-byte strings. */
  base64Of33(bytes: number, bytesStride: number, texts: number, textsStride: number, count: number): void;
  /** AES-256 of single blocks: each 16 bytes from `blocks` on under its own 32 bytes from `keys` on, to `outputs`. */
  aes256(keys: number, blocks: number, outputs: number, count: number): void;
}

/** Lanes over at least `bytes` bytes: in WebAssembly, or by `node:crypto` where a runtime has no vectors in it. */
export function createLanes(bytes: number): Lanes {
  return wasmLanes(bytes) ?? plainLanes(bytes);
}
