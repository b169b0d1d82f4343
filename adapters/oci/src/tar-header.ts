import { MalformedError } from '@holdfast/base';

/** One header of a tar archive, with what extended headers before it say already applied. */
export interface TarEntry {
  /** As stored; not cleaned. */
  readonly name: string;
  /** Target of a hard or symbolic link. */
  readonly linkName: string;
  /** The type flag: `0` file, `1` hard link, `2` symbolic link, `5` directory, … */
  readonly type: string;
  /** Bytes of content that follow the header, without padding. */
  readonly size: number;
}

export const TAR_BLOCK = 512;

/** Longest extended header or long name that is read, in bytes. */
const MAX_METADATA_BYTES = 1024 * 1024;

const PAX_HEADER = 'x';
const PAX_GLOBAL_HEADER = 'g';
const GNU_LONG_NAME = 'L';
const GNU_LONG_LINK = 'K';

const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder();

/** Bytes of content with the padding that fills the last block. */
export function paddedSize(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
}

/**
 * Reads headers in order and remembers what extended headers say about the next entry (PAX records, GNU long names).
 * @see POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"
 */
export class TarHeaders {
  #pending: { name?: string; linkName?: string; size?: number } = {};

  /**
   * Reads one block of 512 bytes. Undefined for a block of zeros. When `isMetadata` holds for the answer, pass the entry's
   * content to `takeMetadata` before the next block.
   * @throws MalformedError LAYER_TAR_MALFORMED
   */
  read(block: Uint8Array): TarEntry | undefined {
    if (block.every((byte) => byte === 0)) return undefined;
    checkSum(block);
    const type = String.fromCharCode(block[156] ?? 0).replace('\0', '0');
    const size = numberField(block, 124, 12);
    if (isMetadataType(type)) {
      if (size > MAX_METADATA_BYTES) throw malformed('an extended header is too long');
      return { name: textField(block, 0, 100), linkName: '', type, size };
    }
    const pending = this.#pending;
    this.#pending = {};
    return {
      name: pending.name ?? ustarName(block),
      linkName: pending.linkName ?? textField(block, 157, 100),
      type,
      size: type === '1' || type === '2' || type === '5' ? 0 : (pending.size ?? size),
    };
  }

  isMetadata(entry: TarEntry): boolean {
    return isMetadataType(entry.type);
  }

  takeMetadata(entry: TarEntry, content: Uint8Array): void {
    if (entry.type === GNU_LONG_NAME) this.#pending.name = untilNul(content);
    else if (entry.type === GNU_LONG_LINK) this.#pending.linkName = untilNul(content);
    else if (entry.type === PAX_HEADER) this.#takeRecords(content);
    // A global header sets defaults, none of which is read here.
  }

  /** `<length> <key>=<value>\n`, the length in decimal and counting itself. */
  #takeRecords(content: Uint8Array): void {
    let at = 0;
    while (at < content.length) {
      const space = content.indexOf(0x20, at);
      const length = space < 0 ? Number.NaN : Number(latin1.decode(content.subarray(at, space)));
      if (!Number.isInteger(length) || length <= space - at || at + length > content.length) {
        throw malformed('an extended header is damaged');
      }
      const record = utf8.decode(content.subarray(space + 1, at + length - 1));
      const equals = record.indexOf('=');
      this.#takeRecord(record.slice(0, equals), record.slice(equals + 1));
      at += length;
    }
  }

  #takeRecord(key: string, value: string): void {
    if (value === '') return; // leaves the header's own value in force
    if (key === 'path') this.#pending.name = value;
    if (key === 'linkpath') this.#pending.linkName = value;
    if (key === 'size') {
      const size = Number(value);
      if (!Number.isSafeInteger(size) || size < 0) throw malformed('an extended header names an impossible size');
      this.#pending.size = size;
    }
  }
}

/** `./etc//passwd` and `/etc/passwd` as `etc/passwd`; dot-dot cannot climb above the root. */
export function cleanTarPath(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

export function malformed(problem: string): MalformedError {
  return new MalformedError('LAYER_TAR_MALFORMED', `the tar archive cannot be read: ${problem}`);
}

function isMetadataType(type: string): boolean {
  return type === PAX_HEADER || type === PAX_GLOBAL_HEADER || type === GNU_LONG_NAME || type === GNU_LONG_LINK;
}

/** The sum counts its own field as blanks; old archivers summed signed bytes. */
function checkSum(block: Uint8Array): void {
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < TAR_BLOCK; at += 1) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const stored = numberField(block, 148, 8);
  if (stored !== unsigned && stored !== signed) throw malformed('a header has a wrong checksum');
}

function ustarName(block: Uint8Array): string {
  const name = textField(block, 0, 100);
  const isPosix = latin1.decode(block.subarray(257, 263)) === 'ustar\0';
  const prefix = isPosix ? textField(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function textField(block: Uint8Array, offset: number, length: number): string {
  return untilNul(block.subarray(offset, offset + length));
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Octal digits, or GNU's big-endian binary when the first bit is set. */
function numberField(block: Uint8Array, offset: number, length: number): number {
  const field = block.subarray(offset, offset + length);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    let value = (field[0] ?? 0) & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw malformed('a number is too large');
    return value;
  }
  const text = untilNul(field).trim();
  if (!/^[0-7]*$/.test(text)) throw malformed('a number is not octal');
  return text === '' ? 0 : Number.parseInt(text, 8);
}
