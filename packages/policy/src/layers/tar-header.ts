import { malformed } from './layer-errors.ts';
import { paxInteger } from './pax-records.ts';
import type { PaxRecords } from './pax-records.ts';
import { paxSparseVersion } from './sparse-map.ts';
import { hasValidChecksum, numberField, tarVariant, textField } from './tar-fields.ts';
import type { TarVariant } from './tar-fields.ts';

/** The 512 bytes before a member. Names and numbers as they are stored; names with one character per byte. */
export interface TarHeader {
  /** Of the header in the archive. */
  readonly position: number;
  readonly variant: TarVariant;
  /** One character; NUL for V7 archives. */
  readonly typeflag: string;
  /** With the prefix field of ustar headers. */
  readonly name: string;
  readonly linkname: string;
  readonly mode: number;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly size: bigint;
  /** Seconds since 1970. */
  readonly mtime: bigint;
  readonly atime: bigint | undefined;
  readonly ctime: bigint | undefined;
  readonly devMajor: number;
  readonly devMinor: number;
  /** The size field for sparse content of GNU archives, after expansion. */
  readonly realSize: bigint;
}

type HeaderTail = Pick<TarHeader, 'atime' | 'ctime' | 'devMajor' | 'devMinor' | 'realSize'> & {
  readonly prefix: string;
};

/** @throws MalformedError LAYER_TAR_MALFORMED */
export function parseTarHeader(block: Uint8Array, position: number): TarHeader {
  if (!hasValidChecksum(block)) throw malformed('a header has a wrong checksum', position);
  const variant = tarVariant(block);
  const { prefix, ...tail } = parseTail(block, variant);
  const name = textField(block, 0, 100);
  return {
    position,
    variant,
    typeflag: String.fromCharCode(block[156] ?? 0),
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkname: textField(block, 157, 100),
    mode: low32(numberField(block, 100, 8)),
    uid: numberField(block, 108, 8),
    gid: numberField(block, 116, 8),
    size: numberField(block, 124, 12),
    mtime: numberField(block, 136, 12),
    ...tail,
  };
}

/** The fields behind the magic number. */
function parseTail(block: Uint8Array, variant: TarVariant): HeaderTail {
  const none = { atime: undefined, ctime: undefined, devMajor: 0, devMinor: 0, realSize: 0n, prefix: '' };
  if (variant === 'v7') return none;
  const devices = { devMajor: low32(numberField(block, 329, 8)), devMinor: low32(numberField(block, 337, 8)) };
  switch (variant) {
    case 'ustar':
      return { ...none, ...devices, prefix: textField(block, 345, 155) };
    case 'star':
      return {
        ...none,
        ...devices,
        prefix: textField(block, 345, 131),
        atime: numberField(block, 476, 12),
        ctime: numberField(block, 488, 12),
      };
    case 'gnu': {
      const realSize = block[156] === 0x53 ? numberField(block, 483, 12) : 0n;
      try {
        return { ...none, ...devices, atime: optional(block, 345), ctime: optional(block, 357), realSize };
      } catch {
        // Go before 1.8 wrote GNU headers with a ustar prefix where the times belong; its reader accepts them.
        const prefix = textField(block, 345, 155);
        // oxlint-disable-next-line no-control-regex -- the rule is "only ASCII", control characters included
        return { ...none, ...devices, realSize, prefix: /^[\x00-\x7f]*$/.test(prefix) ? prefix : '' };
      }
    }
    default:
      return variant satisfies never;
  }
}

function optional(block: Uint8Array, offset: number): bigint | undefined {
  return block[offset] === 0 ? undefined : numberField(block, offset, 12);
}

/** Links, devices, directories and pipes have no content, whatever their size field says. */
export function isHeaderOnly(typeflag: string): boolean {
  return '123456'.includes(typeflag);
}

/** Bytes that follow the header. @throws MalformedError LAYER_TAR_MALFORMED */
export function storedSizeOf(header: TarHeader, pax: PaxRecords): number {
  const record = pax.get('size') ?? '';
  return sane(record === '' ? header.size : paxInteger(record), header);
}

/** Bytes of the content with holes. @throws MalformedError LAYER_TAR_MALFORMED */
export function logicalSizeOf(header: TarHeader, pax: PaxRecords, storedSize: number): number {
  if (header.typeflag === 'S') return sane(header.realSize, header);
  if (paxSparseVersion(pax) === 'none') return storedSize;
  const record = pax.get('GNU.sparse.size') || pax.get('GNU.sparse.realsize') || '';
  return record === '' ? storedSizeOf(header, pax) : sane(paxInteger(record), header);
}

function sane(size: bigint, header: TarHeader): number {
  if (size < 0n || size > 1n << 52n) throw malformed('a member has an impossible size', header.position);
  return Number(size);
}

export function low32(value: bigint): number {
  return Number(BigInt.asUintN(32, value));
}
