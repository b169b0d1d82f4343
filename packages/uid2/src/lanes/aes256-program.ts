import {
  doWhile,
  i32Add,
  i32Const,
  i32GtS,
  i32Sub,
  i32x4Const,
  i32x4Shl,
  i32x4ShrU,
  i8x16Shuffle,
  localGet,
  localSet,
  v128And,
  v128Load,
  v128Not,
  v128Or,
  v128Store,
  v128Xor,
} from '../wasm/instructions.ts';
import type { Code, WasmFunction } from '../wasm/module-writer.ts';

const KEY_BYTES = 32;
const BLOCK_BYTES = 16;
const LANES = 8;

// Parameters.
const KEYS = 0;
const BLOCKS = 1;
const OUTPUTS = 2;
const COUNT = 3;
const PARAMETERS = 4;

// Integer local: where the round constants of the next key are.
const CONSTANTS = 4;
const INTEGERS = 1;

// Vector locals. Plane `i` of eight blocks holds bit `i` (0 the lowest) of each of their bytes: byte `p` of the plane has
// one bit for each block's byte `p`. Every gate below therefore works on all 128 bytes at once, in constant time.
const STATE = PARAMETERS + INTEGERS;
const EVEN_KEY = STATE + 8;
const ODD_KEY = EVEN_KEY + 8;
const SUBSTITUTED = ODD_KEY + 8;
const WIRES = SUBSTITUTED + 8;

/**
 * The AES S-box as a circuit of 32 AND, 79 XOR and 4 XNOR gates, one `out = a op b` each. `x0` to `x7` are the bits of the
 * input and `s0` to `s7` those of the output, the highest first.
 * @see Boyar and Peralta, "A small depth-16 circuit for the AES S-box", 2011
 */
const S_BOX = `
  y14=x3^x5 y13=x0^x6 y9=x0^x3 y8=x0^x5 t0=x1^x2 y1=t0^x7 y4=y1^x3 y12=y13^y14 y2=y1^x0 y5=y1^x6 y3=y5^y8 t1=x4^y12
  y15=t1^x5 y20=t1^x1 y6=y15^x7 y10=y15^t0 y11=y20^y9 y7=x7^y11 y17=y10^y11 y19=y10^y8 y16=t0^y11 y21=y13^y16 y18=x0^y16
  t2=y12&y15 t3=y3&y6 t4=t3^t2 t5=y4&x7 t6=t5^t2 t7=y13&y16 t8=y5&y1 t9=t8^t7 t10=y2&y7 t11=t10^t7 t12=y9&y11 t13=y14&y17
  t14=t13^t12 t15=y8&y10 t16=t15^t12 t17=t4^t14 t18=t6^t16 t19=t9^t14 t20=t11^t16 t21=t17^y20 t22=t18^y19 t23=t19^y21
  t24=t20^y18 t25=t21^t22 t26=t21&t23 t27=t24^t26 t28=t25&t27 t29=t28^t22 t30=t23^t24 t31=t22^t26 t32=t31&t30 t33=t32^t24
  t34=t23^t33 t35=t27^t33 t36=t24&t35 t37=t36^t34 t38=t27^t36 t39=t29&t38 t40=t25^t39 t41=t40^t37 t42=t29^t33 t43=t29^t40
  t44=t33^t37 t45=t42^t41 z0=t44&y15 z1=t37&y6 z2=t33&x7 z3=t43&y16 z4=t40&y1 z5=t29&y7 z6=t42&y11 z7=t45&y17 z8=t41&y10
  z9=t44&y12 z10=t37&y3 z11=t33&y4 z12=t43&y13 z13=t40&y5 z14=t29&y2 z15=t42&y9 z16=t45&y14 z17=t41&y8
  t46=z15^z16 t47=z10^z11 t48=z5^z13 t49=z9^z10 t50=z2^z12 t51=z2^z5 t52=z7^z8 t53=z0^z3 t54=z6^z7 t55=z16^z17 t56=z12^t48
  t57=t50^t53 t58=z4^t46 t59=z3^t54 t60=t46^t57 t61=z14^t57 t62=t52^t58 t63=t49^t58 t64=z4^t59 t65=t61^t62 t66=z1^t63
  s0=t59^t63 s6=t56~t62 s7=t48~t60 t67=t64^t65 s3=t53^t66 s4=t51^t66 s5=t47^t65 s1=t64~s3 s2=t55~t67
`
  .trim()
  .split(/\s+/)
  .map((gate) => /^(\w+)=(\w+)([\^&~])(\w+)$/.exec(gate)?.slice(1) as [string, string, '^' | '&' | '~', string]);

const WIRE_NAMES: readonly string[] = S_BOX.map(([out]) => out).filter((name) => !name.startsWith('s'));

const VECTORS = 8 + 8 + 8 + 8 + WIRE_NAMES.length;

