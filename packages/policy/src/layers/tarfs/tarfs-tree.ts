import { tarEntryLinkname } from '../entry-names.ts';
import { limitExceeded } from '../layer-errors.ts';
import { compareNames, componentsInside } from '../names.ts';
import { low32 } from '../tar-header.ts';
import type { TarEntry, TarHandler } from '../tar-reader.ts';

export const TARFS_TYPE = {
  fifo: 0x1000,
  character: 0x2000,
  directory: 0x4000,
  block: 0x6000,
  regular: 0x8000,
  symlink: 0xa000,
};
const TYPE_MASK = 0xf000;
const WHITEOUT = '.wh.';
const OPAQUE_WHITEOUT = '.wh..wh..opq';
/** Where a header has the target of a link. */
const LINKNAME_OFFSET = 157;
/** Targets of links that do not fit into headers: 64 MiB of them at most. */
const MAXIMUM_LINK_TEXT = 64 * 1024 * 1024;
const TYPES: ReadonlyMap<string, number> = new Map([
  ['\0', TARFS_TYPE.regular],
  ['0', TARFS_TYPE.regular],
  ['2', TARFS_TYPE.symlink],
  ['3', TARFS_TYPE.character],
  ['4', TARFS_TYPE.block],
  ['5', TARFS_TYPE.directory],
  ['6', TARFS_TYPE.fifo],
]);

/** A file of the index. A directory that the layer does not carry itself has mode 0, type included. */
export interface TarfsNode {
  mode: number;
  opaque: boolean;
  uid: number;
  gid: number;
  /** Seconds; the index keeps the low 36 bits. */
  mtime: bigint;
  size: number;
  /** Position of the content in the archive; for devices both numbers. */
  offset: bigint;
  children: Map<string, TarfsNode> | undefined;
  /** Position in breadth-first order, from 1; 0 before it is known. */
  number: number;
}

function emptyNode(mode: number): TarfsNode {
  const none = { uid: 0, gid: 0, mtime: 0n, size: 0, offset: 0n };
  return { mode, opaque: false, ...none, children: undefined, number: 0 };
}

export function typeOf(node: TarfsNode): number {
  return node.mode & TYPE_MASK;
}

/** The children of a node in byte order of names. */
export function sortedChildren(node: TarfsNode): readonly (readonly [name: string, node: TarfsNode])[] {
  return [...(node.children ?? [])].toSorted(([left], [right]) => compareNames(left, right));
}

/** Collects the members of an archive into the tree that the tarfs index describes. */
export class TarfsTree implements TarHandler {
  root = emptyNode(TARFS_TYPE.directory | 0o555);
  /** Link targets that are in no header, in archive order; those of links that were replaced stay. */
  readonly linkTexts: string[] = [];
  readonly #maximum: number;
  #linkTextBytes = 0;
  #nodes = 1;

  constructor(maximumEntries: number) {
    this.#maximum = maximumEntries;
  }

  entry(entry: TarEntry): void {
    if (entry.header.typeflag === 'g') return;
    const components = componentsInside(entry.gnuName || entry.pax.get('path') || entry.header.name);
    if (components === undefined) return;
    const type = TYPES.get(entry.header.typeflag);
    if (type === undefined && entry.header.typeflag !== '1') return;
    if (type !== undefined && isDevice(type) && entry.header.variant === 'v7') return;
    if (type === undefined) this.#link(entry, components);
    else if (components.at(-1)?.startsWith(WHITEOUT) === true) this.#whiteOut(components);
    else this.#replace(this.#walk(components), entry, type);
  }

  content(): void {
    // The index only names positions.
  }

  hole(): void {
    // Sparse content is not expanded.
  }

  /** Makes a node of the tree describe `entry`, under all names that the node has, and drops what was in it. */
  #replace(node: TarfsNode, entry: TarEntry, type: number): void {
    const { header } = entry;
    Object.assign(node, emptyNode((header.mode & 0o777) | type));
    node.uid = low32(header.uid);
    node.gid = low32(header.gid);
    node.mtime = header.mtime;
    if (isDevice(type)) node.offset = BigInt(header.devMinor) | (BigInt(header.devMajor) << 32n);
    else if (type === TARFS_TYPE.regular) {
      node.size = entry.storedSize;
      node.offset = BigInt(entry.contentPosition);
    } else if (type === TARFS_TYPE.symlink) {
      const target = tarEntryLinkname(entry);
      node.size = target.length;
      if (target === header.linkname) node.offset = BigInt(header.position + LINKNAME_OFFSET);
      else this.#queueLinkText(target);
    }
  }

  #queueLinkText(target: string): void {
    this.linkTexts.push(target);
    this.#linkTextBytes += target.length;
    if (this.#linkTextBytes > MAXIMUM_LINK_TEXT)
      throw limitExceeded('too many bytes of long symbolic links', MAXIMUM_LINK_TEXT);
  }

  #whiteOut(components: readonly string[]): void {
    const parent = components.slice(0, -1);
    const name = components.at(-1) ?? '';
    if (name === OPAQUE_WHITEOUT) {
      this.#walk(parent).opaque = true;
      return;
    }
    const node = this.#walk([...parent, name.slice(WHITEOUT.length)]);
    node.children = undefined;
    node.mode = (node.mode & ~TYPE_MASK) | TARFS_TYPE.character;
    node.size = 0;
    node.offset = 0n;
  }

  /** A second name for a regular file; looking for it creates what is missing on the way. */
  #link(entry: TarEntry, components: readonly string[]): void {
    const target = componentsInside(tarEntryLinkname(entry));
    if (target === undefined) return;
    const node = this.#walk(target);
    if (typeOf(node) !== TARFS_TYPE.regular) return;
    const name = components.at(-1);
    if (name === undefined) {
      this.root = node;
      return;
    }
    const parent = this.#walk(components.slice(0, -1));
    parent.children ??= new Map();
    parent.children.set(name, node);
    this.#count();
  }

  #walk(components: readonly string[]): TarfsNode {
    let node = this.root;
    for (const component of components) {
      node.children ??= new Map();
      let child = node.children.get(component);
      if (child === undefined) {
        child = emptyNode(0);
        node.children.set(component, child);
        this.#count();
      }
      node = child;
    }
    return node;
  }

  #count(): void {
    this.#nodes += 1;
    if (this.#nodes > this.#maximum) throw limitExceeded('too many files', this.#maximum);
  }
}

function isDevice(type: number): boolean {
  return type === TARFS_TYPE.character || type === TARFS_TYPE.block;
}
