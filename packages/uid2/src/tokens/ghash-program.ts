import {
  doWhile,
  i32Add,
  i32Const,
  i32GtS,
  i32Sub,
  i32x4ShrU,
  i8x16Const,
  i8x16RelaxedSwizzle,
  i8x16Shuffle,
  localGet,
  localSet,
  v128And,
  v128Load,
  v128Store,
  v128Xor,
} from '../wasm/instructions.ts';
import type { Code, WasmFunction } from '../wasm/module-writer.ts';

const BLOCK_BYTES = 16;

/** Bytes of a product of a block and one byte. */
const PRODUCT_BYTES = BLOCK_BYTES + 1;

/** For each byte of a product a vector for the high and one for the low half of the factor. */
const PRODUCT_BYTE_STRIDE = 2 * BLOCK_BYTES;

export const GHASH_TABLE_SIZE: number = PRODUCT_BYTES * PRODUCT_BYTE_STRIDE;

// Parameters of `ghash`.
const TABLE = 0;
const SUM = 1;
const BLOCKS = 2;
const COUNT = 3;

// Vector locals. A product has 32 bytes: left and right are its halves, those of even and odd bytes of the key are added up on their own.
const Y = 4;
const HIGH_NIBBLES = 5;
const LOW_NIBBLES = 6;
const EVEN_LEFT = 7;
const EVEN_RIGHT = 8;
const ODD_LEFT = 9;
const ODD_RIGHT = 10;
const CARRIED = 11;
const ZEROS = 12;
const NIBBLE = 13;
const VECTORS = NIBBLE - Y + 1;

/**
 * `ghash(table, sum, blocks, count)`: continues the hash of AES-GCM at `sum` with `count` blocks of 16 bytes. `table` is the address of
 * what `ghashTable` made. Sixteen bytes are multiplied at once: a table of products of half bytes is a vector, and picking from a vector
 * is one instruction that takes the same time for all. So neither timing nor memory access depends on keys or data.
 * @see NIST SP 800-38D, section 6.4
 */
export function ghashFunction(): WasmFunction {
  return {
    name: 'ghash',
    parameters: 4,
    integers: 0,
    vectors: VECTORS,
    body: [
      localSet(ZEROS, i8x16Const(Array<number>(BLOCK_BYTES).fill(0))),
      localSet(NIBBLE, i8x16Const(Array<number>(BLOCK_BYTES).fill(0x0f))),
      localSet(Y, v128Load(localGet(SUM), 0)),
      doWhile(
        [
          localSet(Y, v128Xor(localGet(Y), v128Load(localGet(BLOCKS), 0))),
          multiply(),
          reduce(),
          localSet(BLOCKS, i32Add(localGet(BLOCKS), i32Const(BLOCK_BYTES))),
          localSet(COUNT, i32Sub(localGet(COUNT), i32Const(1))),
        ],
        i32GtS(localGet(COUNT), i32Const(0)),
      ),
      v128Store(localGet(SUM), 0, localGet(Y)),
    ],
  };
}

/**
 * The table of a hash key, the encrypted zero block: what each byte of the product of the key and a half byte is.
 * @param hashKey 16 bytes
 * @returns `GHASH_TABLE_SIZE` bytes
 */
export function ghashTable(hashKey: Uint8Array): Uint8Array {
  const table = new Uint8Array(GHASH_TABLE_SIZE);
  for (let at = 0; at < PRODUCT_BYTES; at += 1) {
    const before = hashKey[at - 1] ?? 0;
    const byte = hashKey[at] ?? 0;
    for (let power = 0; power < 8; power += 1) {
      // The key times x^power, which is moving it to the right, since GCM writes the lowest power first.
      const moved = (byte >> power) | (before << (8 - power));
      const half = power < 4 ? 0 : BLOCK_BYTES;
      for (let nibble = 0; nibble < 16; nibble += 1) {
        if (((nibble << (power & 3)) & 8) === 0) continue;
        const entry = at * PRODUCT_BYTE_STRIDE + half + nibble;
        table[entry] = (table[entry] ?? 0) ^ moved;
      }
    }
  }
  return table;
}

/** `xor(texts, stream, count)`: adds `count` blocks of a key stream to a text. */
export function xorFunction(): WasmFunction {
  const [texts, stream, count] = [0, 1, 2];
  return {
    name: 'xor',
    parameters: 3,
    integers: 0,
    vectors: 0,
    body: doWhile(
      [
        v128Store(localGet(texts), 0, v128Xor(v128Load(localGet(texts), 0), v128Load(localGet(stream), 0))),
        localSet(texts, i32Add(localGet(texts), i32Const(BLOCK_BYTES))),
        localSet(stream, i32Add(localGet(stream), i32Const(BLOCK_BYTES))),
        localSet(count, i32Sub(localGet(count), i32Const(1))),
      ],
      i32GtS(localGet(count), i32Const(0)),
    ),
  };
}

