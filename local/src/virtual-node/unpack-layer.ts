import { Buffer } from 'node:buffer';
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';

import { MalformedError } from '@holdfast/base';
import { tarEntryLinkname, tarEntryName, TarReader } from '@holdfast/policy/layers';
import type { TarEntry } from '@holdfast/policy/layers';

const EXECUTABLE = 0o755;
const PLAIN = 0o644;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * Writes the files of one layer into a folder that holds the layers below it. Given the archive piece by piece, so that the
 * bytes that are unpacked are the very bytes that are being hashed. Owners and times are left out: whoever runs the node
 * owns everything. Devices and pipes are left out too.
 */
export class LayerUnpacker {
  readonly #root: string;
  readonly #reader: TarReader;
  /** Folders that are known to be folders and no links. */
  readonly #folders = new Set<string>();
  #file: number | undefined;

  constructor(root: string) {
    this.#root = root;
    this.#folders.add(root);
    this.#reader = new TarReader({
      entry: (entry) => this.#entry(entry),
      content: (bytes) => this.#write(bytes),
      hole: (length) => this.#write(new Uint8Array(length)),
    });
  }

  /** @throws MalformedError LAYER_TAR_MALFORMED, LAYER_PATH_UNSAFE */
  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  finish(): void {
    this.#reader.finish();
    this.close();
  }

  /** Gives the open file back; for when unpacking is given up. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #entry(entry: TarEntry): void {
    this.close();
    const { typeflag, mode } = entry.header;
    if (typeflag === 'g') return;
    const name = textOf(tarEntryName(entry));
    const target = this.#inside(name);
    if (target === this.#root) return;
    this.#makeFolder(dirname(target));
    if (this.#whiteOut(target)) return;
    const link = textOf(tarEntryLinkname(entry));
    switch (typeflag) {
      case '5':
        this.#makeFolder(target);
        return;
      case '2':
        this.#remove(target);
        // Windows wants to know what a link points to; all links of our images to folders point to folders of the image.
        symlinkSync(link, target, process.platform === 'win32' ? 'junction' : null);
        return;
      case '1': {
        const source = this.#inside(link);
        this.#makeFolder(dirname(source));
        this.#remove(target);
        linkSync(source, target);
        return;
      }
      case '0':
      case '\0':
      case '7':
        this.#remove(target);
        this.#file = openSync(target, 'wx');
        chmodSync(target, (mode & 0o111) === 0 ? PLAIN : EXECUTABLE);
        return;
      default:
    }
  }

  #write(bytes: Uint8Array): void {
    if (this.#file === undefined) return;
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
  }

  /** Removes what a layer below had, when `target` is the mark for that. */
  #whiteOut(target: string): boolean {
    const folder = dirname(target);
    const base = target.slice(folder.length + 1);
    if (!base.startsWith(WHITEOUT)) return false;
    if (base !== OPAQUE) this.#remove(join(folder, base.slice(WHITEOUT.length)));
    else if (folder !== this.#root) this.#remove(folder);
    return true;
  }

  #remove(target: string): void {
    if (lstatSync(target, { throwIfNoEntry: false }) === undefined) return;
    rmSync(target, { recursive: true, force: true });
    for (const folder of this.#folders) {
      if (folder === target || folder.startsWith(`${target}${sep}`)) this.#folders.delete(folder);
    }
  }

  /**
   * Makes a folder and those above it. The layer is not known to be the right one while it is unpacked, so a link in it must
   * not lead a later member out of the image.
   */
  #makeFolder(folder: string): void {
    if (this.#folders.has(folder)) return;
    this.#makeFolder(dirname(folder));
    const existing = lstatSync(folder, { throwIfNoEntry: false });
    if (existing?.isSymbolicLink() === true) throw unsafe(folder.slice(this.#root.length));
    if (existing === undefined) mkdirSync(folder);
    this.#folders.add(folder);
  }

  #inside(name: string): string {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..') || parts.some((part) => /[\0\\]/.test(part))) {
      throw unsafe(name);
    }
    return join(this.#root, ...parts);
  }
}

function unsafe(name: string): MalformedError {
  return new MalformedError('LAYER_PATH_UNSAFE', `the layer has a member outside of it: ${JSON.stringify(name)}`, {
    action: 'Build the image anew.',
  });
}

/** Names of an archive have one character per byte. */
function textOf(byteText: string): string {
  return Buffer.from(byteText, 'latin1').toString('utf8');
}
