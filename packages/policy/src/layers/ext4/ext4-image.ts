import { Buffer } from 'node:buffer';

import { BlockStream } from '../block-stream.ts';
import type { WriteBlock } from '../block-stream.ts';
import { conflict, limitExceeded } from '../layer-errors.ts';
import { compareNames, componentsFromRoot } from '../names.ts';
import { BLOCK } from '../verity.ts';
import type { HashBlocks } from '../verity.ts';
import { attributeBlock, placeAttributes, readInlineAttributes, writeInlineAttributes } from './attributes.ts';
import type { Attributes } from './attributes.ts';
import { directoryBlocks } from './directory-blocks.ts';
import type { DirectoryEntry } from './directory-blocks.ts';
import { extentTree } from './extents.ts';
import { blockBitmap, FIRST_DATA_BLOCK, groupDescriptors, inodeBitmap, layOut } from './geometry.ts';
import { MAXIMUM_BLOCKS, superBlock } from './geometry.ts';
import type { Geometry, GroupCounts } from './geometry.ts';
import { FILE_TYPE, INODE_BYTES, InodeTable, ROOT_INODE, TYPE_MASK } from './inode-table.ts';
import type { InodeFacts } from './inode-table.ts';
import { copyTime } from './times.ts';

/** A file to be put into the image. `size` only counts for regular files. */
export interface ImageFile extends InodeFacts {
  /** Where a symbolic link leads, one character per byte. */
  readonly target: string;
  readonly attributes: Attributes;
}

const MAXIMUM_LINKS = 65_000;
const SHORT_LINK = 59;
/** Attributes of directories beyond those that fit into inodes are kept until the end: 64 MiB of them at most. */
const MAXIMUM_KEPT_ATTRIBUTES = 64 * 1024 * 1024;
const NO_ATTRIBUTES: Attributes = new Map();
const NO_TIMES = { atime: 0n, ctime: 0n, mtime: 0n, crtime: 0n };
const OPAQUE = 'trusted.overlay.opaque';

/** Everything zero: the base of whiteouts and of the first directories. */
export function emptyFile(mode: number): ImageFile {
  const facts = { mode, uid: 0, gid: 0, size: 0, ...NO_TIMES, devMajor: 0, devMinor: 0 };
  return { ...facts, target: '', attributes: NO_ATTRIBUTES };
}

/**
 * Writes a compact ext4 image in one pass: no journal, no checksums, no identifiers, content in the order in which it comes,
 * then directories, inodes and bitmaps. The same calls give the same bytes. Calls are refused with LAYER_ENTRY_CONFLICT where
 * the platform's own converter refuses them.
 */
export class Ext4Image {
  readonly #stream: BlockStream;
  readonly #inodes: InodeTable;
  readonly #directories = new Map<number, Map<string, number>>();
  /** Attributes in the attribute blocks of directories. */
  readonly #keptAttributes = new Map<number, Map<string, string>>();
  #keptBytes = 0;
  /** Attribute blocks that were written again after they had gone by. */
  readonly #rewritten = new Map<number, Uint8Array>();
  /** The regular file whose content is being written. */
  #open: { readonly inode: number; readonly start: number; left: number } | undefined;

  constructor(hashBlocks: HashBlocks, maximumEntries: number, writeBlock?: WriteBlock) {
    this.#stream = new BlockStream(FIRST_DATA_BLOCK, hashBlocks, writeBlock);
    this.#inodes = new InodeTable(maximumEntries);
    this.#makeInode(emptyFile(FILE_TYPE.directory | 0o755), ROOT_INODE, '/');
    this.#inodes.addLinks(ROOT_INODE, 1);
    this.create('lost+found', emptyFile(FILE_TYPE.directory | 0o700));
  }

  get isFull(): boolean {
    return this.#stream.isFull;
  }

  async drain(): Promise<void> {
    await this.#stream.drain();
  }

  /** Creates missing directories on the way to `name`, each as a copy of the one it is in. */
  makeParents(name: string): void {
    let parent = ROOT_INODE;
    const components = componentsFromRoot(name).slice(0, -1);
    for (const component of components) {
      const existing = this.#children(parent, name).get(component);
      if (existing === undefined) parent = this.#createIn(parent, component, this.#copyOf(parent), name);
      else parent = existing;
    }
  }

