import { Buffer } from 'node:buffer';

import { BLOCK, BlockDigests, DIGEST, SALT, SALTED_BLOCK } from './verity.ts';
import type { HashBlocks } from './verity.ts';

/** Takes blocks of an image, at any position: for tests, and for writing images. `bytes` is only valid during the call. */
export type WriteBlock = (block: number, bytes: Uint8Array) => void;

/** Blocks of one batch: 1 MiB of content. */
const BATCH_BLOCKS = 256;
/** Batches that may wait to be hashed before the source has to wait. */
const MAXIMUM_WAITING = 4;

interface Batch {
  readonly memory: SharedArrayBuffer;
  readonly bytes: Buffer;
}

/**
 * The blocks of an image in ascending order: cut into batches, hashed, and forgotten. Only digests stay in memory. A block
 * that is known later than those after it is reserved and patched.
 */
export class BlockStream {
  readonly digests = new BlockDigests();
  readonly #hashBlocks: HashBlocks;
  readonly #writeBlock: WriteBlock | undefined;
  readonly #spare: Batch[] = [];
  readonly #waiting = new Set<Promise<void>>();
  #failure: { readonly cause: unknown } | undefined;
  #batch: Batch;
  #batchStart: number;
  /** Whole blocks in the batch, and bytes of the one after them. */
  #blocks = 0;
  #within = 0;

  constructor(firstBlock: number, hashBlocks: HashBlocks, writeBlock?: WriteBlock) {
    this.#batchStart = firstBlock;
    this.#hashBlocks = hashBlocks;
    this.#writeBlock = writeBlock;
    this.#batch = newBatch();
  }

  /** The block that the next byte goes to. */
  get block(): number {
    return this.#batchStart + this.#blocks;
  }

  /** Bytes of that block that are written. */
  get within(): number {
    return this.#within;
  }

  write(bytes: Uint8Array): void {
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < source.length;) {
      const length = Math.min(BLOCK - this.#within, source.length - at);
      source.copy(this.#batch.bytes, this.#blocks * SALTED_BLOCK + SALT + this.#within, at, at + length);
      at += length;
      this.#advance(length);
    }
  }

  /** Fills the current block with zeros. */
  pad(): void {
    if (this.#within > 0) this.#writeZeros(BLOCK - this.#within);
  }

  /** Writes zeros, of which whole blocks cost next to nothing. */
  zeros(length: number): void {
    const head = Math.min(length, (BLOCK - this.#within) % BLOCK);
    this.#writeZeros(head);
    const blocks = Math.floor((length - head) / BLOCK);
    if (blocks > 0) {
      this.#flush();
      this.digests.setZero(this.#batchStart, blocks);
      this.#batchStart += blocks;
    }
    this.#writeZeros(length - head - blocks * BLOCK);
  }

  /** Sets blocks that were passed earlier. Only valid once the batch they belong to is hashed: see `settle`. */
  patch(block: number, bytes: Uint8Array): void {
    const count = bytes.length / BLOCK;
    const batch = newBatch(count);
    for (let index = 0; index < count; index += 1)
      batch.bytes.set(bytes.subarray(index * BLOCK, (index + 1) * BLOCK), index * SALTED_BLOCK + SALT);
    this.#hash(batch, block, count);
  }

  /** Whether the source should wait for `drain`. */
  get isFull(): boolean {
    return this.#waiting.size >= MAXIMUM_WAITING;
  }

  /** Waits until there is room, and reports a failure of the hashing. */
  async drain(): Promise<void> {
    while (this.isFull) await Promise.race(this.#waiting);
    this.#throwFailure();
  }

  /** Pads and hashes what is left, and waits for everything. */
  async settle(): Promise<void> {
    this.pad();
    this.#flush();
    await Promise.all(this.#waiting);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  #writeZeros(length: number): void {
    for (let left = length; left > 0;) {
      const piece = Math.min(BLOCK - this.#within, left);
      const start = this.#blocks * SALTED_BLOCK + SALT + this.#within;
      this.#batch.bytes.fill(0, start, start + piece);
      left -= piece;
      this.#advance(piece);
    }
  }

  #advance(length: number): void {
    this.#within += length;
    if (this.#within < BLOCK) return;
    this.#within = 0;
    this.#blocks += 1;
    if (this.#blocks === BATCH_BLOCKS) this.#flush();
  }

  /** Only at a block boundary. */
  #flush(): void {
    if (this.#blocks === 0) return;
    this.#hash(this.#batch, this.#batchStart, this.#blocks);
    this.#batchStart += this.#blocks;
    this.#blocks = 0;
    this.#batch = this.#spare.pop() ?? newBatch();
  }

  #hash(batch: Batch, firstBlock: number, count: number): void {
    const { memory } = batch;
    if (this.#writeBlock !== undefined) {
      for (let index = 0; index < count; index += 1) {
        const start = index * SALTED_BLOCK + SALT;
        this.#writeBlock(firstBlock + index, batch.bytes.subarray(start, start + BLOCK));
      }
    }
    const capacity = memory.byteLength / (SALTED_BLOCK + DIGEST);
    const blocks = new Uint8Array(memory, 0, count * SALTED_BLOCK);
    const digests = new Uint8Array(memory, capacity * SALTED_BLOCK, count * DIGEST);
    const done = () => {
      this.digests.set(firstBlock, digests);
      if (capacity === BATCH_BLOCKS) this.#spare.push(batch);
    };
    const result = this.#hashBlocks(blocks, digests);
    if (result === undefined) {
      done();
      return;
    }
    const waiting = result
      .then(done, (cause: unknown) => {
        this.#failure ??= { cause };
      })
      .finally(() => this.#waiting.delete(waiting));
    this.#waiting.add(waiting);
  }
}

function newBatch(blocks = BATCH_BLOCKS): Batch {
  const memory = new SharedArrayBuffer(blocks * (SALTED_BLOCK + DIGEST));
  return { memory, bytes: Buffer.from(memory) };
}
