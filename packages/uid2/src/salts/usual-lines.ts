import { instantiate } from '../wasm/instantiate.ts';
import { ROW_BYTES } from './salt-table.ts';
import { MAX_ENTRY_TEXT } from './salt-table-builder.ts';
import type { SaltTableBuilder } from './salt-table-builder.ts';
import { readLinesFunction } from './usual-lines-program.ts';

/** Most bytes of a file that are looked at together. */
export const MOST_BYTES = 256 * 1024;
/** Room behind the bytes of a file, and behind the texts of an entry, for vectors that reach beyond them. */
const MARGIN = 64;
/** Most lines that are read together. */
const MOST_LINES = 4096;

const OUTCOME = 0;
const ROWS = MARGIN;
const KEY_IDS = ROWS + MOST_LINES * ROW_BYTES;
const INPUT = KEY_IDS + MOST_LINES * 8;
const TEXTS = INPUT + MOST_BYTES + MARGIN;
const PAGE_BYTES = 65_536;
const PAGES = Math.ceil((TEXTS + MOST_BYTES + MARGIN) / PAGE_BYTES);

/** WebAssembly is, and rows are in the order of the machine. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

interface Program {
  readonly memory: Uint8Array;
  readonly outcome: Int32Array;
  readonly readLines: (line: number, lines: number, textsStart: number, room: number) => void;
}

/** Made at the first file. */
let made: { readonly program: Program | undefined } | undefined;

/**
 * The fast way to read lines of a salt file, many at a time and in WebAssembly. Nearly all lines are usual ones (see
 * `readLinesFunction`); whatever is otherwise is left to the slow way, which knows all rules and says what is wrong. Where a runtime has no
 * vectors in WebAssembly, no line is usual.
 */
export class UsualLines {
  readonly #program = (made ??= { program: createProgram() }).program;

  /** Looks at these bytes, at most `MOST_BYTES`, until bytes are taken again, which all files do in the same memory. */
  take(bytes: Uint8Array): void {
    if (this.#program === undefined) return;
    const { memory } = this.#program;
    memory.set(bytes, INPUT);
    memory[INPUT + bytes.length] = 0;
  }

  /**
   * Adds the usual lines from `start` on, at most so many, to a table.
   * @returns how many there were, and where the next line begins
   */
  addTo(builder: SaltTableBuilder, start: number, mostLines: number): { readonly lines: number; readonly end: number } {
    let end = start;
    let left = mostLines;
    if (this.#program === undefined) return { lines: 0, end };
    const { memory, outcome, readLines } = this.#program;
    while (left > 0) {
      builder.makeRoom();
      const asked = Math.min(left, MOST_LINES);
      readLines(INPUT + end, asked, builder.nextText, builder.room);
      const [nextLine = 0, unread = 0, textBytes = 0, anyKeyId] = outcome;
      const lines = asked - unread;
      if (lines === 0) break;
      builder.entries({
        rows: memory.subarray(ROWS, ROWS + lines * ROW_BYTES),
        texts: memory.subarray(TEXTS, TEXTS + textBytes),
        keyIds: anyKeyId === 0 ? undefined : new Int32Array(memory.buffer, KEY_IDS, 2 * lines),
      });
      end = nextLine - INPUT;
      left -= lines;
    }
    return { lines: mostLines - left, end };
  }
}

function createProgram(): Program | undefined {
  if (!IS_LITTLE_ENDIAN) return undefined;
  const layout = { outcome: OUTCOME, rows: ROWS, keyIds: KEY_IDS, texts: TEXTS };
  const exports = instantiate<Pick<Program, 'readLines'>>([readLinesFunction(layout, MAX_ENTRY_TEXT)], PAGES);
  if (exports === undefined) return undefined;
  const { buffer } = exports.memory;
  return { memory: new Uint8Array(buffer), outcome: new Int32Array(buffer, OUTCOME, 4), readLines: exports.readLines };
}
