import { SaltFileParser, type SaltTable } from '@holdfast/uid2';
import { toUtf8 } from '@holdfast/base';

/** The number of entries in production. */
export const PRODUCTION_SALTS = 1_048_576;
export const FIRST_LEVEL_SALT = 'fOGY/aRE44peL23i+cE9MkJrzmEeNZZziNZBfq7qqk8=';

const ID_SECRET = 'HF6Qz42HBbVHINxhh191dB09BCuTWyBkNtrNicO4ZCw=';
const FIRST_ID = 1_000_000;
const LINES_PER_PIECE = 4_096;

/** What raw UIDs are made from: a salt (version 2), or key and key salt (version 4). Either has previous material too. */
export type SaltMaterial = 'salt' | 'key';

/** A salt file, piece by piece. Rotated a day before `nowMs`, so that previous raw UIDs are due. */
export function* saltFilePieces(size: number, material: SaltMaterial, nowMs: number): Generator<Uint8Array> {
  const [updated, refresh] = [nowMs - 86_400_000, nowMs + 30 * 86_400_000];
  for (let start = 0; start < size; start += LINES_PER_PIECE) {
    let lines = '';
    for (let index = start; index < Math.min(size, start + LINES_PER_PIECE); index += 1) {
      const id = FIRST_ID + index;
      const columns =
        material === 'salt'
          ? `${text('S', index, 43)}=,${refresh},${text('P', index, 43)}=,,,,,,`
          : `,${refresh},,${id},${text('K', index, 32)},${text('L', index, 44)},${id},${text('Q', index, 32)},${text('R', index, 44)}`;
      lines += `${id},${updated},${columns}\n`;
    }
    yield toUtf8(lines);
  }
}

export function saltTable(size: number, pieces: Iterable<Uint8Array>): SaltTable {
  const parser = new SaltFileParser({ size, idPrefix: 'b', idSecret: ID_SECRET });
  for (const piece of pieces) parser.push(piece);
  return parser.finish();
}

/** Text of the given length that differs from index to index. */
function text(letter: string, index: number, length: number): string {
  return String(index).padStart(length, letter);
}
