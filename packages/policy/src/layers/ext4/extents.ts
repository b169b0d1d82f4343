import { Buffer } from 'node:buffer';

import { limitExceeded } from '../layer-errors.ts';
import { BLOCK } from '../verity.ts';

const MAGIC = 0xf30a;
const EXTENT_BLOCKS = 32_768;
const INLINE_EXTENTS = 4;
const NODE_EXTENTS = 340;
const ENTRY = 12;

/** Where the content of a file is: the 60 bytes for its inode, and the blocks that follow the content. */
export interface ExtentTree {
  readonly area: Uint8Array;
  readonly nodes: readonly Uint8Array[];
}

/**
 * Describes `blocks` blocks of content that lie together from `start` on.
 * @throws MalformedError LAYER_LIMIT_EXCEEDED where the reference writer makes a damaged tree
 * @see Linux kernel, Documentation/filesystems/ext4/ifork.rst
 */
export function extentTree(start: number, blocks: number): ExtentTree {
  const extents = Math.ceil(blocks / EXTENT_BLOCKS);
  if (extents >= NODE_EXTENTS) throw limitExceeded(`a file of ${blocks} blocks`, (NODE_EXTENTS - 1) * EXTENT_BLOCKS);
  const area = Buffer.alloc(60);
  if (extents <= INLINE_EXTENTS) {
    writeHeader(area, extents, INLINE_EXTENTS, 0);
    writeLeaves(area, start, blocks, extents);
    return { area, nodes: [] };
  }
  writeHeader(area, 1, INLINE_EXTENTS, 1);
  area.writeUInt32LE(start + blocks, ENTRY + 4);
  const node = Buffer.alloc(BLOCK);
  writeHeader(node, extents, NODE_EXTENTS, 0);
  writeLeaves(node, start, blocks, extents);
  return { area, nodes: [node] };
}

function writeHeader(bytes: Buffer, entries: number, maximum: number, depth: number): void {
  bytes.writeUInt16LE(MAGIC, 0);
  bytes.writeUInt16LE(entries, 2);
  bytes.writeUInt16LE(maximum, 4);
  bytes.writeUInt16LE(depth, 6);
}

function writeLeaves(bytes: Buffer, start: number, blocks: number, extents: number): void {
  for (let index = 0; index < extents; index += 1) {
    const logical = index * EXTENT_BLOCKS;
    const at = ENTRY * (index + 1);
    bytes.writeUInt32LE(logical, at);
    bytes.writeUInt16LE(Math.min(EXTENT_BLOCKS, blocks - logical), at + 4);
    bytes.writeUInt32LE(start + logical, at + 8);
  }
}
