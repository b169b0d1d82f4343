import { tarEntryLinkname, tarEntryName } from '../entry-names.ts';
import { paxInteger, paxTime } from '../pax-records.ts';
import type { TarTime } from '../pax-records.ts';
import { low32 } from '../tar-header.ts';
import type { TarEntry, TarHandler } from '../tar-reader.ts';
import { emptyFile } from './ext4-image.ts';
import type { Ext4Image, ImageFile } from './ext4-image.ts';
import { FILE_TYPE } from './inode-table.ts';
import { encodeTime } from './times.ts';

const WHITEOUT = '.wh.';
const OPAQUE_WHITEOUT = '.wh..wh..opq';
const ATTRIBUTE = 'SCHILY.xattr.';
const TYPES: ReadonlyMap<string, number> = new Map([
  ['2', FILE_TYPE.symlink],
  ['3', FILE_TYPE.character],
  ['4', FILE_TYPE.block],
  ['5', FILE_TYPE.directory],
  ['6', FILE_TYPE.fifo],
]);

/** Puts the members of a layer into an image by the rules of the platform's converter: overlay whiteouts become devices. */
export class TarToExt4 implements TarHandler {
  readonly #image: Ext4Image;

  constructor(image: Ext4Image) {
    this.#image = image;
  }

  entry(entry: TarEntry): void {
    const name = tarEntryName(entry);
    this.#image.makeParents(name);
    const slash = name.lastIndexOf('/') + 1;
    const base = name.slice(slash);
    if (base === OPAQUE_WHITEOUT) this.#image.makeOpaque(name.slice(0, slash));
    else if (base.startsWith(WHITEOUT)) {
      const hidden = base.slice(WHITEOUT.length);
      this.#image.create(name.slice(0, slash) + hidden, emptyFile(FILE_TYPE.character));
    } else if (entry.header.typeflag === '1') this.#image.link(tarEntryLinkname(entry), name);
    else if (entry.header.typeflag === 'g') this.#image.create(name, globalHeaderFile(entry));
    else this.#image.create(name, fileOf(entry, name));
  }

  content(bytes: Uint8Array): void {
    this.#image.content(bytes);
  }

  hole(length: number): void {
    this.#image.hole(length);
  }
}

function fileOf(entry: TarEntry, name: string): ImageFile {
  const { header, pax } = entry;
  const mtime = encodeTime(timeOf(pax.get('mtime'), header.mtime));
  return {
    mode: (header.mode & 0xfff) | typeOf(header.typeflag, name),
    uid: low32(numberOf(pax.get('uid'), header.uid)),
    gid: low32(numberOf(pax.get('gid'), header.gid)),
    size: entry.size,
    atime: encodeTime(timeOf(pax.get('atime'), header.atime)),
    ctime: encodeTime(timeOf(pax.get('ctime'), header.ctime)),
    mtime,
    crtime: mtime,
    devMajor: header.devMajor,
    devMinor: header.devMinor,
    target: tarEntryLinkname(entry),
    attributes: attributesOf(entry),
  };
}

/** A global header becomes an empty file. */
function globalHeaderFile(entry: TarEntry): ImageFile {
  return { ...emptyFile(FILE_TYPE.regular), attributes: attributesOf(entry) };
}

/** In V7 archives a directory is a file whose name ends with a slash; typeflag 0 is a file, whatever its name. */
function typeOf(typeflag: string, name: string): number {
  if (typeflag === '\0') return name.endsWith('/') ? FILE_TYPE.directory : FILE_TYPE.regular;
  return TYPES.get(typeflag) ?? FILE_TYPE.regular;
}

function attributesOf({ pax }: TarEntry): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [key, value] of pax) if (key.startsWith(ATTRIBUTE)) attributes.set(key.slice(ATTRIBUTE.length), value);
  return attributes;
}

function numberOf(record: string | undefined, field: bigint): bigint {
  return record === undefined || record === '' ? field : paxInteger(record);
}

function timeOf(record: string | undefined, field: bigint | undefined): TarTime | undefined {
  if (record !== undefined && record !== '') return paxTime(record);
  return field === undefined ? undefined : { seconds: field, nanoseconds: 0 };
}
