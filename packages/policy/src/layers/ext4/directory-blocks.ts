import { Buffer } from 'node:buffer';

import { BLOCK } from '../verity.ts';
import { FILE_TYPE } from './inode-table.ts';

export interface DirectoryEntry {
  readonly inode: number;
  /** One character per byte. */
  readonly name: string;
  /** The type bits of the inode's mode. */
  readonly type: number;
}

const HEADER = 8;
/** An unused entry ends every block, so room for one stays free. */
const UNUSED_ENTRY = 12;
const TYPE_CODES: ReadonlyMap<number, number> = new Map([
  [FILE_TYPE.regular, 1],
  [FILE_TYPE.directory, 2],
  [FILE_TYPE.character, 3],
  [FILE_TYPE.block, 4],
  [FILE_TYPE.fifo, 5],
  [FILE_TYPE.socket, 6],
  [FILE_TYPE.symlink, 7],
]);

/** The blocks of a linear directory, one after the other; each is only valid until the next is taken. */
export function* directoryBlocks(entries: Iterable<DirectoryEntry>): Generator<Uint8Array> {
  const block = Buffer.alloc(BLOCK);
  let at = 0;
  for (const { inode, name, type } of entries) {
    const length = HEADER + ((name.length + 3) & ~3);
    if (BLOCK - at < length + UNUSED_ENTRY) {
      block.writeUInt16LE(BLOCK - at, at + 4);
      yield block;
      block.fill(0);
      at = 0;
    }
    block.writeUInt32LE(inode, at);
    block.writeUInt16LE(length, at + 4);
    block.writeUInt8(name.length, at + 6);
    block.writeUInt8(TYPE_CODES.get(type) ?? 0, at + 7);
    block.write(name, at + HEADER, 'latin1');
    at += length;
  }
  block.writeUInt16LE(BLOCK - at, at + 4);
  yield block;
}
