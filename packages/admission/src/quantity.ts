import { MalformedError } from '@holdfast/base';

/** A Kubernetes quantity, exactly: `numerator / denominator`, never a floating-point number. */
export interface Quantity {
  readonly numerator: bigint;
  /** Positive. */
  readonly denominator: bigint;
}

const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const FORM = /^([+-]?)(\d+)?(?:\.(\d*))?((?:[eE][+-]?\d{1,3})|[KMGTPE]i|[numkMGTPE])?$/;
const MAX_LENGTH = 64;

export const zero: Quantity = { numerator: 0n, denominator: 1n };

/**
 * Reads a quantity as Kubernetes writes them: `500m`, `1.5Gi`, `2`, `1e3`.
 * @throws MalformedError QUANTITY_INVALID
 */
export function parseQuantity(value: string | number): Quantity {
  const text = String(value);
  const [, sign, whole = '', fraction = '', suffix = ''] =
    (text.length <= MAX_LENGTH ? FORM.exec(text) : undefined) ?? [];
  if (sign === undefined || whole + fraction === '') {
    const shown = text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}…`;
    throw new MalformedError('QUANTITY_INVALID', `"${shown}" is no Kubernetes quantity, such as 500m, 2 or 1.5Gi`);
  }
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);
  const binary = BINARY.indexOf(suffix);
  if (suffix !== '' && binary > 0) {
    return { numerator: digits * 1024n ** BigInt(binary), denominator: 10n ** BigInt(fraction.length) };
  }
  const exponent = (DECIMAL[suffix] ?? Number(suffix.slice(1))) - fraction.length;
  return exponent >= 0
    ? { numerator: digits * 10n ** BigInt(exponent), denominator: 1n }
    : { numerator: digits, denominator: 10n ** BigInt(-exponent) };
}

export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The least whole number of `unit` that holds the quantity. */
export function roundUp({ numerator, denominator }: Quantity, unit = 1n): bigint {
  const divisor = denominator * unit;
  const quotient = numerator / divisor;
  return numerator > 0n && numerator % divisor !== 0n ? quotient + 1n : quotient;
}
