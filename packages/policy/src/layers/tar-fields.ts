import { Buffer } from 'node:buffer';

import { malformed } from './layer-errors.ts';

export const TAR_BLOCK = 512;
/** `v7` covers everything without a known magic number; `ustar` includes PAX archives. */
export type TarVariant = 'v7' | 'ustar' | 'star' | 'gnu';

/** Bytes as text with one character per byte: comparing such texts compares the bytes, and nothing is lost. */
export function byteText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The text before the first NUL of a header field. */
export function textField(block: Uint8Array, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return byteText(end === -1 ? field : field.subarray(0, end));
}

/**
 * A number of a header field: octal digits between blanks and NULs, or GNU base 256 (first bit set, two's complement).
 * @throws MalformedError LAYER_TAR_MALFORMED
 */
export function numberField(block: Uint8Array, offset: number, length: number): bigint {
  const first = block[offset] ?? 0;
  if ((first & 0x80) !== 0) return base256(block.subarray(offset, offset + length));
  const text = byteText(block.subarray(offset, offset + length)).replace(/^[ \0]+|[ \0]+$/g, '');
  if (text === '') return 0n;
  const end = text.indexOf('\0');
  const digits = end === -1 ? text : text.slice(0, end);
  if (!/^[0-7]+$/.test(digits)) throw malformed('a header field is not an octal number');
  return BigInt(`0o${digits}`);
}

function base256(field: Uint8Array): bigint {
  const negative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = 0n;
  for (const [index, byte] of field.entries()) {
    const bits = negative ? byte ^ 0xff : byte;
    value = (value << 8n) | BigInt(index === 0 ? bits & 0x7f : bits);
  }
  if (value >= 1n << 63n) throw malformed('a header field is a number of more than 64 bits');
  return negative ? -value - 1n : value;
}

/** Whether the stored checksum is the sum of the header's bytes, taken as unsigned or, as some old writers did, signed. */
export function hasValidChecksum(block: Uint8Array): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let index = 0; index < TAR_BLOCK; index += 1) {
    const byte = index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const stored = numberField(block, 148, 8);
  return stored === BigInt(unsigned) || stored === BigInt(signed);
}

export function tarVariant(block: Uint8Array): TarVariant {
  const magic = byteText(block.subarray(257, 265));
  if (magic === 'ustar  \0') return 'gnu';
  if (!magic.startsWith('ustar\0')) return 'v7';
  return byteText(block.subarray(508, 512)) === 'tar\0' ? 'star' : 'ustar';
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (let index = 0; index < TAR_BLOCK; index += 1) if (block[index] !== 0) return false;
  return true;
}
