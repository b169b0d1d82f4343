import {
  doWhile,
  i32Add,
  i32Const,
  i32GtS,
  i32Sub,
  i64And,
  i64ConstTwice,
  i64Mul,
  i64Or,
  i64Shl,
  i64ShrU,
  i64x2,
  i64x2ExtractLane,
  i64Xor,
  i8x16Shuffle,
  localGet,
  localSet,
  v128Load,
  v128Store,
  v128Xor,
} from '../wasm/instructions.ts';
import type { Code, WasmFunction } from '../wasm/module-writer.ts';

const BLOCK_BYTES = 16;

// Parameters of `ghash`.
const KEY = 0;
const SUM = 1;
const BLOCKS = 2;
const COUNT = 3;

// Locals. A block is two words, the first eight bytes of it the high one; `R` marks words with their bits in reverse order.
const VECTOR = 4;
const [H0, H1, H2, H0R, H1R, H2R] = words(5);
const [Y0, Y1, Y2, Y0R, Y1R, Y2R] = words(11);
const [Z0, Z1, Z2, Z0H, Z1H, Z2H] = words(17);
const A_PARTS = 23;
const B_PARTS = 27;
const PART = 31;
const LONGS = PART - H0 + 1;

/** Every fourth bit, from bit 0, 1, 2 and 3 on. */
const EVERY_FOURTH = [0x11111111, 0x22222222, 0x44444444, 0x88888888].map(i64ConstTwice);

/**
 * `ghash(key, sum, blocks, count)`: continues the hash of AES-GCM at `sum` with `count` blocks of 16 bytes. Products without
 * carries come from ordinary multiplications of numbers in which three of four bits are zero, so that no carry reaches the
 * next bit that counts, and no table is read: neither timing nor memory access depends on keys or data.
 * @see NIST SP 800-38D, section 6.4
 */