/** Byte `4 * column + row` of a block comes from the column `row` places to the right. */
const SHIFT_ROWS = positions((column, row) => 4 * ((column + row) & 3) + row);
/** The last column of a key, turned up by one byte, in every column. */
const ROTATED_LAST_COLUMN = positions((_column, row) => 12 + ((row + 1) & 3));
const LAST_COLUMN = positions((_column, row) => 12 + row);
/** The column before, or two before; 16 picks a zero. */
const COLUMN_BEFORE = positions((column, row) => (column >= 1 ? 4 * (column - 1) + row : 16));
const TWO_COLUMNS_BEFORE = positions((column, row) => (column >= 2 ? 4 * (column - 2) + row : 16));

const DOUBLE_ROUNDS = 7;
/** The bytes of `aes256RoundConstants()`. */
const CONSTANTS_PER_KEY = 8 * BLOCK_BYTES;

/** The round constants 1, 2, 4, … 64 as planes: they go to the first byte of every column of all eight blocks. */
export function aes256RoundConstants(): Uint8Array {
  const planes = new Uint8Array(DOUBLE_ROUNDS * CONSTANTS_PER_KEY);
  for (let round = 0; round < DOUBLE_ROUNDS; round += 1) {
    const plane = round * CONSTANTS_PER_KEY + round * BLOCK_BYTES;
    for (let column = 0; column < 4; column += 1) planes[plane + 4 * column] = 0xff;
  }
  return planes;
}

/**
 * `aes256(keys, blocks, outputs, count)`: encrypts `count` blocks of 16 bytes, each under a key of its own of 32 bytes, all
 * of them one after the other in memory. Counts are rounded up to eights, so the three areas need that much room. Eight
 * blocks go through the cipher side by side, bit by bit ("bit-sliced"), so that neither timing nor memory access depends on
 * keys or data.
 * @param constants The address of `aes256RoundConstants()`.
 * @see FIPS 197, Advanced Encryption Standard
 */
export function aes256Function(constants: number): WasmFunction {
  const evenRound = [expandEvenKey(), substitute(STATE, STATE)];
  return {
    name: 'aes256',
    parameters: PARAMETERS,
    integers: INTEGERS,
    vectors: VECTORS,
    body: doWhile(
      [
        loadPlanes(EVEN_KEY, KEYS, 0, KEY_BYTES),
        loadPlanes(ODD_KEY, KEYS, BLOCK_BYTES, KEY_BYTES),
        loadPlanes(STATE, BLOCKS, 0, BLOCK_BYTES),
        addKey(EVEN_KEY),
        localSet(CONSTANTS, i32Const(constants)),
        doWhile(
          [oddRound(), evenRound, shiftAndMix(), addKey(EVEN_KEY), expandOddKey()],
          // The seventh of the double rounds is the one below.
          i32GtS(i32Const(constants + (DOUBLE_ROUNDS - 1) * CONSTANTS_PER_KEY), localGet(CONSTANTS)),
        ),
        oddRound(),
        evenRound,
        eachPlane((i) => localSet(STATE + i, pick(STATE + i, SHIFT_ROWS))),
        addKey(EVEN_KEY),
        storePlanes(),
        localSet(KEYS, i32Add(localGet(KEYS), i32Const(LANES * KEY_BYTES))),
        localSet(BLOCKS, i32Add(localGet(BLOCKS), i32Const(LANES * BLOCK_BYTES))),
        localSet(OUTPUTS, i32Add(localGet(OUTPUTS), i32Const(LANES * BLOCK_BYTES))),
        localSet(COUNT, i32Sub(localGet(COUNT), i32Const(LANES))),
      ],
      i32GtS(localGet(COUNT), i32Const(0)),
    ),
  };
}

function oddRound(): Code {
  return [substitute(STATE, STATE), shiftAndMix(), addKey(ODD_KEY)];
}

function addKey(key: number): Code {
  return eachPlane((i) => localSet(STATE + i, v128Xor(localGet(STATE + i), localGet(key + i))));
}

/** SubBytes. */
function substitute(input: number, output: number): Code {
  const local = (wire: string): number => {
    const number = Number(wire.slice(1));
    if (wire.startsWith('x')) return input + 7 - number;
    return wire.startsWith('s') ? SUBSTITUTED + 7 - number : WIRES + WIRE_NAMES.indexOf(wire);
  };
  return [
    S_BOX.map(([out, a, gate, b]) => {
      const [left, right] = [localGet(local(a)), localGet(local(b))];
      if (gate === '&') return localSet(local(out), v128And(left, right));
      return localSet(local(out), gate === '^' ? v128Xor(left, right) : v128Not(v128Xor(left, right)));
    }),
    output === SUBSTITUTED ? [] : eachPlane((i) => localSet(output + i, localGet(SUBSTITUTED + i))),
  ];
}