  /** Adds a file, or updates one where an ext4 image can. The content of a regular file follows with `content` and `hole`. */
  create(name: string, file: ImageFile): void {
    const components = componentsFromRoot(name);
    const last = components.pop();
    if (last === undefined) {
      if ((file.mode & TYPE_MASK) !== FILE_TYPE.directory) throw conflict(name, 'a file cannot replace a directory');
      this.#makeInode(file, ROOT_INODE, name);
      return;
    }
    this.#createIn(this.#directory(components, name), last, file, name);
  }

  /** Gives a file another name. */
  link(target: string, name: string): void {
    const components = componentsFromRoot(name);
    const last = components.pop();
    const directory = this.#directory(components, name);
    const existing = last === undefined ? ROOT_INODE : this.#children(directory, name).get(last);
    const isDirectory = existing !== undefined && this.#inodes.type(existing) === FILE_TYPE.directory;
    if (existing !== undefined && (isDirectory || this.#inodes.links(existing) < 2))
      throw conflict(name, 'a hard link cannot replace what is there');
    const inode = this.#find(target);
    if (inode === undefined) throw conflict(name, 'it is a hard link to a file that the layer does not have');
    if (this.#inodes.type(inode) === FILE_TYPE.directory) throw conflict(name, 'it is a hard link to a directory');
    if (existing !== inode && this.#inodes.links(inode) >= MAXIMUM_LINKS)
      throw limitExceeded('a file with too many hard links', MAXIMUM_LINKS);
    if (existing !== undefined) this.#inodes.addLinks(existing, -1);
    this.#inodes.addLinks(inode, 1);
    this.#children(directory, name).set(last ?? '', inode);
  }

  /** Marks a directory as hiding the ones below it, which keeps all its attributes. */
  makeOpaque(name: string): void {
    const inode = this.#find(name);
    if (inode === undefined) throw conflict(name, 'an opaque whiteout names a directory that does not exist');
    const facts = this.#inodes.facts(inode);
    const attributes = new Map([
      ...readInlineAttributes(this.#inodes.inlineArea(inode)),
      ...(this.#keptAttributes.get(inode) ?? []),
      [OPAQUE, 'y'],
    ]);
    this.create(name, { ...facts, ...copiedTimes(facts), target: '', attributes });
  }

  /** Bytes of the regular file that was created last. */
  content(bytes: Uint8Array): void {
    if (this.#open === undefined) return;
    this.#stream.write(bytes);
    this.#open.left -= bytes.length;
    if (this.#open.left <= 0) this.#close();
  }

  /** Zero bytes of that file. */
  hole(length: number): void {
    if (this.#open === undefined) return;
    this.#stream.zeros(length);
    this.#open.left -= length;
    if (this.#open.left <= 0) this.#close();
  }

  /** Writes everything that follows the content. Answers the root hash and the size of the image. */
  async finish(): Promise<{ readonly rootHash: Uint8Array; readonly imageBytes: number }> {
    await this.#writeDirectories();
    const geometry = layOut(this.#stream.block, this.#inodes.count);
    await this.#writeInodes(geometry);
    const counts = this.#countDirectories(geometry).map((directories, group): GroupCounts => {
      const blocks = blockBitmap(geometry, group);
      const inodes = inodeBitmap(geometry, group, this.#inodes.count);
      this.#stream.write(blocks.bytes);
      this.#stream.write(inodes.bytes);
      return { usedBlocks: blocks.used, usedInodes: inodes.used, directories };
    });
    this.#stream.zeros((geometry.blocks - geometry.end) * BLOCK);
    await this.#stream.settle();
    await this.#writeLateBlocks(geometry, counts);
    return { rootHash: this.#stream.digests.root(geometry.blocks), imageBytes: geometry.blocks * BLOCK };
  }

  #createIn(directory: number, name: string, file: ImageFile, fullName: string): number {
    const children = this.#children(directory, fullName);
    const existing = children.get(name);
    const isDirectory = (file.mode & TYPE_MASK) === FILE_TYPE.directory;
    if (existing === undefined) {
      if (isDirectory && this.#inodes.links(directory) >= MAXIMUM_LINKS)
        throw limitExceeded('a directory with too many directories in it', MAXIMUM_LINKS);
    } else {
      const wasDirectory = this.#inodes.type(existing) === FILE_TYPE.directory;
      if (wasDirectory && !isDirectory) throw conflict(fullName, 'a file cannot replace a directory');
      if (!wasDirectory && isDirectory) throw conflict(fullName, 'a directory cannot replace a file');
      if (wasDirectory || this.#inodes.links(existing) < 2) {
        this.#makeInode(file, existing, fullName);
        return existing;
      }
    }
    const inode = this.#makeInode(file, undefined, fullName);
    if (existing !== undefined) this.#inodes.addLinks(existing, -1);
    children.set(name, inode);
    this.#inodes.addLinks(inode, 1);
    if (isDirectory) this.#inodes.addLinks(directory, 1);
    return inode;
  }

  #makeInode(file: ImageFile, reused: number | undefined, name: string): number {
    if (reused !== undefined && this.#inodes.hasExtents(reused))
      throw conflict(name, 'the layer carries this file twice, and the first one has content');
    const type = (file.mode & TYPE_MASK) === 0 ? FILE_TYPE.regular : file.mode & TYPE_MASK;
    const permissions = type === FILE_TYPE.symlink ? file.mode | 0o777 : file.mode;
    const size = sizeOf(file, type);
    if (this.#stream.block + Math.ceil(size / BLOCK) > MAXIMUM_BLOCKS)
      throw limitExceeded('more content than an image takes', MAXIMUM_BLOCKS * BLOCK);
    const inode = reused ?? this.#inodes.add();
    this.#inodes.describe(inode, { ...file, mode: (permissions & 0xfff) | type, size });
    if (type === FILE_TYPE.directory && !this.#directories.has(inode)) {
      this.#directories.set(inode, new Map());
      this.#inodes.addLinks(inode, 1);
    }
    this.#writeAttributes(inode, file.attributes, type === FILE_TYPE.directory);
    if (size === 0) return inode;
    if (type === FILE_TYPE.symlink && size <= SHORT_LINK) this.#inodes.setShortLink(inode, file.target);
    else if (type !== FILE_TYPE.directory) {
      this.#open = { inode, start: this.#stream.block, left: size };
      if (type === FILE_TYPE.symlink) this.content(Buffer.from(file.target, 'latin1'));
    }
    return inode;
  }

  #writeAttributes(inode: number, added: Attributes, isDirectory: boolean): void {
    const area = this.#inodes.inlineArea(inode);
    const before = readInlineAttributes(area);
    const written = this.#inodes.attributeBlock(inode);
    if (added.size === 0 && before.size === 0 && written === 0) return;
    const all = new Map([...before, ...added]);
    const { inline, block } = placeAttributes(all);
    writeInlineAttributes(area, inline);
    if (isDirectory) this.#keepAttributes(inode, new Map([...all].filter(([name]) => !isInline(area, name))));
    if (block.length === 0 && written === 0) return;
    const bytes = attributeBlock(block);
    if (written !== 0) {
      this.#rewritten.set(written, bytes);
      this.#countKept(BLOCK);
      return;
    }
    this.#inodes.setAttributeBlock(inode, this.#stream.block);
    this.#stream.write(bytes);
  }

  #keepAttributes(inode: number, attributes: Map<string, string>): void {
    if (attributes.size === 0) {
      this.#keptAttributes.delete(inode);
      return;
    }
    this.#keptAttributes.set(inode, attributes);
    this.#countKept(BLOCK);
  }

  #countKept(bytes: number): void {
    this.#keptBytes += bytes;
    if (this.#keptBytes > MAXIMUM_KEPT_ATTRIBUTES)
      throw limitExceeded('too many extended attributes of directories', MAXIMUM_KEPT_ATTRIBUTES);
  }

  /** Ends a file: pads it, and notes where it is. */
  #close(): void {
    if (this.#open === undefined) return;
    const { inode, start } = this.#open;
    this.#open = undefined;
    this.#stream.pad();
    this.#placeContent(inode, start);
  }

  #placeContent(inode: number, start: number): void {
    const blocks = this.#stream.block - start;
    const { area, nodes } = extentTree(start, blocks);
    for (const node of nodes) this.#stream.write(node);
    this.#inodes.setExtents(inode, area, blocks + nodes.length);
  }

  #copyOf(directory: number): ImageFile {
    const facts = this.#inodes.facts(directory);
    return { ...facts, ...copiedTimes(facts), target: '', attributes: NO_ATTRIBUTES };
  }

  #children(directory: number, name: string): Map<string, number> {
    const children = this.#directories.get(directory);
    if (children === undefined) throw conflict(name, 'something on the way to it is not a directory');
    return children;
  }

  #directory(components: readonly string[], name: string): number {
    const inode = this.#walk(components);
    if (inode === undefined) throw conflict(name, 'something on the way to it is not a directory');
    return inode;
  }

  #find(name: string): number | undefined {
    return this.#walk(componentsFromRoot(name));
  }

  #walk(components: readonly string[]): number | undefined {
    let inode: number | undefined = ROOT_INODE;
    for (const component of components) {
      if (inode === undefined) return undefined;
      inode = this.#directories.get(inode)?.get(component);
    }
    return inode;
  }

  /** Depth first from the root; a directory's entries in ascending order of inodes. */
  async #writeDirectories(): Promise<void> {
    const waiting = [{ inode: ROOT_INODE, parent: ROOT_INODE }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { inode, parent } = next;
      const children = [...(this.#directories.get(inode) ?? [])].toSorted(
        ([leftName, left], [rightName, right]) => left - right || compareNames(leftName, rightName),
      );
      const start = this.#stream.block;
      for (const block of directoryBlocks(this.#entries(inode, parent, children))) this.#stream.write(block);
      this.#inodes.setSize(inode, (this.#stream.block - start) * BLOCK);
      this.#placeContent(inode, start);
      for (const [, child] of children.toReversed())
        if (this.#directories.has(child)) waiting.push({ inode: child, parent: inode });
      if (this.isFull) await this.drain();
    }
  }

  *#entries(
    inode: number,
    parent: number,
    children: readonly (readonly [name: string, inode: number])[],
  ): Generator<DirectoryEntry> {
    yield { inode, name: '.', type: FILE_TYPE.directory };
    yield { inode: parent, name: '..', type: FILE_TYPE.directory };
    for (const [name, child] of children) yield { inode: child, name, type: this.#inodes.type(child) };
  }

  async #writeInodes(geometry: Geometry): Promise<void> {
    for (let inode = 1; inode <= this.#inodes.count; inode += 1) {
      this.#stream.write(this.#inodes.record(inode));
      if (this.isFull) await this.drain();
    }
    this.#stream.zeros(geometry.inodeTableBlocks * BLOCK - this.#inodes.count * INODE_BYTES);
  }

  #countDirectories(geometry: Geometry): number[] {
    const counts = Array.from({ length: geometry.groups }, () => 0);
    for (const inode of this.#directories.keys()) {
      const group = Math.floor((inode - 1) / geometry.inodesPerGroup);
      counts[group] = (counts[group] ?? 0) + 1;
    }
    return counts;
  }

  /** The start of the image, which counts what follows it, and attribute blocks that changed. */
  async #writeLateBlocks(geometry: Geometry, counts: readonly GroupCounts[]): Promise<void> {
    for (const [block, bytes] of this.#rewritten) {
      this.#stream.patch(block, bytes);
      if (this.isFull) await this.drain();
    }
    this.#stream.patch(0, Buffer.concat([superBlock(geometry, counts), groupDescriptors(geometry, counts)]));
    await this.#stream.settle();
  }
}

function sizeOf(file: ImageFile, type: number): number {
  if (type === FILE_TYPE.symlink) return file.target.length;
  return type === FILE_TYPE.regular ? file.size : 0;
}

function isInline(area: Uint8Array, name: string): boolean {
  return readInlineAttributes(area).has(name);
}

function copiedTimes(facts: InodeFacts): Pick<InodeFacts, 'atime' | 'ctime' | 'mtime' | 'crtime'> {
  return {
    atime: copyTime(facts.atime),
    ctime: copyTime(facts.ctime),
    mtime: copyTime(facts.mtime),
    crtime: copyTime(facts.crtime),
  };
}
