import { Buffer } from 'node:buffer';

export interface TarMember {
  readonly name: string;
  readonly typeflag?: string;
  readonly content?: Uint8Array | string;
  readonly linkname?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly mtime?: number;
  /** Overrides the field, for instance to lie about the content. */
  readonly sizeField?: string;
  readonly pax?: Readonly<Record<string, string>>;
}

const BLOCK = 512;

/** A ustar archive of `members`, with the two blocks of zeros at its end. */
export function makeTar(...members: readonly TarMember[]): Buffer {
  return Buffer.concat([...members.map((member) => makeMember(member)), Buffer.alloc(2 * BLOCK)]);
}

/** One member without an end mark. */
export function makeMember(member: TarMember): Buffer {
  const content = Buffer.from(member.content ?? '');
  const { pax } = member;
  const extension =
    pax === undefined
      ? Buffer.alloc(0)
      : makeMember({ name: 'pax', typeflag: member.typeflag === 'g' ? 'g' : 'x', content: paxText(pax) });
  if (member.typeflag === 'g' && pax !== undefined) return extension;
  return Buffer.concat([extension, makeHeader(member, content.length), padded(content)]);
}

export function paxText(records: Readonly<Record<string, string>>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`;
      let length = Buffer.byteLength(rest) + 1;
      while (String(length).length + Buffer.byteLength(rest) !== length) length += 1;
      return `${length}${rest}`;
    })
    .join('');
}

function makeHeader(member: TarMember, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(member.name, 0, 100);
  header.write(octal(member.mode ?? 0o644, 7), 100);
  header.write(octal(member.uid ?? 0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(member.sizeField ?? octal(size, 11), 124, 'latin1');
  header.write(octal(member.mtime ?? 1_700_000_000, 11), 136);
  header.write(member.typeflag ?? '0', 156);
  header.write(member.linkname ?? '', 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  return withChecksum(header);
}

/** Corrects the checksum of a header that was changed. */
export function withChecksum(header: Buffer): Buffer {
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return header;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** `bytes` in pieces that end at `cuts`. */
export async function* inPieces(bytes: Uint8Array, cuts: readonly number[] = []): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  let start = 0;
  for (const cut of [...cuts].toSorted((left, right) => left - right)) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
  yield bytes.subarray(start);
}
