import {
  block,
  f64ConvertI64U,
  f64Store,
  i32Add,
  i32Const,
  i32Ctz,
  i32Eq,
  i32Eqz,
  i32GeU,
  i32GtU,
  i32And,
  i32Load16U,
  i32Load8U,
  i32LtU,
  i32Ne,
  i32Or,
  i32Store,
  i32Store16,
  i32Store8,
  i32Sub,
  i32WrapI64,
  i64Add,
  i64Const,
  i64ExtendI32U,
  i64Mul,
  i8x16Bitmask,
  i8x16Const,
  i8x16Eq,
  i8x16LeU,
  ifElse,
  leaveIf,
  localGet,
  localSet,
  loop,
  repeat,
  v128Load,
  v128Or,
  v128Store,
} from '../wasm/instructions.ts';
import type { Code, WasmFunction } from '../wasm/module-writer.ts';
import { ROW_BYTES, ROW_ID, ROW_LAST_UPDATED, ROW_LENGTHS, ROW_REFRESH_FROM, ROW_TEXTS } from './salt-table.ts';

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const COMMA = 0x2c;
const DIGIT_0 = 0x30;

/** Numbers of more digits may be too large. */
const MOST_ID_DIGITS = 9;
const MOST_TIME_DIGITS = 15;
const MOST_TEXT = 255;

const VECTOR_BYTES = 16;
const KEY_IDS_BYTES = 8;

/** Where things lie in the memory of the program. */
export interface UsualLinesLayout {
  /** Four words, of which the program fills in: where the lines end, how many were left, bytes of texts, and zero if no key has an id. */
  readonly outcome: number;
  readonly rows: number;
  readonly keyIds: number;
  readonly texts: number;
}

// Parameters.
const LINE = 0;
const LINES = 1;
const TEXTS_START = 2;
const ROOM = 3;
const PARAMETERS = 4;

// Integer locals.
const AT = PARAMETERS;
const START = AT + 1;
const DIGIT = AT + 2;
const MASK = AT + 3;
const LENGTH = AT + 4;
const ROW = AT + 5;
const KEY_IDS = AT + 6;
/** Bytes of texts of all lines that are done, and where the next text goes. */
const TEXTS = AT + 7;
const TO = AT + 8;
const ANY_KEY_ID = AT + 9;
const KEY_ID = AT + 10;
const INTEGERS = 11;

const VECTOR = AT + INTEGERS;
const COMMAS = VECTOR + 1;
const SPACES = VECTOR + 2;
const VECTORS = 3;

const NUMBER = VECTOR + VECTORS;
const LONGS = 1;

/**
 * `readLines(line, lines, textsStart, room)`: reads at most `lines` usual lines of a salt file from address `line` on, for as long as `room`
 * bytes hold the texts of one more, and stops before the first that is none. Their rows, key ids and texts go to where the layout says;
 * `textsStart` is where the first text will lie in the table. A zero byte must follow the last byte of the file that is there, with
 * room for fifteen more bytes.
 *
 * A usual line has numbers of digits alone, texts without white space, and key ids with their keys or neither. Texts are copied sixteen bytes
 * at a time, and what ends them is found in the same vectors.
 */
export function readLinesFunction(layout: UsualLinesLayout, mostTexts: number): WasmFunction {
  const readLine: Code = [
    // Depth 1, the block around the loop, is where a line that is not usual ends it all.
    leaveIf(i32Eqz(localGet(LINES)), 1),
    leaveIf(i32GtU(i32Add(localGet(TEXTS), i32Const(mostTexts)), localGet(ROOM)), 1),
    localSet(AT, localGet(LINE)),
    localSet(TO, localGet(TEXTS)),
    number(MOST_ID_DIGITS, 1),
    i32Store(localGet(ROW), 4 * ROW_ID, i32WrapI64(localGet(NUMBER))),
    nextColumn(),
    number(MOST_TIME_DIGITS, 1),
    f64Store(localGet(ROW), 8 * ROW_LAST_UPDATED, f64ConvertI64U(localGet(NUMBER))),
    text(layout, 0, COMMA, 1),
    nextColumn(),
    number(MOST_TIME_DIGITS, 1),
    f64Store(localGet(ROW), 8 * ROW_REFRESH_FROM, f64ConvertI64U(localGet(NUMBER))),
    text(layout, 1, COMMA, 1),
    keyMaterial(layout, 2, COMMA),
    keyMaterial(layout, 4, LINE_FEED),
    i32Store(localGet(ROW), 4 * ROW_TEXTS, i32Add(localGet(TEXTS_START), localGet(TEXTS))),
    nextColumn(),
    localSet(LINE, localGet(AT)),
    localSet(TEXTS, localGet(TO)),
    localSet(LINES, i32Sub(localGet(LINES), i32Const(1))),
    localSet(ROW, i32Add(localGet(ROW), i32Const(ROW_BYTES))),
    localSet(KEY_IDS, i32Add(localGet(KEY_IDS), i32Const(KEY_IDS_BYTES))),
    repeat(0),
  ];
  const outcome = [LINE, LINES, TEXTS, ANY_KEY_ID];
  return {
    name: 'readLines',
    parameters: PARAMETERS,
    integers: INTEGERS,
    vectors: VECTORS,
    longs: LONGS,
    body: [
      localSet(COMMAS, i8x16Const(Array<number>(VECTOR_BYTES).fill(COMMA))),
      localSet(SPACES, i8x16Const(Array<number>(VECTOR_BYTES).fill(SPACE))),
      localSet(ROW, i32Const(layout.rows)),
      localSet(KEY_IDS, i32Const(layout.keyIds)),
      block(loop(readLine)),
      outcome.map((local, word) => i32Store(i32Const(0), layout.outcome + 4 * word, localGet(local))),
    ],
  };
}

