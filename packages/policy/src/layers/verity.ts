import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

/** Bytes of a data block and of a block of the hash tree. */
export const BLOCK = 4096;
export const DIGEST = 32;
/** The salt of 32 zero bytes that stands before every block that is hashed. */
export const SALT = 32;
/** Distance of blocks in a batch: each has its salt in front. */
export const SALTED_BLOCK = SALT + BLOCK;
const DIGESTS_PER_BLOCK = BLOCK / DIGEST;

/**
 * Hashes a batch of blocks. `blocks` holds n salted blocks, 32 zero bytes and 4096 bytes of content each, one after the
 * other; `digests` is where the n SHA-256 digests go, 32 bytes each. Both are backed by the same SharedArrayBuffer and stay
 * untouched until the promise settles, so that the work can be done in another thread.
 */
export type HashBlocks = (blocks: Uint8Array, digests: Uint8Array) => Promise<void> | void;

/** Hashes a batch of blocks in this thread, one call of OpenSSL each. */
export function hashBlocksHere(blocks: Uint8Array, digests: Uint8Array): void {
  const target = Buffer.from(digests.buffer, digests.byteOffset, digests.byteLength);
  const count = digests.length / DIGEST;
  for (let index = 0; index < count; index += 1) {
    const start = index * SALTED_BLOCK;
    // Text is the fastest way out of a one-shot hash: no buffer is allocated outside of the heap.
    target.write(hash('sha256', blocks.subarray(start, start + SALTED_BLOCK), 'hex'), index * DIGEST, 'hex');
  }
}

/** SHA-256 of one block behind the zero salt. */
export function hashBlock(block: Uint8Array): Uint8Array {
  const salted = new Uint8Array(SALTED_BLOCK);
  salted.set(block, SALT);
  return new Uint8Array(hash('sha256', salted, 'buffer'));
}

/**
 * The root hash of a dm-verity tree: SHA-256, blocks of 4096 bytes, a salt of 32 zero bytes before each block.
 * `leaves` are the digests of the data blocks in order, in pieces of which all but the last hold a multiple of 128.
 * @see Linux kernel, Documentation/admin-guide/device-mapper/verity.rst
 */
export function verityRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const salted = new Uint8Array(SALTED_BLOCK);
  let level = leaves;
  for (;;) {
    const blocks = level.reduce((sum, piece) => sum + Math.ceil(piece.length / BLOCK), 0);
    const digests = Buffer.alloc(blocks * DIGEST);
    let at = 0;
    for (const piece of level) {
      for (let start = 0; start < piece.length; start += BLOCK) {
        salted.fill(0, SALT).set(piece.subarray(start, start + BLOCK), SALT);
        digests.write(hash('sha256', salted, 'hex'), at, 'hex');
        at += DIGEST;
      }
    }
    if (blocks <= 1) return digests;
    level = [digests];
  }
}

/** Digests of the blocks of an image, set in any order. Runs of zero blocks take no memory of their own. */
export class BlockDigests {
  /** Digests of one page: 32 MiB of the image. */
  static readonly PAGE = 64 * DIGESTS_PER_BLOCK;
  readonly #pages: Uint8Array[] = [];

  set(index: number, digests: Uint8Array): void {
    for (let at = 0; at < digests.length;) {
      const block = index + at / DIGEST;
      const within = (block % BlockDigests.PAGE) * DIGEST;
      const piece = digests.subarray(at, at + BlockDigests.PAGE * DIGEST - within);
      this.#page(block).set(piece, within);
      at += piece.length;
    }
  }

  /** Sets `count` digests of zero blocks from `index` on. */
  setZero(index: number, count: number): void {
    for (let block = index; block < index + count;) {
      const within = block % BlockDigests.PAGE;
      const length = Math.min(BlockDigests.PAGE - within, index + count - block);
      if (length === BlockDigests.PAGE) this.#pages[block / BlockDigests.PAGE] = zeroDigests();
      else this.#page(block).set(zeroDigests().subarray(0, length * DIGEST), within * DIGEST);
      block += length;
    }
  }

  /** The root hash of an image of `count` blocks, all of which have been set. */
  root(count: number): Uint8Array {
    const pages = Math.ceil(count / BlockDigests.PAGE);
    const leaves: Uint8Array[] = [];
    for (let page = 0; page < pages; page += 1) {
      const blocks = Math.min(BlockDigests.PAGE, count - page * BlockDigests.PAGE);
      leaves.push(this.#page(page * BlockDigests.PAGE).subarray(0, blocks * DIGEST));
    }
    return verityRoot(leaves);
  }

  #page(block: number): Uint8Array {
    const number = Math.floor(block / BlockDigests.PAGE);
    const existing = this.#pages[number];
    if (existing !== undefined && existing !== zeroPage) return existing;
    const page = existing === undefined ? new Uint8Array(BlockDigests.PAGE * DIGEST) : Uint8Array.from(existing);
    this.#pages[number] = page;
    return page;
  }
}

/** A page of digests of zero blocks, shared by all images and made once it is needed. */
let zeroPage: Uint8Array | undefined;

function zeroDigests(): Uint8Array {
  if (zeroPage === undefined) {
    zeroPage = new Uint8Array(BlockDigests.PAGE * DIGEST);
    zeroPage.set(hashBlock(new Uint8Array(BLOCK)));
    for (let filled = DIGEST; filled < zeroPage.length; filled *= 2) zeroPage.copyWithin(filled, 0, filled);
  }
  return zeroPage;
}
