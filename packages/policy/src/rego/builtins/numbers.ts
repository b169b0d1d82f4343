import { normalizeInteger, normalizeNumber } from '../json.ts';
import { RegoArray, RegoSet } from '../value.ts';
import type { RegoValue } from '../value.ts';
import { any, binary, integer, itemsOf, list, numeric, unary } from './builtin.ts';
import type { Builtin, BuiltinTable } from './builtin.ts';

type Numeric = number | bigint;

function isWhole(value: Numeric): boolean {
  return typeof value === 'bigint' || Number.isInteger(value);
}

/** Integers are exact at any size up to 4096 bits; everything else is a 64-bit float. */
function arithmetic(whole: (a: bigint, b: bigint) => bigint, float: (a: number, b: number) => number): Builtin {
  return binary(numeric, numeric, (a, b) => calculate(a, b, whole, float));
}

const maxBits = 2n ** 4096n;

function calculate(
  a: Numeric,
  b: Numeric,
  whole: (a: bigint, b: bigint) => bigint,
  float: (a: number, b: number) => number,
): RegoValue | undefined {
  if (isWhole(a) && isWhole(b)) {
    const quick = float(Number(a), Number(b));
    if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(quick)) return quick === 0 ? 0 : quick;
    const exact = whole(BigInt(a), BigInt(b));
    return exact < maxBits && exact > -maxBits ? normalizeInteger(exact) : undefined;
  }
  const result = float(Number(a), Number(b));
  return Number.isFinite(result) ? normalizeNumber(result) : undefined;
}

function plus(a: Numeric, b: Numeric): RegoValue | undefined {
  return calculate(
    a,
    b,
    (x, y) => x + y,
    (x, y) => x + y,
  );
}

function times(a: Numeric, b: Numeric): RegoValue | undefined {
  return calculate(
    a,
    b,
    (x, y) => x * y,
    (x, y) => x * y,
  );
}

function divide(a: Numeric, b: Numeric): RegoValue | undefined {
  if (Number(b) === 0) return undefined;
  if (isWhole(a) && isWhole(b) && BigInt(a) % BigInt(b) === 0n) return normalizeInteger(BigInt(a) / BigInt(b));
  return normalizeNumber(Number(a) / Number(b));
}

function remainder(a: Numeric, b: Numeric): RegoValue | undefined {
  if (!isWhole(a) || !isWhole(b) || BigInt(b) === 0n) return undefined;
  return normalizeInteger(BigInt(a) % BigInt(b));
}

/** Subtraction, or the difference of two sets. */
const minus: Builtin = binary(any, any, (a, b) => {
  if (a instanceof RegoSet && b instanceof RegoSet) return RegoSet.of(a.sorted().filter((member) => !b.has(member)));
  const left = numeric(a);
  const right = numeric(b);
  if (left === undefined || right === undefined) return undefined;
  return calculate(
    left,
    right,
    (x, y) => x - y,
    (x, y) => x - y,
  );
});

function rounding(round: (value: number) => number): Builtin {
  return unary(numeric, (value) => (typeof value === 'bigint' ? value : normalizeNumber(round(value))));
}

function fold(start: number, add: (a: Numeric, b: Numeric) => RegoValue | undefined): Builtin {
  return unary(list, (values, { budget }) => {
    let total: Numeric = start;
    for (const item of itemsOf(values)) {
      budget.spend(1);
      const next = numeric(item);
      const result: number | bigint | undefined = next === undefined ? undefined : numeric(add(total, next));
      if (result === undefined) return undefined;
      total = result;
    }
    return total;
  });
}

function bitwise(compute: (a: bigint, b: bigint) => bigint): Builtin {
  return binary(numeric, numeric, (a, b) => {
    if (!isWhole(a) || !isWhole(b)) return undefined;
    return normalizeInteger(compute(BigInt(a), BigInt(b)));
  });
}

function shift(compute: (value: bigint, by: bigint) => bigint): Builtin {
  return binary(numeric, integer, (value, by) =>
    isWhole(value) && by >= 0 && by <= 4096 ? normalizeInteger(compute(BigInt(value), BigInt(by))) : undefined,
  );
}

const range: Builtin = binary(integer, integer, (from, to, { budget }) => {
  budget.spend(Math.abs(to - from) + 1);
  const step = from <= to ? 1 : -1;
  return new RegoArray(Array.from({ length: Math.abs(to - from) + 1 }, (_, at) => from + at * step));
});

/** Halves go away from zero, as in Go. */
function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

export const numberBuiltins: BuiltinTable = {
  plus: arithmetic(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  minus,
  mul: binary(numeric, numeric, times),
  div: binary(numeric, numeric, divide),
  rem: binary(numeric, numeric, remainder),
  abs: unary(numeric, (value) => (value < 0 ? magnitude(value) : value)),
  ceil: rounding(Math.ceil),
  floor: rounding(Math.floor),
  round: rounding(roundHalfAway),
  sum: fold(0, plus),
  product: fold(1, times),
  'numbers.range': range,
  'bits.and': bitwise((a, b) => a & b),
  'bits.or': bitwise((a, b) => a | b),
  'bits.xor': bitwise((a, b) => a ^ b),
  'bits.negate': unary(numeric, (value) => (isWhole(value) ? normalizeInteger(~BigInt(value)) : undefined)),
  'bits.lsh': shift((value, by) => value << by),
  'bits.rsh': shift((value, by) => value >> by),
};

function magnitude(value: Numeric): RegoValue {
  return typeof value === 'bigint' ? normalizeInteger(-value) : -value;
}