function nextColumn(): Code {
  return localSet(AT, i32Add(localGet(AT), i32Const(1)));
}

/** The number of the column at `AT`, which has to end with a comma; `depth` is that of the block to leave otherwise. */
function number(mostDigits: number, depth: number): Code {
  return [
    localSet(START, localGet(AT)),
    localSet(NUMBER, i64Const(0)),
    loop([
      localSet(DIGIT, i32Sub(i32Load8U(localGet(AT), 0), i32Const(DIGIT_0))),
      ifElse(i32LtU(localGet(DIGIT), i32Const(10)), [
        localSet(NUMBER, i64Add(i64Mul(localGet(NUMBER), i64Const(10)), i64ExtendI32U(localGet(DIGIT)))),
        localSet(AT, i32Add(localGet(AT), i32Const(1))),
        repeat(1),
      ]),
    ]),
    // Of no digits one less is more than any number.
    leaveIf(i32GeU(i32Sub(i32Sub(localGet(AT), localGet(START)), i32Const(1)), i32Const(mostDigits)), depth),
    leaveIf(i32Ne(i32Load8U(localGet(AT), 0), i32Const(COMMA)), depth),
  ];
}

/** Copies the column after `AT`, which has to end with the byte `last`; it is the text `index` of its row. */
function text({ texts }: UsualLinesLayout, index: number, last: number, depth: number): Code {
  const target = i32Add(localGet(TO), i32Sub(localGet(AT), localGet(START)));
  const ends = v128Or(i8x16Eq(localGet(VECTOR), localGet(COMMAS)), i8x16LeU(localGet(VECTOR), localGet(SPACES)));
  return [
    nextColumn(),
    localSet(START, localGet(AT)),
    loop([
      localSet(VECTOR, v128Load(localGet(AT), 0)),
      v128Store(target, texts, localGet(VECTOR)),
      localSet(MASK, i8x16Bitmask(ends)),
      ifElse(i32Eqz(localGet(MASK)), [localSet(AT, i32Add(localGet(AT), i32Const(VECTOR_BYTES))), repeat(1)]),
    ]),
    localSet(AT, i32Add(localGet(AT), i32Ctz(localGet(MASK)))),
    localSet(LENGTH, i32Sub(localGet(AT), localGet(START))),
    leaveIf(i32GtU(localGet(LENGTH), i32Const(MOST_TEXT)), depth),
    leaveIf(i32Ne(i32Load8U(localGet(AT), 0), i32Const(last)), depth),
    i32Store8(localGet(ROW), ROW_LENGTHS + index, localGet(LENGTH)),
    localSet(TO, i32Add(localGet(TO), localGet(LENGTH))),
  ];
}

/** Reads the three columns of a key after `AT`, the last of which has to end with the byte `last`; its texts are those from `index` on. */
function keyMaterial(layout: UsualLinesLayout, index: number, last: number): Code {
  const twoCommas = i32Eq(i32Load16U(localGet(AT), 1), i32Const(COMMA * 0x101));
  const none = i32And(twoCommas, i32Eq(i32Load8U(localGet(AT), 3), i32Const(last)));
  return [
    ifElse(
      none,
      [
        i32Store16(localGet(ROW), ROW_LENGTHS + index, i32Const(0)),
        localSet(KEY_ID, i32Const(0)),
        localSet(AT, i32Add(localGet(AT), i32Const(3))),
      ],
      [
        nextColumn(),
        number(MOST_ID_DIGITS, 2),
        localSet(KEY_ID, i32WrapI64(localGet(NUMBER))),
        text(layout, index, COMMA, 2),
        leaveIf(i32Eqz(localGet(LENGTH)), 2),
        text(layout, index + 1, last, 2),
      ],
    ),
    i32Store(localGet(KEY_IDS), index === 2 ? 0 : 4, localGet(KEY_ID)),
    localSet(ANY_KEY_ID, i32Or(localGet(ANY_KEY_ID), localGet(KEY_ID))),
  ];
}
