import { inflateRawSync } from 'node:zlib';

import { fromUtf8, MalformedError } from '@holdfast/base';

interface ZipLimits {
  readonly maxEntries: number;
  /** Of all contents together, unpacked. */
  readonly maxBytes: number;
}

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * The files of a ZIP archive by their path, folders left out. Encrypted, split and ZIP64 archives are refused, and so are
 * paths that lead outside.
 * @throws MalformedError BUNDLE_ZIP_INVALID
 */
export function readZip(bytes: Uint8Array, limits: ZipLimits): ReadonlyMap<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(view);
  const count = view.getUint16(end + 10, true);
  if (count > limits.maxEntries) throw invalid(`holds more than ${limits.maxEntries} files`);
  let at = view.getUint32(end + 16, true);
  let remaining = limits.maxBytes;
  const files = new Map<string, Uint8Array>();
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) throw invalid('has a damaged directory');
    const nameLength = view.getUint16(at + 28, true);
    const path = pathOf(slice(bytes, at + 46, nameLength));
    const size = view.getUint32(at + 24, true);
    if (!path.endsWith('/')) {
      if (files.has(path)) throw invalid(`holds ${path} twice`);
      if (size > remaining) throw invalid(`is larger than ${limits.maxBytes} bytes when unpacked`);
      files.set(path, contentOf(bytes, view, at, size));
      remaining -= size;
    }
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return files;
}

/** The end record stands last, before a comment of at most 65535 bytes. */
function endOf(view: DataView): number {
  const first = Math.max(0, view.byteLength - 22 - 65_535);
  for (let at = view.byteLength - 22; at >= first; at -= 1) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw invalid('is not a ZIP archive');
}

function pathOf(name: Uint8Array): string {
  let path: string;
  try {
    path = fromUtf8(name);
  } catch (cause) {
    throw new MalformedError('BUNDLE_ZIP_INVALID', 'the archive holds a file name that is not UTF-8', { cause });
  }
  const outside = path.split('/').includes('..') || path.startsWith('/') || /^[A-Za-z]:/.test(path);
  if (outside || path.includes('\\') || path.includes('\0')) throw invalid(`holds the path ${JSON.stringify(path)}`);
  return path;
}

function contentOf(bytes: Uint8Array, view: DataView, central: number, size: number): Uint8Array {
  const encrypted = (view.getUint16(central + 8, true) & 1) !== 0;
  const method = view.getUint16(central + 10, true);
  const packed = view.getUint32(central + 20, true);
  const local = view.getUint32(central + 42, true);
  if (encrypted) throw invalid('is encrypted');
  if (local + 30 > bytes.length || view.getUint32(local, true) !== LOCAL) throw invalid('has a damaged directory');
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const content = slice(bytes, start, packed);
  if (method === STORED) {
    if (packed !== size) throw invalid('is damaged');
    return content;
  }
  if (method !== DEFLATED) throw invalid(`uses the compression ${method}`);
  try {
    const unpacked = inflateRawSync(content, { maxOutputLength: size + 1 });
    if (unpacked.length !== size) throw invalid('is damaged');
    return unpacked;
  } catch (cause) {
    if (cause instanceof MalformedError) throw cause;
    throw new MalformedError('BUNDLE_ZIP_INVALID', 'the archive is damaged', { cause });
  }
}

function slice(bytes: Uint8Array, start: number, length: number): Uint8Array {
  if (start + length > bytes.length) throw invalid('is cut off');
  return bytes.subarray(start, start + length);
}

function invalid(problem: string): MalformedError {
  return new MalformedError('BUNDLE_ZIP_INVALID', `the archive ${problem}`);
}
