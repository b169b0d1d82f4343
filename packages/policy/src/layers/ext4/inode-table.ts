import { Buffer } from 'node:buffer';

import { limitExceeded } from '../layer-errors.ts';
import { INLINE_AREA } from './attributes.ts';

export const INODE_BYTES = 256;
export const ROOT_INODE = 2;
export const LOST_AND_FOUND = 11;
const INODES_PER_CHUNK = 1024;
const INODE_USED = INODE_BYTES - INLINE_AREA;
const NO_CHUNK = Buffer.alloc(0);

/** Flags of an inode: block counts are in file system blocks; the block area holds extents. */
const HUGE_FILE_FLAG = 0x4_0000;
const EXTENTS_FLAG = 0x8_0000;

export const TYPE_MASK = 0xf000;
export const FILE_TYPE = {
  fifo: 0x1000,
  character: 0x2000,
  directory: 0x4000,
  block: 0x6000,
  regular: 0x8000,
  symlink: 0xa000,
  socket: 0xc000,
} as const;

/** What `describe` writes: everything about a file except its names and its place on the disk. */
export interface InodeFacts {
  /** Type and low 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Encoded: see times.ts. */
  readonly atime: bigint;
  readonly ctime: bigint;
  readonly mtime: bigint;
  readonly crtime: bigint;
  readonly devMajor: number;
  readonly devMinor: number;
}

/** The inodes of an image, kept in the form in which they are written: 256 bytes each, little-endian. */
export class InodeTable {
  readonly #chunks: Buffer[] = [];
  readonly #maximum: number;
  /** The highest number in use. */
  count = LOST_AND_FOUND - 1;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** @throws MalformedError LAYER_LIMIT_EXCEEDED */
  add(): number {
    if (this.count - LOST_AND_FOUND >= this.#maximum) throw limitExceeded('too many files', this.#maximum);
    this.count += 1;
    return this.count;
  }

  /** The 256 bytes of an inode; changes of them are changes of the inode. */
  record(inode: number): Buffer {
    const chunk = Math.floor((inode - 1) / INODES_PER_CHUNK);
    while (this.#chunks.length <= chunk) this.#chunks.push(Buffer.alloc(INODES_PER_CHUNK * INODE_BYTES));
    const start = ((inode - 1) % INODES_PER_CHUNK) * INODE_BYTES;
    return (this.#chunks[chunk] ?? NO_CHUNK).subarray(start, start + INODE_BYTES);
  }

  type(inode: number): number {
    return this.record(inode).readUInt16LE(0) & TYPE_MASK;
  }

  links(inode: number): number {
    return this.record(inode).readUInt16LE(26);
  }

  addLinks(inode: number, difference: number): void {
    this.record(inode).writeUInt16LE(this.links(inode) + difference, 26);
  }

  hasExtents(inode: number): boolean {
    return (this.record(inode).readUInt32LE(32) & EXTENTS_FLAG) !== 0;
  }

  attributeBlock(inode: number): number {
    return this.record(inode).readUInt32LE(104);
  }

  setAttributeBlock(inode: number, block: number): void {
    const record = this.record(inode);
    record.writeUInt32LE(block, 104);
    record.writeUInt32LE(record.readUInt32LE(28) + 1, 28);
  }

  /** The bytes for attributes inside of the inode. */
  inlineArea(inode: number): Buffer {
    return this.record(inode).subarray(INODE_USED);
  }

  setSize(inode: number, size: number): void {
    const record = this.record(inode);
    record.writeUInt32LE(size % 2 ** 32, 4);
    record.writeUInt32LE(Math.floor(size / 2 ** 32), 108);
  }

  /** Puts the block area of content in place; `blocks` are data and extent blocks together. */
  setExtents(inode: number, area: Uint8Array, blocks: number): void {
    const record = this.record(inode);
    record.set(area, 40);
    record.writeUInt32LE(record.readUInt32LE(32) | EXTENTS_FLAG, 32);
    record.writeUInt32LE(record.readUInt32LE(28) + blocks, 28);
  }

  setShortLink(inode: number, target: string): void {
    this.record(inode).write(target, 40, 'latin1');
  }

  /** Writes everything but links, places of content and attributes; what was there of the block area is cleared. */
  describe(inode: number, facts: InodeFacts): void {
    const record = this.record(inode);
    record.writeUInt16LE(facts.mode, 0);
    record.writeUInt16LE(facts.uid & 0xffff, 2);
    record.writeUInt16LE(facts.uid >>> 16, 120);
    record.writeUInt16LE(facts.gid & 0xffff, 24);
    record.writeUInt16LE(facts.gid >>> 16, 122);
    this.setSize(inode, facts.size);
    writeTime(record, facts.atime, 8, 140);
    writeTime(record, facts.ctime, 12, 132);
    writeTime(record, facts.mtime, 16, 136);
    writeTime(record, facts.crtime, 144, 148);
    record.writeUInt32LE(HUGE_FILE_FLAG, 32);
    record.fill(0, 40, 100);
    record.writeUInt32LE(deviceNumber(facts.devMajor, facts.devMinor), 44);
    record.writeUInt16LE(24, 128);
  }

  /** What `describe` wrote. Only the device numbers are lost: no copy of an inode needs them. */
  facts(inode: number): InodeFacts {
    const record = this.record(inode);
    return {
      mode: record.readUInt16LE(0),
      uid: record.readUInt16LE(2) + record.readUInt16LE(120) * 0x1_0000,
      gid: record.readUInt16LE(24) + record.readUInt16LE(122) * 0x1_0000,
      size: record.readUInt32LE(4) + record.readUInt32LE(108) * 2 ** 32,
      atime: readTime(record, 8, 140),
      ctime: readTime(record, 12, 132),
      mtime: readTime(record, 16, 136),
      crtime: readTime(record, 144, 148),
      devMajor: 0,
      devMinor: 0,
    };
  }
}

function writeTime(record: Buffer, encoded: bigint, low: number, high: number): void {
  record.writeUInt32LE(Number(encoded & 0xffff_ffffn), low);
  record.writeUInt32LE(Number(encoded >> 32n), high);
}

function readTime(record: Buffer, low: number, high: number): bigint {
  return BigInt(record.readUInt32LE(low)) | (BigInt(record.readUInt32LE(high)) << 32n);
}

/** The 32-bit device number of Linux. */
function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
