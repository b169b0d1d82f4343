import { Buffer } from 'node:buffer';

import { limitExceeded } from '../layer-errors.ts';
import { BLOCK } from '../verity.ts';
import { INODE_BYTES, LOST_AND_FOUND } from './inode-table.ts';

export const BLOCKS_PER_GROUP = 32_768;
/** The largest image: 128 GiB, which is what the descriptor blocks are reserved for. */
export const MAXIMUM_BLOCKS = 2 ** 37 / BLOCK;
const DESCRIPTOR = 32;
const DESCRIPTORS_PER_BLOCK = BLOCK / DESCRIPTOR;
export const DESCRIPTOR_BLOCKS = Math.ceil(MAXIMUM_BLOCKS / BLOCKS_PER_GROUP / DESCRIPTORS_PER_BLOCK);
/** Behind the super block and the descriptors. */
export const FIRST_DATA_BLOCK = 1 + DESCRIPTOR_BLOCKS;
const INODE_STEP = BLOCK / INODE_BYTES;

/** Where the parts of an image lie that follow its content. Blocks are counted from the start of the image. */
export interface Geometry {
  readonly groups: number;
  readonly inodesPerGroup: number;
  readonly inodeTable: number;
  readonly inodeTableBlocks: number;
  readonly bitmaps: number;
  /** The first block behind everything that is used. */
  readonly end: number;
  /** Blocks of the whole image. */
  readonly blocks: number;
}

/**
 * Lays out an image whose content ends before `dataEnd`, with as few block groups as possible.
 * @throws MalformedError LAYER_LIMIT_EXCEEDED
 */
export function layOut(dataEnd: number, inodes: number): Geometry {
  let groups = Infinity;
  let inodesPerGroup = INODE_STEP;
  for (let candidate = INODE_STEP; candidate <= BLOCKS_PER_GROUP; candidate += INODE_STEP) {
    const needed = groupsFor(dataEnd, inodes, candidate);
    if (needed >= groups) continue;
    groups = needed;
    inodesPerGroup = candidate;
  }
  const inodeTableBlocks = (groups * inodesPerGroup) / INODE_STEP;
  const bitmaps = dataEnd + inodeTableBlocks;
  const end = bitmaps + 2 * groups;
  const blocks = Math.max(end, (groups - 1) * BLOCKS_PER_GROUP + 1);
  if (blocks > MAXIMUM_BLOCKS) throw limitExceeded(`content that needs an image of ${blocks} blocks`, MAXIMUM_BLOCKS);
  return { groups, inodesPerGroup, inodeTable: dataEnd, inodeTableBlocks, bitmaps, end, blocks };
}

function groupsFor(dataEnd: number, inodes: number, inodesPerGroup: number): number {
  const dataBlocksPerGroup = BLOCKS_PER_GROUP - inodesPerGroup / INODE_STEP - 2;
  const minimum = Math.floor((inodes - 1) / inodesPerGroup) * dataBlocksPerGroup + 1;
  return Math.ceil(Math.max(dataEnd, minimum) / dataBlocksPerGroup);
}

/** The block bitmap of one group and how many of its bits are set. */
export function blockBitmap(geometry: Geometry, group: number): { readonly bytes: Uint8Array; readonly used: number } {
  const bytes = Buffer.alloc(BLOCK);
  const first = group * BLOCKS_PER_GROUP;
  let used = setBits(bytes, 0, Math.min(BLOCKS_PER_GROUP, Math.max(0, geometry.end - first)));
  if (group === 0) {
    for (let block = 1 + usedDescriptorBlocks(geometry); block <= DESCRIPTOR_BLOCKS; block += 1) {
      bytes.writeUInt8(bytes.readUInt8(block >> 3) & ~(1 << (block & 7)), block >> 3);
      used -= 1;
    }
  }
  const tail = geometry.blocks % BLOCKS_PER_GROUP;
  if (group === geometry.groups - 1 && tail !== 0) used += setBits(bytes, tail, BLOCKS_PER_GROUP);
  return { bytes, used };
}

