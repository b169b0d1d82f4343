import { Buffer } from 'node:buffer';

import { BlockStream } from '../block-stream.ts';
import type { WriteBlock } from '../block-stream.ts';
import { BLOCK } from '../verity.ts';
import type { HashBlocks } from '../verity.ts';
import { sortedChildren, TARFS_TYPE, typeOf } from './tarfs-tree.ts';
import type { TarfsNode, TarfsTree } from './tarfs-tree.ts';

const RECORD = 32;
/** The super block of the index is the last 512 bytes of the image. */
const SUPER_BLOCK = 512;
const TYPE_CODE_SHIFT = 12;

/** A tar archive with an index behind it that lets a kernel mount it as it is: the image of AKS' Kata nodes. */
export class TarfsImage {
  readonly #stream: BlockStream;
  readonly #tree: TarfsTree;
  #tarBytes = 0;

  constructor(tree: TarfsTree, hashBlocks: HashBlocks, writeBlock?: WriteBlock) {
    this.#tree = tree;
    this.#stream = new BlockStream(0, hashBlocks, writeBlock);
  }

  get isFull(): boolean {
    return this.#stream.isFull;
  }

  async drain(): Promise<void> {
    await this.#stream.drain();
  }

  /** Bytes of the archive, everything up to its very end. */
  write(bytes: Uint8Array): void {
    this.#stream.write(bytes);
    this.#tarBytes += bytes.length;
  }

  /** Writes the index. Answers the root hash and the size of the image. */
  async finish(): Promise<{ readonly rootHash: Uint8Array; readonly imageBytes: number }> {
    const nodes = numberNodes(this.#tree.root);
    const { namesAt, textsAt } = this.#placeDirectories(nodes);
    await this.#writeInodes(nodes, textsAt);
    let nameAt = namesAt;
    for (const node of nodes) {
      if (typeOf(node) !== TARFS_TYPE.directory) continue;
      for (const [name, child] of sortedChildren(node)) {
        this.#stream.write(directoryRecord(name, child, nameAt));
        nameAt += name.length;
      }
      if (this.isFull) await this.drain();
    }
    for (const text of this.#tree.linkTexts) this.#stream.write(Buffer.from(text, 'latin1'));
    for (const node of nodes) {
      if (typeOf(node) !== TARFS_TYPE.directory) continue;
      for (const [name] of sortedChildren(node)) this.#stream.write(Buffer.from(name, 'latin1'));
      if (this.isFull) await this.drain();
    }
    // The reference counts names a second time while it writes them, and so leaves room for them twice.
    const end = Math.max(namesAt + 2 * (nameAt - namesAt), this.#stream.block * BLOCK + this.#stream.within);
    this.#stream.zeros(Math.ceil(end / BLOCK) * BLOCK - (this.#stream.block * BLOCK + this.#stream.within));
    this.#stream.zeros(BLOCK - SUPER_BLOCK);
    const superBlock = Buffer.alloc(SUPER_BLOCK);
    superBlock.writeBigUInt64LE(BigInt(this.#tarBytes), 0);
    superBlock.writeBigUInt64LE(BigInt(nodes.length), 8);
    this.#stream.write(superBlock);
    await this.#stream.settle();
    const blocks = this.#stream.block;
    return { rootHash: this.#stream.digests.root(blocks), imageBytes: blocks * BLOCK };
  }

  /** Gives directories their bodies' places, and says where link texts begin, and where names do. */
  #placeDirectories(nodes: readonly TarfsNode[]): { readonly textsAt: number; readonly namesAt: number } {
    let at = this.#tarBytes + nodes.length * RECORD;
    let texts = 0;
    for (const node of nodes) {
      if (typeOf(node) === TARFS_TYPE.directory) {
        node.offset = BigInt(at);
        node.size = RECORD * (node.children?.size ?? 0);
        at += node.size;
      } else if (isLongLink(node)) texts += node.size;
    }
    return { textsAt: at, namesAt: at + texts };
  }

  /** Long links take their places in the order of inodes though their texts follow in archive order, as in the reference. */
  async #writeInodes(nodes: readonly TarfsNode[], textsAt: number): Promise<void> {
    let textAt = textsAt;
    for (const node of nodes) {
      const isLong = isLongLink(node);
      this.#stream.write(inodeRecord(node, isLong ? BigInt(textAt) : node.offset));
      if (isLong) textAt += node.size;
      if (this.isFull) await this.drain();
    }
  }
}

function isLongLink(node: TarfsNode): boolean {
  return typeOf(node) === TARFS_TYPE.symlink && node.offset === 0n;
}

/** All nodes breadth-first, each once though it may have several names, and numbered from 1. */
function numberNodes(root: TarfsNode): readonly TarfsNode[] {
  root.number = 1;
  const nodes = [root];
  for (const node of nodes) {
    for (const [, child] of sortedChildren(node)) {
      if (child.number !== 0) continue;
      nodes.push(child);
      child.number = nodes.length;
    }
  }
  return nodes;
}

function inodeRecord(node: TarfsNode, offset: bigint): Uint8Array {
  const bytes = Buffer.alloc(RECORD);
  bytes.writeUInt16LE(node.mode, 0);
  bytes.writeUInt8(node.opaque ? 1 : 0, 2);
  bytes.writeUInt8(Number((node.mtime >> 32n) & 0xfn), 3);
  bytes.writeUInt32LE(node.uid, 4);
  bytes.writeUInt32LE(node.gid, 8);
  bytes.writeUInt32LE(Number(node.mtime & 0xffff_ffffn), 12);
  bytes.writeBigUInt64LE(BigInt(node.size), 16);
  bytes.writeBigUInt64LE(offset, 24);
  return bytes;
}

function directoryRecord(name: string, child: TarfsNode, nameAt: number): Uint8Array {
  const bytes = Buffer.alloc(RECORD);
  bytes.writeBigUInt64LE(BigInt(child.number), 0);
  bytes.writeBigUInt64LE(BigInt(nameAt), 8);
  bytes.writeBigUInt64LE(BigInt(name.length), 16);
  bytes.writeUInt8(typeOf(child) >> TYPE_CODE_SHIFT, 24);
  return bytes;
}
