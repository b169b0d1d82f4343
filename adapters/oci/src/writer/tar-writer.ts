import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

import { errorMessage, RequestError } from '@holdfast/base';
import { TAR_BLOCK } from '@holdfast/policy/layers';

import { cleanTarPath } from '../tar-path.ts';

/** One entry of a layer to write. Paths are as in the image, with forward slashes; folders above an entry are added. */
export type LayerEntry =
  /** `source`: a file on this machine, or the content itself. */
  | { readonly kind: 'file'; readonly path: string; readonly source: string | Uint8Array; readonly mode?: number }
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;
const SYMLINK_MODE = 0o777;
const READ_BYTES = 256 * 1024;
const PIECE_BYTES = 1024 * 1024;

/**
 * The bytes of a tar archive with the given entries: sorted by path, owned by root, all with the same time, so that the same
 * entries give the same bytes whatever their order, and wherever and whenever they are written.
 * @throws RequestError LAYOUT_SOURCE_INVALID when entries contradict each other, a file is missing or changes while it is read
 */
export async function* writeTar(
  entries: readonly LayerEntry[],
  modifiedAtSeconds: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* inLargePieces(writeEntries(entries, modifiedAtSeconds));
}

async function* writeEntries(entries: readonly LayerEntry[], time: number): AsyncGenerator<Uint8Array> {
  for (const entry of withFolders(entries)) yield* writeEntry(entry, time);
  yield new Uint8Array(2 * TAR_BLOCK);
}

/** Gathers pieces: an image holds thousands of files of a few hundred bytes, and each piece costs a hash and a write. */
async function* inLargePieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let buffer = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled + chunk.length > PIECE_BYTES) {
      yield buffer.subarray(0, filled);
      buffer = new Uint8Array(PIECE_BYTES);
      filled = 0;
    }
    if (chunk.length >= PIECE_BYTES) {
      yield chunk;
      continue;
    }
    buffer.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

function withFolders(entries: readonly LayerEntry[]): LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const path = cleanTarPath(entry.path);
    if (path === '' || path.includes('\0') || entry.path.split('/').includes('..')) {
      throw invalid(`${JSON.stringify(entry.path)} is no path in an image`);
    }
    if (byPath.has(path)) throw invalid(`${path} is there twice`);
    byPath.set(path, { ...entry, path });
  }
  for (const path of byPath.keys()) {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const folder = path.slice(0, slash);
      const found = byPath.get(folder);
      if (found === undefined) byPath.set(folder, { kind: 'directory', path: folder });
      else if (found.kind !== 'directory') throw invalid(`${folder} is no folder but ${path} is in it`);
    }
  }
  return [...byPath.values()].toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

async function* writeEntry(entry: LayerEntry, time: number): AsyncGenerator<Uint8Array> {
  if (entry.kind === 'directory') {
    yield* header({ path: `${entry.path}/`, type: '5', mode: entry.mode ?? DIRECTORY_MODE, size: 0, target: '', time });
    return;
  }
  if (entry.kind === 'symlink') {
    yield* header({ path: entry.path, type: '2', mode: SYMLINK_MODE, size: 0, target: entry.target, time });
    return;
  }
  const { source, path, mode = FILE_MODE } = entry;
  const size = typeof source === 'string' ? await fileSize(source) : source.length;
  yield* header({ path, type: '0', mode, size, target: '', time });
  if (typeof source === 'string') yield* fileChunks(source, size);
  else yield source;
  yield new Uint8Array(paddedSize(size) - size);
}

async function fileSize(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isFile()) return found.size;
  } catch (cause) {
    throw invalid(`${file} cannot be read: ${errorMessage(cause)}`, cause);
  }
  throw invalid(`${file} is no file`);
}

async function* fileChunks(file: string, size: number): AsyncGenerator<Uint8Array> {
  if (size <= READ_BYTES) {
    const content = await wholeFile(file);
    if (content.length !== size) throw invalid(`${file} changed while it was read`);
    yield content;
    return;
  }
  let read = 0;
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>) {
      read += chunk.length;
      if (read > size) break;
      yield chunk;
    }
  } catch (cause) {
    throw invalid(`${file} cannot be read: ${errorMessage(cause)}`, cause);
  }
  if (read !== size) throw invalid(`${file} changed while it was read`);
}

async function wholeFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw invalid(`${file} cannot be read: ${errorMessage(cause)}`, cause);
  }
}

interface Header {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly size: number;
  readonly target: string;
  readonly time: number;
}

/** A ustar header; names, targets and sizes that do not fit go into a PAX header before it. */
function* header(entry: Header): Generator<Uint8Array> {
  const records: [string, string][] = [];
  if (Buffer.byteLength(entry.path) > 100 || !isAscii(entry.path)) records.push(['path', entry.path]);
  if (Buffer.byteLength(entry.target) > 100 || !isAscii(entry.target)) records.push(['linkpath', entry.target]);
  if (entry.size > 0o77777777777) records.push(['size', String(entry.size)]);
  if (records.length > 0) {
    const body = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''));
    yield block({
      path: 'PaxHeaders/entry',
      type: 'x',
      mode: FILE_MODE,
      size: body.length,
      target: '',
      time: entry.time,
    });
    yield body;
    yield new Uint8Array(paddedSize(body.length) - body.length);
  }
  yield block(entry);
}

/** The length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function block({ path, type, mode, size, target, time }: Header): Uint8Array {
  const bytes = Buffer.alloc(TAR_BLOCK);
  bytes.write(path.slice(0, 100), 0, 100, 'latin1');
  bytes.write(`${octal(mode, 7)}\0`, 100);
  bytes.write(`${octal(0, 7)}\0`, 108);
  bytes.write(`${octal(0, 7)}\0`, 116);
  bytes.write(`${octal(Math.min(size, 0o77777777777), 11)}\0`, 124);
  bytes.write(`${octal(time, 11)}\0`, 136);
  bytes.write('        ', 148);
  bytes.write(type, 156);
  bytes.write(target.slice(0, 100), 157, 100, 'latin1');
  bytes.write('ustar\u000000', 257, 'latin1');
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${octal(sum, 6)}\0 `, 148);
  return bytes;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function isAscii(text: string): boolean {
  return /^[\u0020-\u007e]*$/.test(text);
}

function invalid(problem: string, cause?: unknown): RequestError {
  const message = `the image cannot be written: ${problem}`;
  return new RequestError('LAYOUT_SOURCE_INVALID', message, cause === undefined ? {} : { cause });
}

/** Bytes of content with the padding that fills the last block. */
function paddedSize(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
}
