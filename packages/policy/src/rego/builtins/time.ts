import { normalizeInteger } from '../json.ts';
import { text, unary } from './builtin.ts';
import type { BuiltinTable } from './builtin.ts';

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:Z|([+-])(\d{2}):(\d{2}))$/;
const daysInMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Nanoseconds since 1970; undefined for a text that is no RFC 3339 time or lies outside 64 bits. */
function parseRfc3339(value: string): number | bigint | undefined {
  const match = rfc3339.exec(value);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const leap = month === 2 && ((year % 4 === 0 && year % 100 !== 0) || year % 400 === 0) ? 1 : 0;
  if (day < 1 || day > (daysInMonth[month - 1] ?? 0) + leap || hour > 23 || minute > 59 || second > 59)
    return undefined;
  const offset = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * (match[8] === '-' ? -1 : 1);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute - offset, second);
  const fraction = BigInt((match[7] ?? '').slice(0, 9).padEnd(9, '0'));
  const nanoseconds = BigInt(date.getTime()) * 1_000_000n + fraction;
  return BigInt.asIntN(64, nanoseconds) === nanoseconds ? normalizeInteger(nanoseconds) : undefined;
}

export const timeBuiltins: BuiltinTable = {
  'time.parse_rfc3339_ns': unary(text, parseRfc3339),
  'time.now_ns': {
    arity: 0,
    call: (_, { services }) =>
      services.now === undefined ? undefined : normalizeInteger(BigInt(Math.trunc(services.now)) * 1_000_000n),
  },
};
