import { invalidInput } from './input-values.ts';

const QUANTITY = /^([+-]?)([0-9]{1,30})(?:\.([0-9]{0,30}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?$/;
const DECIMAL_POWERS: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY_POWERS: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };

interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * What Kubernetes puts into a variable for a `resourceFieldRef`: the quantity divided by the divisor (default 1),
 * rounded up.
 * @see Kubernetes API reference, Quantity and ResourceFieldSelector
 * @throws MalformedError CCE_INPUT_INVALID
 */
export function scaledQuantity(quantity: string, divisor = '1'): string {
  const value = ratio(quantity);
  // Kubernetes takes a divisor of zero for one.
  const by = ratio(divisor).numerator === 0n ? ratio('1') : ratio(divisor);
  const numerator = value.numerator * by.denominator;
  const denominator = value.denominator * by.numerator;
  const floor = numerator / denominator;
  return String(numerator % denominator > 0n ? floor + 1n : floor);
}

function ratio(quantity: string): Ratio {
  const match = QUANTITY.exec(quantity);
  if (match === null) throw invalidInput(`${JSON.stringify(quantity.slice(0, 60))} is not a resource quantity`);
  const [, sign, whole, fraction = '', suffix = '', exponent = '0'] = match;
  const digits = BigInt(`${whole ?? ''}${fraction}`) * (sign === '-' ? -1n : 1n);
  const binary = BINARY_POWERS[suffix];
  const power = (DECIMAL_POWERS[suffix] ?? Number(exponent)) - fraction.length;
  const scaled = binary === undefined ? digits : digits << binary;
  return power >= 0
    ? { numerator: scaled * 10n ** BigInt(power), denominator: 1n }
    : { numerator: scaled, denominator: 10n ** BigInt(-power) };
}
