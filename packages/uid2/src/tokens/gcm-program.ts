import {
  doWhile,
  i32Add,
  i32Const,
  i32GtS,
  i32Or,
  i32Shl,
  i32ShrU,
  i32Store,
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

/** Where things lie in the memory of the programs. */
export interface GcmLayout {
  /** The `ghashTable` of the key. */
  readonly table: number;
  /** The text, with room for two blocks more. */
  readonly text: number;
  /** The key stream: the block that hides the tag, then those of the text. */
  readonly stream: number;
  /** 16 bytes: the difference between the tag of a message that was opened and the one that came with it. */
  readonly difference: number;
}

// Parameter of both functions: bytes of the text.
const LENGTH = 0;
const PARAMETERS = 1;

// Integer locals. The blocks of a text are whole ones and the one that it begins.
const BLOCKS = PARAMETERS;
const AT = BLOCKS + 1;
const COUNT = BLOCKS + 2;
const INTEGERS = 3;

// Vector locals. A product has 32 bytes: left and right are its halves, those of even and odd bytes of the key are added up on their own.
const Y = PARAMETERS + INTEGERS;
const HIGH_NIBBLES = Y + 1;
const LOW_NIBBLES = Y + 2;
const EVEN_LEFT = Y + 3;
const EVEN_RIGHT = Y + 4;
const ODD_LEFT = Y + 5;
const ODD_RIGHT = Y + 6;
const CARRIED = Y + 7;
const ZEROS = Y + 8;
const NIBBLE = Y + 9;
const RECEIVED = Y + 10;
const VECTORS = RECEIVED - Y + 1;

/**
 * AES-GCM around a key stream that is there already, for one text in memory, of less than 8 KiB. `seal(length)` encrypts it and puts the
 * tag behind it. `open(length)` is for a text with its tag behind it: it decrypts and says in `difference` by which bits the tag is not
 * the right one.
 *
 * GHASH multiplies sixteen bytes at once: a table of products of half bytes is a vector, and picking from a vector is one instruction that
 * takes the same time for all. So neither timing nor memory access depends on keys or data.
 * @see NIST SP 800-38D, sections 6.4 and 7
 */
export function gcmFunctions(layout: GcmLayout): readonly WasmFunction[] {
  const { text, stream, difference } = layout;
  const addTagStream = localSet(Y, v128Xor(localGet(Y), v128Load(i32Const(0), stream)));
  const countBlocks = localSet(BLOCKS, i32ShrU(i32Add(localGet(LENGTH), i32Const(BLOCK_BYTES - 1)), 4));
  const sealing: Code = [
    countBlocks,
    addStream(layout),
    hash(layout),
    addTagStream,
    v128Store(localGet(LENGTH), text, localGet(Y)),
  ];
  const opening: Code = [
    countBlocks,
    localSet(RECEIVED, v128Load(localGet(LENGTH), text)),
    hash(layout),
    addTagStream,
    v128Store(i32Const(0), difference, v128Xor(localGet(Y), localGet(RECEIVED))),
    addStream(layout),
  ];
  const common = { parameters: PARAMETERS, integers: INTEGERS, vectors: VECTORS };
  return [
    { name: 'seal', ...common, body: sealing },
    { name: 'open', ...common, body: opening },
  ];
}

/** Adds the key stream to the text and, when there is none, to the block after it, which nobody needs. */
function addStream({ text, stream }: GcmLayout): Code {
  const sum = v128Xor(v128Load(localGet(AT), text), v128Load(localGet(AT), stream + BLOCK_BYTES));
  return [
    localSet(AT, i32Const(0)),
    localSet(COUNT, localGet(BLOCKS)),
    doWhile(
      [
        v128Store(localGet(AT), text, sum),
        localSet(AT, i32Add(localGet(AT), i32Const(BLOCK_BYTES))),
        localSet(COUNT, i32Sub(localGet(COUNT), i32Const(1))),
      ],
      i32GtS(localGet(COUNT), i32Const(0)),
    ),
  ];
}

/** The hash of the text, of zeros up to a whole block, and of its length, into Y. */
function hash({ table, text }: GcmLayout): Code {
  // In bits and big-endian.
  const lengthWord = i32Or(i32Shl(i32ShrU(localGet(LENGTH), 5), 16), i32Shl(localGet(LENGTH), 27));
  return [
    localSet(ZEROS, i8x16Const(Array<number>(BLOCK_BYTES).fill(0))),
    localSet(NIBBLE, i8x16Const(Array<number>(BLOCK_BYTES).fill(0x0f))),
    localSet(Y, localGet(ZEROS)),
    v128Store(localGet(LENGTH), text, localGet(ZEROS)),
    localSet(AT, i32Shl(localGet(BLOCKS), 4)),
    v128Store(localGet(AT), text, localGet(ZEROS)),
    i32Store(localGet(AT), text + BLOCK_BYTES - 4, lengthWord),
    localSet(AT, i32Const(0)),
    localSet(COUNT, i32Add(localGet(BLOCKS), i32Const(1))),
    doWhile(
      [
        localSet(Y, v128Xor(localGet(Y), v128Load(localGet(AT), text))),
        multiply(table),
        reduce(),
        localSet(AT, i32Add(localGet(AT), i32Const(BLOCK_BYTES))),
        localSet(COUNT, i32Sub(localGet(COUNT), i32Const(1))),
      ],
      i32GtS(localGet(COUNT), i32Const(0)),
    ),
  ];
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

/** The 32 bytes of the product of Y and the key, in `EVEN_LEFT` and `EVEN_RIGHT`. */
function multiply(table: number): Code {
  return [
    splitIntoNibbles(Y),
    addUp(table, PRODUCT_BYTES - 1, EVEN_LEFT, EVEN_RIGHT),
    addUp(table, PRODUCT_BYTES - 2, ODD_LEFT, ODD_RIGHT),
    localSet(EVEN_RIGHT, v128Xor(localGet(EVEN_RIGHT), movedRight(ODD_LEFT, ODD_RIGHT, 1))),
    localSet(EVEN_LEFT, v128Xor(localGet(EVEN_LEFT), movedRight(ZEROS, ODD_LEFT, 1))),
  ];
}

/**
 * Adds up the products of Y and every other byte of the key, from byte `last` down to the first two: the sum is moved right by two
 * bytes from each to the next.
 */
function addUp(table: number, last: number, left: number, right: number): Code {
  const steps: Code[] = [localSet(left, productByte(table, last)), localSet(right, localGet(ZEROS))];
  for (let at = last - 2; at >= 0; at -= 2) {
    steps.push(
      localSet(right, movedRight(left, right, 2)),
      localSet(left, v128Xor(movedRight(ZEROS, left, 2), productByte(table, at))),
    );
  }
  return steps;
}

/** Byte `at` of the products of the key and each of the sixteen bytes of Y. */
function productByte(table: number, at: number): Code {
  const entry = table + at * PRODUCT_BYTE_STRIDE;
  return v128Xor(
    i8x16RelaxedSwizzle(v128Load(i32Const(0), entry), localGet(HIGH_NIBBLES)),
    i8x16RelaxedSwizzle(v128Load(i32Const(0), entry + BLOCK_BYTES), localGet(LOW_NIBBLES)),
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
