import { createReadStream } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';

import { errorMessage, MalformedError, PlatformError, RequestError } from '@holdfast/base';
import { TAR_BLOCK, TarReader, tarEntryLinkname, tarEntryName } from '@holdfast/policy/layers';
import type { TarEntry, TarHandler } from '@holdfast/policy/layers';

import { cleanTarPath, isTarFile, tarNameText } from '../tar-path.ts';

/** Files by path, read only: a folder or a tar archive. Paths have forward slashes and no leading slash. */
export interface FileTree {
  /** Where it is, for messages. */
  readonly location: string;
  /** Bytes of a file; undefined when there is no such file. */
  size(path: string): Promise<number | undefined>;
  /** @throws MalformedError LAYOUT_MALFORMED when missing or longer than `maxBytes` */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  /** @throws MalformedError LAYOUT_MALFORMED when missing */
  stream(path: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

const READ_BYTES = 256 * 1024;
const MAX_ENTRIES = 200_000;
/** Headers of that many entries, with long names for some. */
const MAX_HEADER_BYTES = MAX_ENTRIES * TAR_BLOCK + 64 * 1024 * 1024;
const MAX_LINKS = 40;

/**
 * Opens a folder, or an uncompressed tar archive whose index of offsets is read at once.
 * @throws RequestError LAYOUT_NOT_FOUND
 * @throws MalformedError LAYOUT_MALFORMED
 */
export async function openFileTree(path: string): Promise<FileTree> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? new FolderTree(await realpath(path)) : await openTarTree(path);
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new RequestError('LAYOUT_NOT_FOUND', `cannot read ${path}: ${errorMessage(cause)}`, { cause });
  }
}

export function layoutMalformed(location: string, problem: string, cause?: unknown): MalformedError {
  return new MalformedError('LAYOUT_MALFORMED', `${location}: ${problem}`, cause === undefined ? {} : { cause });
}

class FolderTree implements FileTree {
  readonly location: string;

  constructor(folder: string) {
    this.location = folder;
  }