export function ghashFunction(): WasmFunction {
  return {
    name: 'ghash',
    parameters: 4,
    integers: 0,
    vectors: 1,
    longs: LONGS,
    body: [
      loadWords(KEY, H1, H0),
      reversedAndSum(H0, H1, H2, H0R, H1R, H2R),
      loadWords(SUM, Y1, Y0),
      doWhile(
        [
          addBlock(),
          reversedAndSum(Y0, Y1, Y2, Y0R, Y1R, Y2R),
          multiply(),
          reduce(),
          localSet(BLOCKS, i32Add(localGet(BLOCKS), i32Const(BLOCK_BYTES))),
          localSet(COUNT, i32Sub(localGet(COUNT), i32Const(1))),
        ],
        i32GtS(localGet(COUNT), i32Const(0)),
      ),
      v128Store(localGet(SUM), 0, reverseBytes(i64x2(localGet(Y0), localGet(Y1)))),
    ],
  };
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

function words(first: number): readonly [number, number, number, number, number, number] {
  return [first, first + 1, first + 2, first + 3, first + 4, first + 5];
}

function loadWords(address: number, high: number, low: number): Code {
  return [
    localSet(VECTOR, reverseBytes(v128Load(localGet(address), 0))),
    localSet(low, i64x2ExtractLane(localGet(VECTOR), 0)),
    localSet(high, i64x2ExtractLane(localGet(VECTOR), 1)),
  ];
}

function reverseBytes(block: Code): Code {
  return i8x16Shuffle(
    block,
    block,
    Array.from({ length: BLOCK_BYTES }, (_, i) => BLOCK_BYTES - 1 - i),
  );
}

function addBlock(): Code {
  return [
    localSet(VECTOR, reverseBytes(v128Load(localGet(BLOCKS), 0))),
    xorInto(Y0, i64x2ExtractLane(localGet(VECTOR), 0)),
    xorInto(Y1, i64x2ExtractLane(localGet(VECTOR), 1)),
  ];
}

function reversedAndSum(w0: number, w1: number, w2: number, w0r: number, w1r: number, w2r: number): Code {
  return [
    localSet(w0r, localGet(w0)),
    reverseBits(w0r),
    localSet(w1r, localGet(w1)),
    reverseBits(w1r),
    localSet(w2, i64Xor(localGet(w0), localGet(w1))),
    localSet(w2r, i64Xor(localGet(w0r), localGet(w1r))),
  ];
}

/** The 256 bits of `y * h` in four words, by Karatsuba's three products; those of reversed words give the high halves. */
function multiply(): Code {
  return [
    carryless(Y0, H0, Z0),
    carryless(Y1, H1, Z1),
    carryless(Y2, H2, Z2),
    carryless(Y0R, H0R, Z0H),
    carryless(Y1R, H1R, Z1H),
    carryless(Y2R, H2R, Z2H),
    xorInto(Z2, i64Xor(localGet(Z0), localGet(Z1))),
    xorInto(Z2H, i64Xor(localGet(Z0H), localGet(Z1H))),
    [Z0H, Z1H, Z2H].map((word) => [reverseBits(word), localSet(word, i64ShrU(localGet(word), 1))]),
  ];
}

/** The low 64 bits of a product without carries. */
function carryless(a: number, b: number, out: number): Code {
  const part = (i: number, j: number): Code => i64Mul(localGet(A_PARTS + i), localGet(B_PARTS + j));
  return [
    EVERY_FOURTH.map((mask, i) => [
      localSet(A_PARTS + i, i64And(localGet(a), mask)),
      localSet(B_PARTS + i, i64And(localGet(b), mask)),
    ]),
    EVERY_FOURTH.map((mask, k) => {
      const [first, second, third, fourth] = [0, 1, 2, 3].map((i) => part(i, (k - i) & 3)) as [Code, Code, Code, Code];
      const sum = i64And(i64Xor(i64Xor(first, second), i64Xor(third, fourth)), mask);
      return localSet(out, k === 0 ? sum : i64Or(localGet(out), sum));
    }),
  ];
}

/**
 * The product modulo `x^128 + x^7 + x^2 + x + 1`, into Y. GCM writes polynomials with the lowest power first, so the product
 * stands one bit too low.
 */
function reduce(): Code {
  const [v0, v1, v2, v3] = [Z0, Y2, Z1, Z1H];
  return [
    localSet(v1, i64Xor(localGet(Z0H), localGet(Z2))),
    xorInto(v2, localGet(Z2H)),
    shiftIn(v3, v2),
    shiftIn(v2, v1),
    shiftIn(v1, v0),
    localSet(v0, i64Shl(localGet(v0), 1)),
    fold(v0, v2, v1),
    fold(v1, v3, v2),
    localSet(Y0, localGet(v2)),
    localSet(Y1, localGet(v3)),
  ];
}

function shiftIn(word: number, lower: number): Code {
  return localSet(word, i64Or(i64Shl(localGet(word), 1), i64ShrU(localGet(lower), 63)));
}

/** Takes the lowest word out of a product: what it stands for is added 128 bits higher, partly one word below that. */
function fold(word: number, high: number, low: number): Code {
  const times = (shift: (a: Code, bits: number) => Code, bits: readonly number[]): Code =>
    bits.map((n) => shift(localGet(word), n)).reduce((a, b) => i64Xor(a, b));
  return [xorInto(high, i64Xor(localGet(word), times(i64ShrU, [1, 2, 7]))), xorInto(low, times(i64Shl, [63, 62, 57]))];
}

function xorInto(local: number, value: Code): Code {
  return localSet(local, i64Xor(localGet(local), value));
}

function reverseBits(local: number): Code {
  const steps: readonly (readonly [number, number])[] = [
    [1, 0x55555555],
    [2, 0x33333333],
    [4, 0x0f0f0f0f],
    [8, 0x00ff00ff],
    [16, 0x0000ffff],
  ];
  return [
    steps.map(([bits, pattern]) => {
      const mask = i64ConstTwice(pattern);
      return localSet(
        local,
        i64Or(i64Shl(i64And(localGet(local), mask), bits), i64And(i64ShrU(localGet(local), bits), mask)),
      );
    }),
    localSet(local, i64Or(i64Shl(localGet(local), 32), i64ShrU(localGet(local), 32))),
  ];
}
