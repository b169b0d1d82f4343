import {
  doWhile,
  i32Add,
  i32And,
  i32Const,
  i32GtS,
  i32Load16U,
  i32Load8U,
  i32Or,
  i32Shl,
  i32ShrU,
  i32Store16,
  i32Sub,
  localGet,
  localSet,
} from '../wasm/instructions.ts';
import type { Code, WasmFunction } from '../wasm/module-writer.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = 0x3d;

// Parameters and the one local.
const BYTES = 0;
const BYTES_STRIDE = 1;
const TEXTS = 2;
const TEXTS_STRIDE = 3;
const COUNT = 4;
const GROUP = 5;

/** The two letters of every 12-bit number, as 16-bit words in the order in which they are stored: 8 KiB. */
export function base64Pairs(): Uint16Array {
  const pairs = new Uint16Array(4096);
  for (let number = 0; number < pairs.length; number += 1) {
    pairs[number] = LETTERS.charCodeAt(number >> 6) | (LETTERS.charCodeAt(number & 63) << 8);
  }
  return pairs;
}

/**
 * `base64Of32` or `base64Of33` `(bytes, bytesStride, texts, textsStride, count)`: the 44 letters of the Base64 form of
 * `count` byte strings of that length. They start every `bytesStride` bytes from `bytes` on; texts likewise.
 * @param pairs The address of `base64Pairs()`.
 * @see RFC 4648, section 4
 */
export function base64Function(length: 32 | 33, pairs: number): WasmFunction {
  const groups = Math.floor(length / 3);
  return {
    name: `base64Of${length}`,
    parameters: 5,
    integers: 1,
    vectors: 0,
    body: doWhile(
      [
        Array.from({ length: groups }, (_, group) => [
          localSet(GROUP, i32Or(i32Or(byteAt(group * 3, 16), byteAt(group * 3 + 1, 8)), byteAt(group * 3 + 2, 0))),
          storePair(group * 4, i32ShrU(localGet(GROUP), 12), pairs),
          storePair(group * 4 + 2, i32And(localGet(GROUP), i32Const(0xfff)), pairs),
        ]),
        length === 32 ? lastTwoBytes(pairs) : [],
        localSet(BYTES, i32Add(localGet(BYTES), localGet(BYTES_STRIDE))),
        localSet(TEXTS, i32Add(localGet(TEXTS), localGet(TEXTS_STRIDE))),
        localSet(COUNT, i32Sub(localGet(COUNT), i32Const(1))),
      ],
      i32GtS(localGet(COUNT), i32Const(0)),
    ),
  };
}

/** Bytes 30 and 31: three letters and the padding. */
function lastTwoBytes(pairs: number): Code {
  const thirdLetter = i32And(loadPair(i32And(localGet(GROUP), i32Const(0x3f)), pairs), i32Const(0xff00));
  return [
    localSet(GROUP, i32Or(byteAt(30, 10), byteAt(31, 2))),
    storePair(40, i32ShrU(localGet(GROUP), 6), pairs),
    // The pair of a six-bit number is `A` and its letter; the letter goes first here.
    i32Store16(localGet(TEXTS), 42, i32Or(i32ShrU(thirdLetter, 8), i32Const(PADDING << 8))),
  ];
}

function byteAt(offset: number, shift: number): Code {
  const byte = i32Load8U(localGet(BYTES), offset);
  return shift === 0 ? byte : i32Shl(byte, shift);
}

function storePair(offset: number, number: Code, pairs: number): Code {
  return i32Store16(localGet(TEXTS), offset, loadPair(number, pairs));
}

function loadPair(number: Code, pairs: number): Code {
  return i32Load16U(i32Shl(number, 1), pairs);
}
