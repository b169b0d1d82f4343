import { Buffer } from 'node:buffer';

import { limitExceeded } from '../layer-errors.ts';
import { compareNames } from '../names.ts';
import { BLOCK } from '../verity.ts';

/** Extended attributes: full names and raw values, both with one character per byte. */
export type Attributes = ReadonlyMap<string, string>;

/** Attributes of one file as they are stored: some in the inode, the rest in a block. */
export interface AttributePlaces {
  readonly inline: readonly StoredAttribute[];
  readonly block: readonly StoredAttribute[];
}

interface StoredAttribute {
  readonly index: number;
  /** Without the prefix that the index stands for. */
  readonly name: string;
  readonly value: string;
}

const MAGIC = 0xea02_0000;
const ENTRY = 16;
/** Bytes behind the 152 that an inode uses. */
export const INLINE_AREA = 104;
const INLINE_VALUES = INLINE_AREA - 4;
const INLINE_ROOM = INLINE_VALUES - 4;
const BLOCK_HEADER = 32;
const BLOCK_ROOM = BLOCK - BLOCK_HEADER - 4;
const PREFIXES = [
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['system.richacl', 8],
  ['system.', 7],
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
] as const;

/**
 * Decides where each attribute goes: in order of names, into the inode while it fits, else into the block.
 * @throws MalformedError LAYER_LIMIT_EXCEEDED
 */
export function placeAttributes(attributes: Attributes): AttributePlaces {
  const inline: StoredAttribute[] = [];
  const block: StoredAttribute[] = [];
  let inlineRoom = INLINE_ROOM;
  let blockRoom = BLOCK_ROOM;
  for (const [fullName, value] of [...attributes].toSorted(([left], [right]) => compareNames(left, right))) {
    const { index, name } = shorten(fullName);
    if (name.length > 255) throw limitExceeded(`an extended attribute name of ${name.length} bytes`, 255);
    const room = ENTRY + round4(name.length) + round4(value.length);
    if (room <= inlineRoom) {
      inlineRoom -= room;
      inline.push({ index, name, value });
    } else if (room <= blockRoom) {
      blockRoom -= room;
      block.push({ index, name, value });
    } else throw limitExceeded('a file with more bytes of extended attributes than a block takes', BLOCK_ROOM);
  }
  return { inline, block };
}

/** Writes attributes into the 104 bytes at the end of an inode; zeros when there are none. */
export function writeInlineAttributes(area: Uint8Array, attributes: readonly StoredAttribute[]): void {
  const bytes = Buffer.from(area.buffer, area.byteOffset, INLINE_AREA).fill(0);
  if (attributes.length === 0) return;
  bytes.writeUInt32LE(MAGIC);
  writeEntries(bytes.subarray(4), 0, attributes);
}

/** The attribute block of an inode. */
export function attributeBlock(attributes: readonly StoredAttribute[]): Uint8Array {
  const bytes = Buffer.alloc(BLOCK);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(1, 4);
  bytes.writeUInt32LE(1, 8);
  writeEntries(bytes, BLOCK_HEADER, sortedAsReference(attributes));
  return bytes;
}

/** The attributes that `writeInlineAttributes` stored, with their full names. */
export function readInlineAttributes(area: Uint8Array): Map<string, string> {
  const bytes = Buffer.from(area.buffer, area.byteOffset, INLINE_AREA);
  const found = new Map<string, string>();
  if (bytes.readUInt32LE(0) !== MAGIC) return found;
  for (let at = 4; at + ENTRY <= INLINE_AREA && bytes.readUInt32LE(at) !== 0;) {
    const nameLength = bytes.readUInt8(at);
    const index = bytes.readUInt8(at + 1);
    const valueAt = 4 + bytes.readUInt16LE(at + 2);
    const name = bytes.toString('latin1', at + ENTRY, at + ENTRY + nameLength);
    found.set(prefixOf(index) + name, bytes.toString('latin1', valueAt, valueAt + bytes.readUInt32LE(at + 8)));
    at += ENTRY + round4(nameLength);
  }
  return found;
}

function writeEntries(bytes: Buffer, start: number, attributes: readonly StoredAttribute[]): void {
  let entry = start;
  let valueAt = bytes.length;
  for (const { index, name, value } of attributes) {
    valueAt -= round4(value.length);
    bytes.write(value, valueAt, 'latin1');
    bytes.writeUInt8(name.length, entry);
    bytes.writeUInt8(index, entry + 1);
    bytes.writeUInt16LE(valueAt, entry + 2);
    bytes.writeUInt32LE(value.length, entry + 8);
    bytes.writeUInt32LE(attributeHash(name, bytes.subarray(valueAt, valueAt + round4(value.length))), entry + 12);
    bytes.write(name, entry + ENTRY, 'latin1');
    entry += ENTRY + round4(name.length);
  }
}

/** Hash of a name and the padded value. */
function attributeHash(name: string, paddedValue: Buffer): number {
  let result = 0;
  for (let index = 0; index < name.length; index += 1)
    result = ((result << 5) ^ (result >>> 27) ^ name.charCodeAt(index)) >>> 0;
  for (let at = 0; at < paddedValue.length; at += 4)
    result = ((result << 16) ^ (result >>> 16) ^ paddedValue.readUInt32LE(at)) >>> 0;
  return result;
}

/**
 * The order of a block. The reference joins its three comparisons by "or", which is no order at all; what its sort does with
 * that for as few attributes as fit into a block is insertion sort.
 */
function sortedAsReference(attributes: readonly StoredAttribute[]): StoredAttribute[] {
  const sorted: StoredAttribute[] = [];
  for (const attribute of attributes) {
    let at = sorted.length;
    for (let before = sorted[at - 1]; before !== undefined && isLess(attribute, before); before = sorted[at - 1])
      at -= 1;
    sorted.splice(at, 0, attribute);
  }
  return sorted;
}

function isLess(left: StoredAttribute, right: StoredAttribute): boolean {
  return left.index < right.index || left.name.length < right.name.length || left.name < right.name;
}

function shorten(fullName: string): { readonly index: number; readonly name: string } {
  for (const [prefix, index] of PREFIXES)
    if (fullName.startsWith(prefix)) return { index, name: fullName.slice(prefix.length) };
  return { index: 0, name: fullName };
}

function prefixOf(index: number): string {
  return PREFIXES.find(([, known]) => known === index)?.[0] ?? '';
}

function round4(length: number): number {
  return (length + 3) & ~3;
}
