import { crc32 } from 'node:zlib';

import { concatBytes, toUtf8 } from '@holdfast/base';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
/** File names are UTF-8. */
const UTF8_FLAG = 0x0800;
/** 1980-01-01, the first day that the format knows. */
const DATE = 0x0021;

/**
 * A ZIP archive of some files by their path, sorted, without compression and all with the same time: the same files give the
 * same bytes, whatever compression library is there. Read back by `readZip`.
 * @see PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16
 */
export function writeZip(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const entries = [...files].toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)));
  const bodies: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [path, content] of entries) {
    const name = toUtf8(path);
    const facts = factsOf(name, content);
    const local = concatBytes(words(LOCAL, 4), facts, name, content);
    directory.push(
      // Comment, disk, internal and external attributes are empty: a regular file.
      concatBytes(words(CENTRAL, 4), words(VERSION, 2), facts, new Uint8Array(10), words(offset, 4), name),
    );
    bodies.push(local);
    offset += local.length;
  }
  const list = concatBytes(...directory);
  const count = words(entries.length, 2);
  return concatBytes(
    ...bodies,
    list,
    words(END, 4),
    new Uint8Array(4),
    count,
    count,
    words(list.length, 4),
    words(offset, 4),
    new Uint8Array(2),
  );
}

/** What the header of a file and its entry in the directory have in common, up to the length of the extra field. */
function factsOf(name: Uint8Array, content: Uint8Array): Uint8Array {
  const size = words(content.length, 4);
  return concatBytes(
    words(VERSION, 2),
    words(UTF8_FLAG, 2),
    words(0, 2),
    words(0, 2),
    words(DATE, 2),
    words(crc32(content), 4),
    size,
    size,
    words(name.length, 2),
    words(0, 2),
  );
}

/** A number of two or four bytes, lowest first. */
function words(value: number, length: 2 | 4): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (value >>> (8 * index)) & 0xff;
  return bytes;
}
