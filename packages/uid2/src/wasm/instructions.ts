import { signed, unsigned } from './module-writer.ts';
import type { Code } from './module-writer.ts';

/**
 * The few WebAssembly instructions that the programs of this package use, under the names of the specification with a dot
 * less: `i32x4.add` is `i32x4Add`. Operands come as code, results are code.
 * @see WebAssembly Core Specification, "Instructions"
 */

/** Blocks and branches have no values of their own. */
const EMPTY = 0x40;
const VECTOR_PREFIX = 0xfd;

/** `log2` of the alignment that memory is promised to have: none, so that every address will do. */
const UNALIGNED = 0;

export function localGet(index: number): Code {
  return [0x20, unsigned(index)];
}

export function localSet(index: number, value: Code): Code {
  return [value, 0x21, unsigned(index)];
}

/** Runs `body`, which leaves it by `leaveIf`. */
export function block(body: Code): Code {
  return [0x02, EMPTY, body, 0x0b];
}

/** Runs `body`, from its beginning again on each `repeat`. */
export function loop(body: Code): Code {
  return [0x03, EMPTY, body, 0x0b];
}

export function ifElse(condition: Code, then: Code, otherwise: Code = []): Code {
  return [condition, 0x04, EMPTY, then, 0x05, otherwise, 0x0b];
}

/** Leaves the block that is `depth` blocks, loops and branches further out than the innermost, if `condition` is not zero. */
export function leaveIf(condition: Code, depth: number): Code {
  return [condition, 0x0d, unsigned(depth)];
}

/** Begins the loop that is `depth` blocks, loops and branches further out than the innermost once more. */
export function repeat(depth: number): Code {
  return [0x0c, unsigned(depth)];
}

/** Runs `body` and then again for as long as `condition` is not zero. */
export function doWhile(body: Code, condition: Code): Code {
  return [0x03, EMPTY, body, condition, 0x0d, 0, 0x0b];
}

export function i32Const(value: number): Code {
  return [0x41, signed(value)];
}

export function i32Add(a: Code, b: Code): Code {
  return [a, b, 0x6a];
}

export function i32Sub(a: Code, b: Code): Code {
  return [a, b, 0x6b];
}

export function i32Eqz(a: Code): Code {
  return [a, 0x45];
}

export function i32Eq(a: Code, b: Code): Code {
  return [a, b, 0x46];
}

export function i32Ne(a: Code, b: Code): Code {
  return [a, b, 0x47];
}

export function i32LtU(a: Code, b: Code): Code {
  return [a, b, 0x49];
}

export function i32GtU(a: Code, b: Code): Code {
  return [a, b, 0x4b];
}

export function i32GeU(a: Code, b: Code): Code {
  return [a, b, 0x4f];
}

/** How many of the lowest bits are zero. */
export function i32Ctz(a: Code): Code {
  return [a, 0x68];
}

/** Signed. */
export function i32GtS(a: Code, b: Code): Code {
  return [a, b, 0x4a];
}

export function i32And(a: Code, b: Code): Code {
  return [a, b, 0x71];
}

export function i32Or(a: Code, b: Code): Code {
  return [a, b, 0x72];
}

export function i32Shl(a: Code, bits: number): Code {
  return [a, i32Const(bits), 0x74];
}

export function i32ShrU(a: Code, bits: number): Code {
  return [a, i32Const(bits), 0x76];
}

export function i32Load8U(address: Code, offset: number): Code {
  return [address, 0x2d, UNALIGNED, unsigned(offset)];
}

export function i32Load16U(address: Code, offset: number): Code {
  return [address, 0x2f, UNALIGNED, unsigned(offset)];
}

export function i32Store(address: Code, offset: number, value: Code): Code {
  return [address, value, 0x36, UNALIGNED, unsigned(offset)];
}

export function i32Store8(address: Code, offset: number, value: Code): Code {
  return [address, value, 0x3a, UNALIGNED, unsigned(offset)];
}

export function i32Store16(address: Code, offset: number, value: Code): Code {
  return [address, value, 0x3b, UNALIGNED, unsigned(offset)];
}

/** The lowest 32 bits. */
export function i32WrapI64(a: Code): Code {
  return [a, 0xa7];
}

export function i64ExtendI32U(a: Code): Code {
  return [a, 0xad];
}

export function i64Const(value: number): Code {
  return [0x42, signed(value)];
}

export function i64Add(a: Code, b: Code): Code {
  return [a, b, 0x7c];
}

export function i64Mul(a: Code, b: Code): Code {
  return [a, b, 0x7e];
}

/** The nearest number with a fraction. */
export function f64ConvertI64U(a: Code): Code {
  return [a, 0xba];
}

export function f64Store(address: Code, offset: number, value: Code): Code {
  return [address, value, 0x39, UNALIGNED, unsigned(offset)];
}

export function v128Load(address: Code, offset: number): Code {
  return [address, vector(0), UNALIGNED, unsigned(offset)];
}

/** Four lanes that all hold the 32-bit word at an address. */
export function v128Load32Splat(address: Code, offset: number): Code {
  return [address, vector(9), UNALIGNED, unsigned(offset)];
}

export function v128Store(address: Code, offset: number, value: Code): Code {
  return [address, value, vector(11), UNALIGNED, unsigned(offset)];
}

/** Four lanes that all hold `word`. */
export function i32x4Const(word: number): Code {
  const bytes = [word, word >>> 8, word >>> 16, word >>> 24].map((byte) => byte & 0xff);
  return [vector(12), bytes, bytes, bytes, bytes];
}

/** Sixteen bytes picked by number: 0 to 15 are those of `a`, 16 to 31 those of `b`. */
export function i8x16Shuffle(a: Code, b: Code, picks: readonly number[]): Code {
  return [a, b, vector(13), [...picks]];
}

export function i8x16Const(bytes: readonly number[]): Code {
  return [vector(12), [...bytes]];
}

/** Sixteen bytes of `table`, picked by the numbers in `picks`. What a number above 15 picks is left to the processor. */
export function i8x16RelaxedSwizzle(table: Code, picks: Code): Code {
  return [table, picks, vector(256)];
}

/** Each byte all ones where the two are equal. */
export function i8x16Eq(a: Code, b: Code): Code {
  return [a, b, vector(35)];
}

/** Each byte all ones where that of `a` is at most that of `b`, without signs. */
export function i8x16LeU(a: Code, b: Code): Code {
  return [a, b, vector(42)];
}

/** The highest bit of each byte, that of the first the lowest. */
export function i8x16Bitmask(a: Code): Code {
  return [a, vector(100)];
}

export function i32x4Shl(a: Code, bits: number): Code {
  return [a, i32Const(bits), vector(171)];
}

export function i32x4ShrU(a: Code, bits: number): Code {
  return [a, i32Const(bits), vector(173)];
}

export function i32x4Add(a: Code, b: Code): Code {
  return [a, b, vector(174)];
}

export function v128Not(a: Code): Code {
  return [a, vector(77)];
}

export function v128And(a: Code, b: Code): Code {
  return [a, b, vector(78)];
}

export function v128Or(a: Code, b: Code): Code {
  return [a, b, vector(80)];
}

export function v128Xor(a: Code, b: Code): Code {
  return [a, b, vector(81)];
}

function vector(opcode: number): Code {
  return [VECTOR_PREFIX, unsigned(opcode)];
}
