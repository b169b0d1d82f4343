import { jsonText } from '../json.ts';
import type { Budget } from '../limits.ts';
import { codePoints } from './builtin.ts';
import { isNumber, RegoArray, RegoObject, RegoSet } from '../value.ts';
import type { RegoValue } from '../value.ts';

const verb = /%([-+ 0#]*)([0-9]*)(?:\.([0-9]*))?(.)/gsu;
const maxWidth = 1000;

/** The formatting of Go's fmt package, for the verbs policies use: %s %v %d %x %X %o %b %c %q %f %e %g %%. */
export function formatText(format: string, values: readonly RegoValue[], budget: Budget): string | undefined {
  let next = 0;
  let tooWide = false;
  const result = format.replace(
    verb,
    (_, flags: string, width: string, precision: string | undefined, letter: string) => {
      if (letter === '%') return '%';
      const value = values[next++];
      if (value === undefined) return `%!${letter}(MISSING)`;
      if (Number(width) > maxWidth || Number(precision ?? 0) > maxWidth) {
        tooWide = true;
        return '';
      }
      const written = pad(formatOne(letter, flags, precision, value), flags, Number(width), value);
      budget.spendText(written.length);
      return written;
    },
  );
  if (tooWide) return undefined;
  budget.spendText(result.length);
  if (next >= values.length) return result;
  const extra = values.slice(next).map((value) => `${goType(value)}=${display(value)}`);
  return `${result}%!(EXTRA ${extra.join(', ')})`;
}

function pad(written: string, flags: string, width: number, value: RegoValue): string {
  if (flags.includes('-')) return written.padEnd(width, ' ');
  if (!flags.includes('0') || !isNumber(value)) return written.padStart(width, ' ');
  const sign = /^[+-]/.exec(written)?.[0] ?? '';
  return sign + written.slice(sign.length).padStart(width - sign.length, '0');
}

function formatOne(letter: string, flags: string, precision: string | undefined, value: RegoValue): string {
  switch (letter) {
    case 'v':
      return display(value);
    case 's': {
      if (typeof value !== 'string')
        return isNumber(value) || typeof value === 'boolean' ? wrongType(letter, value) : display(value);
      return precision === undefined ? value : codePoints(value).slice(0, Number(precision)).join('');
    }
    case 'q':
      return typeof value === 'string' ? JSON.stringify(value) : wrongType(letter, value);
    case 'd':
      return whole(letter, flags, value, 10);
    case 'b':
      return whole(letter, flags, value, 2);
    case 'o':
      return whole(letter, flags, value, 8);
    case 'x':
    case 'X': {
      const hex =
        typeof value === 'string' ? Buffer.from(value, 'utf8').toString('hex') : whole(letter, flags, value, 16);
      return letter === 'X' ? hex.toUpperCase() : hex;
    }
    case 'c':
      return typeof value === 'number' && value >= 0 && value <= 0x10ffff && Number.isInteger(value)
        ? String.fromCodePoint(value)
        : wrongType(letter, value);
    case 'f':
    case 'F':
      return isNumber(value)
        ? signed(Number(value), flags, (size) => size.toFixed(Math.min(100, Number(precision ?? 6))))
        : wrongType(letter, value);
    case 'e':
      return isNumber(value)
        ? signed(Number(value), flags, (size) => exponent(size, Number(precision ?? 6)))
        : wrongType(letter, value);
    case 'g':
      return isNumber(value) ? String(value) : wrongType(letter, value);
    default:
      return wrongType(letter, value);
  }
}

function exponent(size: number, digits: number): string {
  return size.toExponential(Math.min(100, digits)).replace(/e([+-])(\d)$/, 'e$10$2');
}

function signed(value: number, flags: string, write: (size: number) => string): string {
  if (value < 0) return `-${write(-value)}`;
  return (flags.includes('+') ? '+' : '') + write(value);
}

function whole(letter: string, flags: string, value: RegoValue, base: number): string {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) {
    return wrongType(letter, value);
  }
  return (flags.includes('+') && value >= 0 ? '+' : '') + value.toString(base);
}

function wrongType(letter: string, value: RegoValue): string {
  return `%!${letter}(${goType(value)}=${display(value)})`;
}

function goType(value: RegoValue): string {
  if (typeof value === 'string') return 'string';
  if (isNumber(value)) return Number.isInteger(Number(value)) ? 'int' : 'float64';
  return 'string';
}

/** The text of a value as the language writes it; a top-level string stands without quotes. */
function display(value: RegoValue): string {
  return typeof value === 'string' ? value : inner(value);
}

function inner(value: RegoValue): string {
  if (value instanceof RegoArray) return `[${value.items.map(inner).join(', ')}]`;
  if (value instanceof RegoSet) return value.count === 0 ? 'set()' : `{${value.sorted().map(inner).join(', ')}}`;
  if (value instanceof RegoObject) {
    return `{${value
      .sorted()
      .map((entry) => `${inner(entry.key)}: ${inner(entry.value)}`)
      .join(', ')}}`;
  }
  return jsonText(value);
}