/** The inode bitmap of one group and how many of its bits are set. `inodes` is the highest number in use. */
export function inodeBitmap(
  geometry: Geometry,
  group: number,
  inodes: number,
): { readonly bytes: Uint8Array; readonly used: number } {
  const bytes = Buffer.alloc(BLOCK);
  const here = Math.max(inodes, LOST_AND_FOUND - 1) - group * geometry.inodesPerGroup;
  return { bytes, used: setBits(bytes, 0, Math.min(geometry.inodesPerGroup, Math.max(0, here))) };
}

/** Sets the bits from `from` up to `to` and answers how many that are. */
function setBits(bytes: Buffer, from: number, to: number): number {
  let bit = from;
  while (bit < to && (bit & 7) !== 0) {
    bytes.writeUInt8(bytes.readUInt8(bit >> 3) | (1 << (bit & 7)), bit >> 3);
    bit += 1;
  }
  const whole = Math.max(bit >> 3, to >> 3);
  if (bit < to) {
    bytes.fill(0xff, bit >> 3, whole);
    if ((to & 7) !== 0) bytes.writeUInt8(bytes.readUInt8(whole) | ((1 << (to & 7)) - 1), whole);
  }
  return Math.max(0, to - from);
}

/** Counts of one group, for its descriptor. */
export interface GroupCounts {
  readonly usedBlocks: number;
  readonly usedInodes: number;
  readonly directories: number;
}

function usedDescriptorBlocks(geometry: Geometry): number {
  return Math.ceil(geometry.groups / DESCRIPTORS_PER_BLOCK);
}

/** All descriptor blocks, unused ones included. */
export function groupDescriptors(geometry: Geometry, counts: readonly GroupCounts[]): Uint8Array {
  const bytes = Buffer.alloc(DESCRIPTOR_BLOCKS * BLOCK);
  for (const [group, { usedBlocks, usedInodes, directories }] of counts.entries()) {
    const at = group * DESCRIPTOR;
    bytes.writeUInt32LE(geometry.bitmaps + 2 * group, at);
    bytes.writeUInt32LE(geometry.bitmaps + 2 * group + 1, at + 4);
    bytes.writeUInt32LE(geometry.inodeTable + (group * geometry.inodesPerGroup) / INODE_STEP, at + 8);
    bytes.writeUInt16LE((BLOCKS_PER_GROUP - usedBlocks) & 0xffff, at + 12);
    bytes.writeUInt16LE((geometry.inodesPerGroup - usedInodes) & 0xffff, at + 14);
    bytes.writeUInt16LE(directories & 0xffff, at + 16);
  }
  return bytes;
}

/** The first block of the image: 1024 empty bytes and the super block. */
export function superBlock(geometry: Geometry, counts: readonly GroupCounts[]): Uint8Array {
  const bytes = Buffer.alloc(BLOCK);
  const fields = bytes.subarray(1024);
  const { groups, inodesPerGroup } = geometry;
  const usedBlocks = counts.reduce((sum, group) => sum + group.usedBlocks, 0);
  const usedInodes = counts.reduce((sum, group) => sum + group.usedInodes, 0);
  const words: readonly (readonly [offset: number, value: number])[] = [
    [0, inodesPerGroup * groups],
    [4, geometry.blocks],
    [12, groups * BLOCKS_PER_GROUP - usedBlocks],
    [16, groups * inodesPerGroup - usedInodes],
    [24, 2],
    [28, 2],
    [32, BLOCKS_PER_GROUP],
    [36, BLOCKS_PER_GROUP],
    [40, inodesPerGroup],
    [76, 1],
    [84, LOST_AND_FOUND],
    [92, 0x208],
    [96, 0x242],
    [100, 0x104a],
    [616, LOST_AND_FOUND],
  ];
  for (const [offset, value] of words) fields.writeUInt32LE(value >>> 0, offset);
  const halves: readonly (readonly [offset: number, value: number])[] = [
    [56, 0xef53],
    [58, 1],
    [60, 1],
    [88, INODE_BYTES],
    [348, 24],
    [350, 24],
  ];
  for (const [offset, value] of halves) fields.writeUInt16LE(value, offset);
  fields.writeUInt8(31, 372);
  return bytes;
}