/** The 32 bytes of the product of Y and the key, in `EVEN_LEFT` and `EVEN_RIGHT`. */
function multiply(): Code {
  return [
    splitIntoNibbles(Y),
    addUp(PRODUCT_BYTES - 1, EVEN_LEFT, EVEN_RIGHT),
    addUp(PRODUCT_BYTES - 2, ODD_LEFT, ODD_RIGHT),
    localSet(EVEN_RIGHT, v128Xor(localGet(EVEN_RIGHT), movedRight(ODD_LEFT, ODD_RIGHT, 1))),
    localSet(EVEN_LEFT, v128Xor(localGet(EVEN_LEFT), movedRight(ZEROS, ODD_LEFT, 1))),
  ];
}

/**
 * Adds up the products of Y and every other byte of the key, from byte `last` down to the first two: the sum is moved right by two
 * bytes from each to the next.
 */
function addUp(last: number, left: number, right: number): Code {
  const steps: Code[] = [localSet(left, productByte(last)), localSet(right, localGet(ZEROS))];
  for (let at = last - 2; at >= 0; at -= 2) {
    steps.push(
      localSet(right, movedRight(left, right, 2)),
      localSet(left, v128Xor(movedRight(ZEROS, left, 2), productByte(at))),
    );
  }
  return steps;
}

/** Byte `at` of the products of the key and each of the sixteen bytes of Y. */
function productByte(at: number): Code {
  const entry = at * PRODUCT_BYTE_STRIDE;
  return v128Xor(
    i8x16RelaxedSwizzle(v128Load(localGet(TABLE), entry), localGet(HIGH_NIBBLES)),
    i8x16RelaxedSwizzle(v128Load(localGet(TABLE), entry + BLOCK_BYTES), localGet(LOW_NIBBLES)),
  );
}

/**
 * The product modulo `x^128 + x^7 + x^2 + x + 1`, into Y: the right half times `1 + x + x^2 + x^7` is added to the left half, and what
 * that carries out of it on the right, less than a byte, once more.
 */
function reduce(): Code {
  return [
    splitIntoNibbles(EVEN_RIGHT),
    foldInto(EVEN_LEFT, EVEN_LEFT),
    localSet(
      CARRIED,
      i8x16Shuffle(localGet(CARRIED), localGet(ZEROS), [BLOCK_BYTES - 1, ...Array<number>(BLOCK_BYTES - 1).fill(16)]),
    ),
    splitIntoNibbles(CARRIED),
    foldInto(EVEN_LEFT, Y),
  ];
}

/** Adds the bytes that were split, times `1 + x + x^2 + x^7`, to `sum`. A product has two bytes; the second ones stay in `CARRIED`. */
function foldInto(sum: number, result: number): Code {
  const first = (byte: number): number => byte ^ (byte >> 1) ^ (byte >> 2) ^ (byte >> 7);
  const second = (byte: number): number => ((byte << 7) ^ (byte << 6) ^ (byte << 1)) & 0xff;
  return [
    localSet(CARRIED, ofNibbles(second)),
    localSet(result, v128Xor(v128Xor(localGet(sum), ofNibbles(first)), movedRight(ZEROS, CARRIED, 1))),
  ];
}

/** A linear function of each of the bytes that were split. */
function ofNibbles(linear: (byte: number) => number): Code {
  const table = (shift: number): Code => i8x16Const(Array.from({ length: 16 }, (_, nibble) => linear(nibble << shift)));
  return v128Xor(
    i8x16RelaxedSwizzle(table(4), localGet(HIGH_NIBBLES)),
    i8x16RelaxedSwizzle(table(0), localGet(LOW_NIBBLES)),
  );
}

function splitIntoNibbles(vector: number): Code {
  return [
    localSet(HIGH_NIBBLES, v128And(i32x4ShrU(localGet(vector), 4), localGet(NIBBLE))),
    localSet(LOW_NIBBLES, v128And(localGet(vector), localGet(NIBBLE))),
  ];
}

/** Sixteen bytes of the 32 in `left` and `right`, from `bytes` before `right` on. */
function movedRight(left: number, right: number, bytes: number): Code {
  return i8x16Shuffle(
    localGet(left),
    localGet(right),
    Array.from({ length: BLOCK_BYTES }, (_, i) => BLOCK_BYTES - bytes + i),
  );
}
