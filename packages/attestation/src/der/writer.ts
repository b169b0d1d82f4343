import { concatBytes, toUtf8 } from '@holdfast/base';

import { tag } from './reader.ts';

/** One DER element with the given content. */
export function derElement(elementTag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...content);
  return concatBytes(Uint8Array.of(elementTag), derLength(body.length), body);
}

export function derSequence(...content: readonly Uint8Array[]): Uint8Array {
  return derElement(tag.sequence, ...content);
}

export function derSet(...content: readonly Uint8Array[]): Uint8Array {
  return derElement(tag.set, ...content);
}

export function derBoolean(value: boolean): Uint8Array {
  return derElement(tag.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function derNull(): Uint8Array {
  return derElement(tag.null);
}

/** A non-negative INTEGER. Bytes are an unsigned big-endian magnitude. */
export function derInteger(value: bigint | number | Uint8Array): Uint8Array {
  const magnitude = value instanceof Uint8Array ? value : magnitudeOf(BigInt(value));
  let from = 0;
  while (from < magnitude.length - 1 && magnitude[from] === 0) from += 1;
  const body = magnitude.length === 0 ? Uint8Array.of(0) : magnitude.subarray(from);
  return (body[0] ?? 0) >= 0x80 ? derElement(tag.integer, Uint8Array.of(0), body) : derElement(tag.integer, body);
}

export function derOid(oid: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups: number[] = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left % 128) | 0x80);
    bytes.push(...groups);
  }
  return derElement(tag.oid, Uint8Array.from(bytes));
}

export function derOctetString(bytes: Uint8Array): Uint8Array {
  return derElement(tag.octetString, bytes);
}

export function derBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return derElement(tag.bitString, Uint8Array.of(unusedBits), bytes);
}

/** A string type whose characters are ASCII or, for UTF8String, any. */
export function derString(elementTag: number, text: string): Uint8Array {
  return derElement(elementTag, toUtf8(text));
}

/** UTCTime for 1950…2049, GeneralizedTime otherwise (RFC 5280 section 4.1.2.5), whole seconds. */
export function derTime(milliseconds: number): Uint8Array {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\..*$/g, '');
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? derString(tag.utcTime, `${digits.slice(2)}Z`)
    : derString(tag.generalizedTime, `${digits}Z`);
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const magnitude = magnitudeOf(BigInt(length));
  return concatBytes(Uint8Array.of(0x80 | magnitude.length), magnitude);
}

function magnitudeOf(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError('a negative integer');
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return Uint8Array.from(even.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
