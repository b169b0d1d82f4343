import {
  doWhile,
  i32Add,
  i32Const,
  i32GtS,
  i32Shl,
  i32Sub,
  i32x4Add,
  i32x4Const,
  i32x4Shl,
  i32x4ShrU,
  i8x16Shuffle,
  localGet,
  localSet,
  v128And,
  v128Load,
  v128Load32Splat,
  v128Or,
  v128Store,
  v128Xor,
} from '../wasm/instructions.ts';
import type { Code, WasmFunction } from '../wasm/module-writer.ts';

/** FIPS 180-4 section 4.2.2: 32 bits of the fractional parts of the cube roots of the first 64 primes. */
export const ROUND_CONSTANTS: readonly number[] = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
];

/** FIPS 180-4 section 5.3.3: the same of the square roots of the first eight primes. */
const INITIAL_STATE: readonly number[] = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const LANES = 4;

// Parameters.
const MESSAGES = 0;
const STRIDE = 1;
const BLOCKS = 2;
const DIGESTS = 3;
const COUNT = 4;
const PARAMETERS = 5;

// Integer locals.
const BLOCK = 5;
const BLOCKS_LEFT = 6;
const MESSAGE = 7;
const INTEGERS = 3;

// Vector locals: the state before a block, the working variables a to h, the last sixteen words of the schedule.
const STATE = PARAMETERS + INTEGERS;
const WORKING = STATE + 8;
const WORDS = WORKING + 8;
const TEMPORARY = WORDS + 16;
const VECTORS = 8 + 8 + 16 + 1;

/** Picks that turn the bytes of each 32-bit lane around: SHA-256 is big-endian, WebAssembly little-endian. */
const BYTE_SWAP = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];
const LOW_WORDS = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
const HIGH_WORDS = [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31];
const LOW_PAIRS = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_PAIRS = [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31];

/**
 * `sha256(messages, stride, blocks, digests, count)`: the digests of `count` messages, four at a time, one in each lane of
 * the vectors. Messages start every `stride` bytes from address `messages` on, each padded by the caller to the same
 * `blocks` blocks; digests go, 32 bytes each, to `digests` on. Counts are rounded up to fours, so both areas need that
 * much room.
 * @param constants The address of the 64 round constants.
 * @see FIPS 180-4, Secure Hash Standard, section 6.2
 */
export function sha256Function(constants: number): WasmFunction {
  return {
    name: 'sha256',
    parameters: PARAMETERS,
    integers: INTEGERS,
    vectors: VECTORS,
    body: doWhile(
      [
        INITIAL_STATE.map((word, i) => localSet(STATE + i, i32x4Const(word))),
        localSet(BLOCK, localGet(MESSAGES)),
        localSet(BLOCKS_LEFT, localGet(BLOCKS)),
        doWhile(
          [
            loadBlock(),
            copyLocals(STATE, WORKING),
            Array.from({ length: 64 }, (_, round) => [
              round < 16 ? [] : extendSchedule(round),
              oneRound(round, constants),
            ]),
            Array.from({ length: 8 }, (_, i) =>
              localSet(STATE + i, i32x4Add(localGet(STATE + i), localGet(WORKING + i))),
            ),
            localSet(BLOCK, i32Add(localGet(BLOCK), i32Const(BLOCK_BYTES))),
            localSet(BLOCKS_LEFT, i32Sub(localGet(BLOCKS_LEFT), i32Const(1))),
          ],
          localGet(BLOCKS_LEFT),
        ),
        storeDigests(),
        localSet(MESSAGES, i32Add(localGet(MESSAGES), i32Shl(localGet(STRIDE), 2))),
        localSet(DIGESTS, i32Add(localGet(DIGESTS), i32Const(LANES * DIGEST_BYTES))),
        localSet(COUNT, i32Sub(localGet(COUNT), i32Const(LANES))),
      ],
      i32GtS(localGet(COUNT), i32Const(0)),
    ),
  };
}

/** Reads the current block of four messages so that word `i` of all of them lies in vector `WORDS + i`. */
function loadBlock(): Code {
  return [
    localSet(MESSAGE, localGet(BLOCK)),
    Array.from({ length: LANES }, (_, lane) => [
      // Lane after lane: quarter `q` of message `lane` waits in the vector that its first word will have in the end.
      [0, 1, 2, 3].map((quarter) => localSet(WORDS + quarter * 4 + lane, v128Load(localGet(MESSAGE), quarter * 16))),
      localSet(MESSAGE, i32Add(localGet(MESSAGE), localGet(STRIDE))),
    ]),
    [0, 1, 2, 3].map((quarter) => [
      transpose(WORDS + quarter * 4),
      [0, 1, 2, 3].map((i) => swapBytes(WORDS + quarter * 4 + i)),
    ]),
  ];
}

