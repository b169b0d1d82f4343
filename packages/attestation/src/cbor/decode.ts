import { ByteReader, concatBytes, fromUtf8, MalformedError } from '@holdfast/base';

import { CborFloat, CborTagged } from './value.ts';
import type { CborValue } from './value.ts';

const CODE = 'CBOR_MALFORMED';
const MAX_DEPTH = 16;
const MAX_BYTES = 256 * 1024;
const INDEFINITE = 31;
const BREAK = 0xff;
const MAX_PIECES = 1024;

/**
 * Decodes one CBOR item (RFC 8949) that fills `bytes`: at most 256 KiB and 16 levels; definite or indefinite lengths;
 * map keys are integers or texts and stand once; texts are well-formed UTF-8. Byte strings are views of the input, except
 * those that come in pieces.
 * @throws MalformedError CBOR_MALFORMED
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  if (bytes.length > MAX_BYTES) throw malformed(`${bytes.length} bytes, at most ${MAX_BYTES}`);
  const reader = new ByteReader(bytes, CODE, 'CBOR');
  const value = decodeItem(reader, 0);
  reader.end();
  return value;
}

function decodeItem(reader: ByteReader, depth: number, initial = reader.uint8()): CborValue {
  if (depth > MAX_DEPTH) throw malformed(`more than ${MAX_DEPTH} levels`);
  const major = initial >> 5;
  const info = initial & 0x1f;
  if (major === 7) return decodeSimple(reader, info);
  if (info === INDEFINITE && major >= 2 && major <= 5) return decodeIndefinite(reader, major, depth);
  const argument = readArgument(reader, info);
  switch (major) {
    case 0:
      return small(argument);
    case 1:
      return small(-1n - argument);
    case 2:
      return reader.bytes(readLength(reader, argument, 1));
    case 3:
      return decodeText(reader.bytes(readLength(reader, argument, 1)));
    case 4: {
      const count = readLength(reader, argument, 1);
      return Array.from({ length: count }, () => decodeItem(reader, depth + 1));
    }
    case 5: {
      const count = readLength(reader, argument, 2);
      const map = new Map<number | string, CborValue>();
      for (let i = 0; i < count; i += 1) decodeEntry(reader, map, depth);
      return map;
    }
    default:
      if (argument > 0xffffffffn) throw malformed('a tag out of range');
      return new CborTagged(Number(argument), decodeItem(reader, depth + 1));
  }
}

/** An item without a length, up to its break (RFC 8949 section 3.2). */
function decodeIndefinite(reader: ByteReader, major: number, depth: number): CborValue {
  if (major === 4) {
    const items: CborValue[] = [];
    for (const initial of untilBreak(reader)) items.push(decodeItem(reader, depth + 1, initial));
    return items;
  }
  if (major === 5) {
    const map = new Map<number | string, CborValue>();
    for (const initial of untilBreak(reader)) decodeEntry(reader, map, depth, initial);
    return map;
  }
  const pieces: Uint8Array[] = [];
  for (const initial of untilBreak(reader)) {
    if (initial >> 5 !== major) throw malformed('a piece of another type than its string');
    if (pieces.length === MAX_PIECES) throw malformed(`a string in more than ${MAX_PIECES} pieces`);
    pieces.push(reader.bytes(readLength(reader, readArgument(reader, initial & 0x1f), 1)));
  }
  // Each piece of a text is a text of its own: a character may not be cut in two.
  return major === 3 ? pieces.map(decodeText).join('') : concatBytes(...pieces);
}

/** The initial byte of each item up to the break; whoever asks for the next one has read the item. */
function* untilBreak(reader: ByteReader): Generator<number> {
  for (let initial = reader.uint8(); initial !== BREAK; initial = reader.uint8()) yield initial;
}

function decodeEntry(
  reader: ByteReader,
  map: Map<number | string, CborValue>,
  depth: number,
  initial = reader.uint8(),
): void {
  const key = decodeItem(reader, depth + 1, initial);
  if (typeof key !== 'number' && typeof key !== 'string') throw malformed('a map key that is neither integer nor text');
  if (map.has(key)) throw malformed(`map key ${key} stands twice`);
  map.set(key, decodeItem(reader, depth + 1));
}

function decodeSimple(reader: ByteReader, info: number): CborValue {
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
      return null;
    case 26:
      return new CborFloat(view(reader.bytes(4)).getFloat32(0));
    case 27:
      return new CborFloat(view(reader.bytes(8)).getFloat64(0));
    default:
      throw malformed(`simple value ${info}`);
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new MalformedError(CODE, 'CBOR: a text that is not UTF-8', { cause });
  }
}

function readArgument(reader: ByteReader, info: number): bigint {
  if (info < 24) return BigInt(info);
  if (info > 27) throw malformed(`additional information ${info}`);
  let value = 0n;
  for (const byte of reader.bytes(2 ** (info - 24))) value = (value << 8n) | BigInt(byte);
  return value;
}

/** A count of items of at least `size` bytes each, bounded by what is left before anything is allocated. */
function readLength(reader: ByteReader, argument: bigint, size: number): number {
  if (argument * BigInt(size) > BigInt(reader.remaining)) throw malformed('a length beyond the end');
  return Number(argument);
}

function small(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(problem: string): MalformedError {
  return new MalformedError(CODE, `CBOR: ${problem}`);
}
