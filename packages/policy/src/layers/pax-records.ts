import { malformed } from './layer-errors.ts';
import { byteText } from './tar-fields.ts';

/** Keys of a PAX extended header and their values, one character per byte; the last of equal keys wins. */
export type PaxRecords = ReadonlyMap<string, string>;

/** An instant with nanoseconds, 0 to 999,999,999 after the second, also before 1970. */
export interface TarTime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

const NO_NUL_IN_VALUE = new Set(['path', 'linkpath', 'uname', 'gname']);
const INT64_LIMIT = 1n << 63n;
const SPARSE_OFFSET = 'GNU.sparse.offset';
const SPARSE_LENGTH = 'GNU.sparse.numbytes';
export const SPARSE_MAP = 'GNU.sparse.map';

/**
 * Reads the records of a PAX extended header, `<length> <key>=<value>\n` each. The repeated keys of GNU sparse format 0.0
 * become one `GNU.sparse.map` of format 0.1.
 * @throws MalformedError LAYER_TAR_MALFORMED
 * @see POSIX.1-2024, pax, section "pax Extended Header"
 */
export function parsePaxRecords(bytes: Uint8Array): PaxRecords {
  const records = new Map<string, string>();
  const sparse: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const { key, value, end } = parseRecord(bytes, at);
    at = end;
    if (key !== SPARSE_OFFSET && key !== SPARSE_LENGTH) {
      records.set(key, value);
      continue;
    }
    if (key !== (sparse.length % 2 === 0 ? SPARSE_OFFSET : SPARSE_LENGTH) || value.includes(','))
      throw malformed('the records of a sparse file are out of order');
    sparse.push(value);
  }
  if (sparse.length > 0) records.set(SPARSE_MAP, sparse.join(','));
  return records;
}

function parseRecord(bytes: Uint8Array, start: number): { key: string; value: string; end: number } {
  const blank = bytes.indexOf(0x20, start);
  const lengthText = blank === -1 || blank - start > 10 ? '' : byteText(bytes.subarray(start, blank));
  const length = /^\d+$/.test(lengthText) ? Number(lengthText) : 0;
  const end = start + length;
  if (length < 5 || end > bytes.length || end <= blank + 1 || bytes[end - 1] !== 0x0a)
    throw malformed('a PAX record has a wrong length');
  const record = byteText(bytes.subarray(blank + 1, end - 1));
  const equals = record.indexOf('=');
  const key = record.slice(0, Math.max(equals, 0));
  const value = record.slice(equals + 1);
  if (equals < 1 || (NO_NUL_IN_VALUE.has(key) ? value : key).includes('\0'))
    throw malformed('a PAX record has no key, or a NUL where none may be');
  return { key, value, end };
}

/** @throws MalformedError LAYER_TAR_MALFORMED */
export function paxInteger(text: string): bigint {
  if (/^[+-]?\d{1,40}$/.test(text)) {
    const value = BigInt(text.replace(/^\+/, ''));
    if (value >= -INT64_LIMIT && value < INT64_LIMIT) return value;
  }
  throw malformed('a PAX record is not a decimal number of 64 bits');
}

/**
 * A time such as `1700000000.123456789`; digits beyond nanoseconds are dropped.
 * @throws MalformedError LAYER_TAR_MALFORMED
 */
export function paxTime(text: string): TarTime {
  const [whole = '', ...rest] = text.split('.');
  const fraction = rest.join('.');
  const seconds = paxInteger(whole);
  if (!/^\d*$/.test(fraction)) throw malformed('a PAX record is not a time');
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (nanoseconds > 0 && whole.startsWith('-'))
    return { seconds: seconds - 1n, nanoseconds: 1_000_000_000 - nanoseconds };
  return { seconds, nanoseconds };
}