/** Turns the state back into four digests and stores them. */
function storeDigests(): Code {
  return [0, 4].map((half) => [
    transpose(STATE + half),
    Array.from({ length: LANES }, (_, lane) => [
      swapBytes(STATE + half + lane),
      v128Store(localGet(DIGESTS), lane * DIGEST_BYTES + half * 4, localGet(STATE + half + lane)),
    ]),
  ]);
}

/** Transposes the 4 × 4 words of four vectors, using the working variables, which are free at those times. */
function transpose(first: number): Code {
  const [a, b, c, d] = [first, first + 1, first + 2, first + 3];
  const [ab, cd, abHigh, cdHigh] = [WORKING, WORKING + 1, WORKING + 2, WORKING + 3];
  return [
    localSet(ab, i8x16Shuffle(localGet(a), localGet(b), LOW_WORDS)),
    localSet(cd, i8x16Shuffle(localGet(c), localGet(d), LOW_WORDS)),
    localSet(abHigh, i8x16Shuffle(localGet(a), localGet(b), HIGH_WORDS)),
    localSet(cdHigh, i8x16Shuffle(localGet(c), localGet(d), HIGH_WORDS)),
    localSet(a, i8x16Shuffle(localGet(ab), localGet(cd), LOW_PAIRS)),
    localSet(b, i8x16Shuffle(localGet(ab), localGet(cd), HIGH_PAIRS)),
    localSet(c, i8x16Shuffle(localGet(abHigh), localGet(cdHigh), LOW_PAIRS)),
    localSet(d, i8x16Shuffle(localGet(abHigh), localGet(cdHigh), HIGH_PAIRS)),
  ];
}

function swapBytes(local: number): Code {
  return localSet(local, i8x16Shuffle(localGet(local), localGet(local), BYTE_SWAP));
}

function copyLocals(from: number, to: number): Code {
  return Array.from({ length: 8 }, (_, i) => localSet(to + i, localGet(from + i)));
}

/** Word `round` of the schedule replaces the word sixteen before it. */
function extendSchedule(round: number): Code {
  const word = (back: number): number => WORDS + ((round - back) & 15);
  const s0 = v128Xor(v128Xor(rotateRight(word(15), 7), rotateRight(word(15), 18)), i32x4ShrU(localGet(word(15)), 3));
  const s1 = v128Xor(v128Xor(rotateRight(word(2), 17), rotateRight(word(2), 19)), i32x4ShrU(localGet(word(2)), 10));
  return localSet(word(16), i32x4Add(i32x4Add(localGet(word(16)), s0), i32x4Add(localGet(word(7)), s1)));
}

/** One round. Instead of moving all eight working variables by one, the next round counts them from another start. */
function oneRound(round: number, constants: number): Code {
  const variable = (i: number): number => WORKING + ((i - round) & 7);
  const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(variable) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const choice = v128Xor(localGet(g), v128And(localGet(e), v128Xor(localGet(f), localGet(g))));
  const majority = v128Xor(v128And(v128Xor(localGet(a), localGet(b)), v128Xor(localGet(b), localGet(c))), localGet(b));
  const sum1 = v128Xor(v128Xor(rotateRight(e, 6), rotateRight(e, 11)), rotateRight(e, 25));
  const sum0 = v128Xor(v128Xor(rotateRight(a, 2), rotateRight(a, 13)), rotateRight(a, 22));
  const wordAndConstant = i32x4Add(v128Load32Splat(i32Const(0), constants + round * 4), localGet(WORDS + (round & 15)));
  return [
    localSet(TEMPORARY, i32x4Add(i32x4Add(i32x4Add(localGet(h), wordAndConstant), choice), sum1)),
    localSet(d, i32x4Add(localGet(d), localGet(TEMPORARY))),
    localSet(h, i32x4Add(i32x4Add(localGet(TEMPORARY), sum0), majority)),
  ];
}

function rotateRight(local: number, bits: number): Code {
  return v128Or(i32x4ShrU(localGet(local), bits), i32x4Shl(localGet(local), 32 - bits));
}