/** ShiftRows and MixColumns: a byte becomes `2 (a ^ b) ^ b ^ c ^ d`, where b, c and d are below it in its column. */
function shiftAndMix(): Code {
  const [shifted, below, sums] = [WIRES, WIRES + 8, WIRES + 16];
  return [
    eachPlane((i) => [
      localSet(shifted + i, pick(STATE + i, SHIFT_ROWS)),
      localSet(below + i, rotateColumns(shifted + i, 8)),
      localSet(sums + i, v128Xor(localGet(shifted + i), localGet(below + i))),
    ]),
    eachPlane((i) => {
      // Doubling in the field moves every bit up by one and folds the highest back by 0x1b.
      const doubled = i === 0 ? localGet(sums + 7) : localGet(sums + i - 1);
      const folded = i === 1 || i === 3 || i === 4 ? v128Xor(doubled, localGet(sums + 7)) : doubled;
      return localSet(STATE + i, v128Xor(v128Xor(folded, localGet(below + i)), rotateColumns(sums + i, 16)));
    }),
  ];
}

/** The next round key of an even number from the two before it. */
function expandEvenKey(): Code {
  return [
    substitute(ODD_KEY, SUBSTITUTED),
    eachPlane((i) => [
      addEarlierColumns(EVEN_KEY + i),
      localSet(EVEN_KEY + i, v128Xor(localGet(EVEN_KEY + i), pick(SUBSTITUTED + i, ROTATED_LAST_COLUMN))),
      localSet(EVEN_KEY + i, v128Xor(localGet(EVEN_KEY + i), v128Load(localGet(CONSTANTS), i * BLOCK_BYTES))),
    ]),
    localSet(CONSTANTS, i32Add(localGet(CONSTANTS), i32Const(CONSTANTS_PER_KEY))),
  ];
}

/** The next round key of an odd number from the two before it. */
function expandOddKey(): Code {
  return [
    substitute(EVEN_KEY, SUBSTITUTED),
    eachPlane((i) => [
      addEarlierColumns(ODD_KEY + i),
      localSet(ODD_KEY + i, v128Xor(localGet(ODD_KEY + i), pick(SUBSTITUTED + i, LAST_COLUMN))),
    ]),
  ];
}

/** Every column of a key plane becomes the sum of itself and all before it. */
function addEarlierColumns(plane: number): Code {
  const zeros = i32x4Const(0);
  return [
    localSet(plane, v128Xor(localGet(plane), i8x16Shuffle(localGet(plane), zeros, COLUMN_BEFORE))),
    localSet(plane, v128Xor(localGet(plane), i8x16Shuffle(localGet(plane), zeros, TWO_COLUMNS_BEFORE))),
  ];
}

/** Reads eight times 16 bytes, every `stride` bytes, as planes. */
function loadPlanes(planes: number, pointer: number, offset: number, stride: number): Code {
  return [
    eachPlane((i) => localSet(planes + i, v128Load(localGet(pointer), offset + i * stride))),
    transposeBits(planes),
  ];
}

function storePlanes(): Code {
  return [transposeBits(STATE), eachPlane((i) => v128Store(localGet(OUTPUTS), i * BLOCK_BYTES, localGet(STATE + i)))];
}

/** Transposes the 8 × 8 bits that the same bytes of eight vectors make. Doing it twice changes nothing. */
function transposeBits(first: number): Code {
  const steps = [
    { distance: 1, bits: 1, mask: 0x55555555 },
    { distance: 2, bits: 2, mask: 0x33333333 },
    { distance: 4, bits: 4, mask: 0x0f0f0f0f },
  ];
  return steps.map(({ distance, bits, mask }) =>
    eachPlane((i) => ((i & distance) === 0 ? swapBits(first + i, first + i + distance, bits, mask) : [])),
  );
}

/** Exchanges the bits of `b` under the mask with those of `a` that are `bits` places higher. */
function swapBits(a: number, b: number, bits: number, mask: number): Code {
  const difference = WIRES;
  return [
    localSet(difference, v128And(v128Xor(i32x4ShrU(localGet(a), bits), localGet(b)), i32x4Const(mask))),
    localSet(b, v128Xor(localGet(b), localGet(difference))),
    localSet(a, v128Xor(localGet(a), i32x4Shl(localGet(difference), bits))),
  ];
}

/** The bytes of every column moved up; `bits` is eight times the number of places. */
function rotateColumns(local: number, bits: number): Code {
  return v128Or(i32x4ShrU(localGet(local), bits), i32x4Shl(localGet(local), 32 - bits));
}

function pick(local: number, picks: readonly number[]): Code {
  return i8x16Shuffle(localGet(local), localGet(local), picks);
}

function positions(source: (column: number, row: number) => number): readonly number[] {
  return Array.from({ length: BLOCK_BYTES }, (_, position) => source(position >> 2, position & 3));
}

function eachPlane(code: (plane: number) => Code): Code {
  return [0, 1, 2, 3, 4, 5, 6, 7].map(code);
}
