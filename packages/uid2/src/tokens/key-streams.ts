import type { Cipheriv } from 'node:crypto';

import type { RandomBytes } from '@holdfast/base';

import { GCM_IV_SIZE } from './gcm.ts';

export const BLOCK_SIZE = 16;

/** Longest message, in bytes and blocks: the reply to a request for tokens is shorter. */
export const LONGEST = 1024;
const LONGEST_BLOCKS = LONGEST / BLOCK_SIZE;

/** So many key streams of a key wait at most: from there on a call of the cipher costs little of each. */
const MOST_AHEAD = 16;

/** So many bytes of them, since a key of every client that ever asked holds some. */
const MOST_BYTES_AHEAD = 8 * 1024;

const IV_WORDS = GCM_IV_SIZE / 4;
const BLOCK_WORDS = BLOCK_SIZE / 4;

/** The counter of each block of a message as it stands in memory: 1 for the block that hides the tag. */
const COUNTERS = createCounters();

// Scratch for the calls of all keys; nothing is kept in it.
const ivs = new Uint8Array(MOST_AHEAD * GCM_IV_SIZE);
const ivWords = new Uint32Array(ivs.buffer);
const counterBlocks = new Uint8Array(MOST_BYTES_AHEAD);
const counterWords = new Uint32Array(counterBlocks.buffer);

/**
 * Key streams of AES-GCM for messages that do not exist yet: that of one message costs as much as that of sixteen, since nearly all of it
 * is the call. Each has a random IV of its own and is handed out once.
 */
export class KeyStreams {
  readonly #aes: Cipheriv;
  #ivs: Uint8Array = new Uint8Array(0);
  #streams: Uint8Array = this.#ivs;
  /** Blocks of one key stream, but for the one that hides the tag. Grows to the longest message of the key. */
  #blocks = 0;
  #made = 0;
  #used = 0;

  /** @param aes AES of whole blocks, which keeps nothing from one call to the next */
  constructor(aes: Cipheriv) {
    this.#aes = aes;
  }

  /**
   * Hands out a key stream for a message of `blocks` blocks: its IV goes to `bytes` at `at`, its encrypted counter blocks, the one that
   * hides the tag first, to `memory` at `streamAt`.
   */
  take(
    blocks: number,
    randomBytes: RandomBytes,
    bytes: Uint8Array,
    at: number,
    memory: Uint8Array,
    streamAt: number,
  ): void {
    if (this.#used === this.#made || blocks > this.#blocks || randomBytes.isUnordered !== true) {
      this.#make(Math.max(blocks, this.#blocks), randomBytes);
    }
    const index = this.#used;
    this.#used += 1;
    for (let i = 0; i < GCM_IV_SIZE; i += 1) bytes[at + i] = this.#ivs[index * GCM_IV_SIZE + i] ?? 0;
    const start = index * (1 + this.#blocks) * BLOCK_SIZE;
    memory.set(this.#streams.subarray(start, start + (1 + blocks) * BLOCK_SIZE), streamAt);
  }

  /** Twice as many as before, so that keys which are hardly used hold hardly any. */
  #make(blocks: number, randomBytes: RandomBytes): void {
    const most = Math.min(MOST_AHEAD, Math.floor(MOST_BYTES_AHEAD / ((1 + blocks) * BLOCK_SIZE)));
    const count = randomBytes.isUnordered === true ? Math.min(Math.max(1, 2 * this.#made), most) : 1;
    this.#ivs = randomBytes(count * GCM_IV_SIZE).slice(); // a piece of a larger memory would keep all of that
    this.#streams = encryptCounters(this.#aes, this.#ivs, blocks);
    this.#blocks = blocks;
    this.#made = count;
    this.#used = 0;
  }
}

/** The encrypted counter blocks for each of `given` IVs: that of counter 1, then of `blocks` more. */
export function encryptCounters(aes: Cipheriv, given: Uint8Array, blocks: number): Uint8Array {
  ivs.set(given, 0);
  let word = 0;
  for (let iv = 0; iv < given.length / GCM_IV_SIZE; iv += 1) {
    const first = ivWords[iv * IV_WORDS] ?? 0;
    const second = ivWords[iv * IV_WORDS + 1] ?? 0;
    const third = ivWords[iv * IV_WORDS + 2] ?? 0;
    for (let block = 0; block <= blocks; block += 1) {
      counterWords[word] = first;
      counterWords[word + 1] = second;
      counterWords[word + 2] = third;
      counterWords[word + 3] = COUNTERS[block] ?? 0;
      word += BLOCK_WORDS;
    }
  }
  return aes.update(counterBlocks.subarray(0, word * 4));
}

/** Big-endian numbers, whatever this machine's are. */
function createCounters(): Uint32Array {
  const counters = new Uint32Array(1 + LONGEST_BLOCKS);
  const view = new DataView(counters.buffer);
  for (let block = 0; block < counters.length; block += 1) view.setUint32(4 * block, block + 1);
  return counters;
}
