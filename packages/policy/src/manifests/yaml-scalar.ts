const NULLS = new Set(['', '~', 'null', 'Null', 'NULL']);
const TRUES = new Set(['true', 'True', 'TRUE', 'yes', 'Yes', 'YES', 'on', 'On', 'ON']);
const FALSES = new Set(['false', 'False', 'FALSE', 'no', 'No', 'NO', 'off', 'Off', 'OFF']);
const DECIMAL = /^[-+]?(?:0|[1-9][0-9_]*)$/;
const BASED = /^([-+]?)(?:0x([0-9a-fA-F_]+)|0b([01_]+)|0o?([0-7_]+))$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INFINITE = /^([-+]?)\.(?:inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(?:nan|NaN|NAN)$/;

/**
 * The value of a plain (unquoted) YAML scalar as Kubernetes reads it: YAML 1.1 with `yes`, `no`, `on` and `off` as
 * booleans and a leading zero for octal, but no base-60 numbers and no time stamps. What is none of these is a string.
 */
export function plainScalar(source: string): string | number | boolean | null {
  if (NULLS.has(source)) return null;
  if (TRUES.has(source)) return true;
  if (FALSES.has(source)) return false;
  if (DECIMAL.test(source)) return Number(source.replaceAll('_', ''));
  const based = BASED.exec(source);
  if (based !== null) return basedNumber(based);
  if (FLOAT.test(source)) return Number(source);
  const infinite = INFINITE.exec(source);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  return NOT_A_NUMBER.test(source) ? Number.NaN : source;
}

function basedNumber([, sign, hex, binary, octal]: RegExpExecArray): number {
  const digits = (hex ?? binary ?? octal ?? '').replaceAll('_', '');
  const value = Number.parseInt(digits, hex !== undefined ? 16 : binary !== undefined ? 2 : 8);
  return sign === '-' ? -value : value;
}

const PLAIN_SAFE = /^[A-Za-z][A-Za-z0-9+/=._-]*$/;

/** YAML text of a one-line string: plain where every reader takes it for a string, else in double quotes. */
export function scalarText(value: string): string {
  return PLAIN_SAFE.test(value) && plainScalar(value) === value ? value : JSON.stringify(value);
}
