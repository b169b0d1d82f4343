import { concatBytes, toUtf8 } from '@holdfast/base';

import { CborFloat, CborTagged, isCborMap } from './value.ts';
import type { CborValue } from './value.ts';

/** Encodes one item with shortest lengths (RFC 8949 section 4.2.1); maps keep their order. Floats take 64 bits. */
export function encodeCbor(value: CborValue): Uint8Array {
  if (value instanceof Uint8Array) return concatBytes(head(2, value.length), value);
  if (value instanceof CborTagged) return concatBytes(head(6, value.tag), encodeCbor(value.value));
  if (value instanceof CborFloat) {
    const bytes = new Uint8Array(9);
    bytes[0] = 0xfb;
    new DataView(bytes.buffer).setFloat64(1, value.value);
    return bytes;
  }
  if (isCborMap(value)) {
    const entries = [...value].flatMap(([key, item]) => [encodeCbor(key), encodeCbor(item)]);
    return concatBytes(head(5, value.size), ...entries);
  }
  if (typeof value === 'string') {
    const text = toUtf8(value);
    return concatBytes(head(3, text.length), text);
  }
  if (typeof value === 'number' || typeof value === 'bigint') {
    const integer = BigInt(value);
    return integer >= 0n ? head(0, integer) : head(1, -1n - integer);
  }
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (value === null) return Uint8Array.of(0xf6);
  return concatBytes(head(4, value.length), ...value.map(encodeCbor));
}

function head(major: number, argument: number | bigint): Uint8Array {
  const value = BigInt(argument);
  if (value < 24n) return Uint8Array.of((major << 5) | Number(value));
  const exponent = [8n, 16n, 32n, 64n].findIndex((bits) => value < 1n << bits);
  if (exponent < 0) throw new RangeError('an integer beyond 64 bits');
  const size = 2 ** exponent;
  const bytes = new Uint8Array(1 + size);
  bytes[0] = (major << 5) | (24 + exponent);
  for (let i = 0; i < size; i += 1) bytes[size - i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return bytes;
}
