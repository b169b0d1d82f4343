import { toUtf8 } from '@holdfast/base';

/**
 * Instructions, or pieces of them, in the binary format: bytes, and lists of pieces in the order in which they run. Every
 * expression helper takes the code of its operands and puts the operation after it, as a stack machine wants it.
 */
export type Code = number | readonly Code[];

/** A function of a module. All parameters are 32-bit integers; there are no results. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  /** Locals beyond the parameters: first the 32-bit integers, then the 128-bit vectors, then the 64-bit integers. Numbered in that order. */
  readonly integers: number;
  readonly vectors: number;
  /** None when missing. */
  readonly longs?: number;
  readonly body: Code;
}

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const TYPE_SECTION = 1;
const FUNCTION_SECTION = 3;
const MEMORY_SECTION = 5;
const EXPORT_SECTION = 7;
const CODE_SECTION = 10;
const FUNCTION_TYPE = 0x60;
const I32 = 0x7f;
const I64 = 0x7e;
const V128 = 0x7b;
const EXPORTED_FUNCTION = 0;
const EXPORTED_MEMORY = 2;
const END = 0x0b;

/**
 * The bytes of a WebAssembly module that exports its functions by name and its memory, of a fixed number of 64 KiB pages,
 * as `memory`.
 * @see WebAssembly Core Specification, "Binary Format"
 */
export function writeModule(functions: readonly WasmFunction[], memoryPages: number): Uint8Array {
  const types = functions.map(({ parameters }) => [FUNCTION_TYPE, list(Array<Code>(parameters).fill(I32)), list([])]);
  const exports = functions.map(({ name }, index) => [text(name), EXPORTED_FUNCTION, unsigned(index)]);
  const bodies = functions.map(({ integers, vectors, longs = 0, body }) => {
    const locals = list([
      [unsigned(integers), I32],
      [unsigned(vectors), V128],
      [unsigned(longs), I64],
    ]);
    return sized([locals, body, END]);
  });
  return Uint8Array.from(
    flatten([
      MAGIC_AND_VERSION,
      section(TYPE_SECTION, list(types)),
      section(FUNCTION_SECTION, list(functions.map((_, index) => unsigned(index)))),
      section(MEMORY_SECTION, list([[1, unsigned(memoryPages), unsigned(memoryPages)]])),
      section(EXPORT_SECTION, list([...exports, [text('memory'), EXPORTED_MEMORY, 0]])),
      section(CODE_SECTION, list(bodies)),
    ]),
  );
}

/** LEB128, the variable-length form of unsigned integers below 2^32. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

/** LEB128 of signed 32-bit integers. */
export function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value | 0;
  while (rest > 0x3f || rest < -0x40) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return [...bytes, rest & 0x7f];
}

function section(id: number, content: Code): Code {
  return [id, sized(content)];
}

/** The pieces with their number in front. */
function list(pieces: readonly Code[]): Code {
  return [unsigned(pieces.length), pieces];
}

/** The code with its length in bytes in front. */
function sized(code: Code): Code {
  const bytes = flatten(code);
  return [unsigned(bytes.length), bytes];
}

function text(value: string): Code {
  return sized([...toUtf8(value)]);
}

function flatten(code: Code): readonly number[] {
  const bytes: number[] = [];
  const visit = (piece: Code): void => {
    if (typeof piece === 'number') bytes.push(piece);
    else piece.forEach(visit);
  };
  visit(code);
  return bytes;
}