  async size(path: string): Promise<number | undefined> {
    const file = await this.#locate(path);
    return file === undefined ? undefined : (await stat(file)).size;
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array> {
    return collect(this.stream(path), maxBytes, this.location, path);
  }

  async *stream(path: string): AsyncGenerator<Uint8Array> {
    const file = await this.#locate(path);
    if (file === undefined) throw layoutMalformed(this.location, `${path} is missing`);
    yield* createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The real path, undefined when there is no file. A symbolic link must not lead out of the folder. */
  async #locate(path: string): Promise<string | undefined> {
    if (isAbsolute(path) || path.split(/[/\\]/).includes('..'))
      throw layoutMalformed(this.location, `${path} leads out of it`);
    let file: string;
    try {
      file = await realpath(join(this.location, path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') {
        return undefined;
      }
      throw layoutMalformed(this.location, `${path} cannot be read: ${errorMessage(error)}`, error);
    }
    if (!file.startsWith(this.location + sep)) throw layoutMalformed(this.location, `${path} leads out of it`);
    return (await stat(file)).isFile() ? file : undefined;
  }
}

interface TarFile {
  readonly offset: number;
  readonly size: number;
}

class TarTree implements FileTree {
  readonly location: string;
  readonly #handle: FileHandle;
  readonly #files: ReadonlyMap<string, TarFile>;
  readonly #links: ReadonlyMap<string, string>;

  constructor(location: string, handle: FileHandle, index: TarIndex) {
    this.location = location;
    this.#handle = handle;
    this.#files = index.files;
    this.#links = index.links;
  }

  size(path: string): Promise<number | undefined> {
    return Promise.resolve(this.#locate(path)?.size);
  }

  read(path: string, maxBytes: number): Promise<Uint8Array> {
    return collect(this.stream(path), maxBytes, this.location, path);
  }

  async *stream(path: string): AsyncGenerator<Uint8Array> {
    const file = this.#locate(path);
    if (file === undefined) throw layoutMalformed(this.location, `${path} is missing`);
    let at = 0;
    while (at < file.size) {
      // A new buffer each time: consumers may keep what they are given.
      const buffer = new Uint8Array(Math.min(READ_BYTES, file.size - at));
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, file.offset + at);
      if (bytesRead === 0) throw layoutMalformed(this.location, `it ends within ${path}`);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #locate(path: string): TarFile | undefined {
    let current = cleanTarPath(path);
    for (let hops = 0; hops < MAX_LINKS; hops += 1) {
      const file = this.#files.get(current);
      if (file !== undefined) return file;
      const target = this.#links.get(current);
      if (target === undefined) return undefined;
      current = target;
    }
    throw layoutMalformed(this.location, `the links at ${path} lead in a circle`);
  }
}

interface TarIndex {
  readonly files: ReadonlyMap<string, TarFile>;
  /** From path to path, hard and symbolic links alike. */
  readonly links: ReadonlyMap<string, string>;
}

async function openTarTree(path: string): Promise<FileTree> {
  const handle = await open(path, 'r');
  try {
    return new TarTree(path, handle, await readTarIndex(path, handle));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readTarIndex(path: string, handle: FileHandle): Promise<TarIndex> {
  const { size: end } = await handle.stat();
  const indexer = new TarIndexer(path, end);
  const reader = new TarReader(indexer);
  let at = 0;
  let headerBytes = 0;
  while (at + TAR_BLOCK <= end && !reader.ended) {
    const block = await readAt(handle, at, TAR_BLOCK);
    if (at === 0) refuseCompressed(path, block);
    reader.push(block);
    headerBytes += TAR_BLOCK;
    if (headerBytes > MAX_HEADER_BYTES) throw layoutMalformed(path, 'its headers are too long');
    at += TAR_BLOCK + reader.skipContent();
  }
  if (at === 0) throw layoutMalformed(path, 'it is no tar archive');
  reader.finish();
  return indexer;
}

/** Notes where the members of an archive are. A later member of the same name replaces an earlier one. */
class TarIndexer implements TarIndex, TarHandler {
  readonly files = new Map<string, TarFile>();
  readonly links = new Map<string, string>();
  readonly #location: string;
  readonly #end: number;
  #entries = 0;

  constructor(location: string, end: number) {
    this.#location = location;
    this.#end = end;
  }

  entry(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > MAX_ENTRIES) throw layoutMalformed(this.#location, `it has more than ${MAX_ENTRIES} entries`);
    const { typeflag } = entry.header;
    if (typeflag === 'g') return;
    const name = cleanTarPath(tarNameText(tarEntryName(entry)));
    const shown = JSON.stringify(name.slice(0, 200));
    if (entry.contentPosition + entry.storedSize > this.#end)
      throw layoutMalformed(this.#location, `it ends within ${shown}`);
    if (entry.sparse) throw layoutMalformed(this.#location, `${shown} is stored as a sparse file`);
    this.files.delete(name);
    this.links.delete(name);
    const link = tarNameText(tarEntryLinkname(entry));
    if (isTarFile(entry)) this.files.set(name, { offset: entry.contentPosition, size: entry.size });
    if (typeflag === '1') this.links.set(name, cleanTarPath(link));
    if (typeflag === '2') {
      const folder = name.slice(0, name.lastIndexOf('/') + 1);
      this.links.set(name, cleanTarPath(link.startsWith('/') ? link : `${folder}${link}`));
    }
  }

  content(): void {
    // Skipped: only positions are of interest.
  }

  hole(): void {
    // No sparse file gets here.
  }
}

function refuseCompressed(path: string, block: Uint8Array): void {
  const isGzip = block[0] === 0x1f && block[1] === 0x8b;
  const isZstd = block[0] === 0x28 && block[1] === 0xb5 && block[2] === 0x2f && block[3] === 0xfd;
  if (!isGzip && !isZstd) return;
  throw new MalformedError('LAYOUT_MALFORMED', `${path} is compressed, and only a plain tar can be read at any place`, {
    action: `Unpack it first, for example with ${isGzip ? 'gunzip' : 'zstd -d'}.`,
  });
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function collect(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
  location: string,
  path: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes) throw layoutMalformed(location, `${path} is longer than ${maxBytes} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}
