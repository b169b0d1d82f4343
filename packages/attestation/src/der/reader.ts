import { MalformedError } from '@holdfast/base';

/** Tags this package reads and writes (ITU-T X.690, universal class; constructed where the type is). */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of a context-specific element: constructed unless it replaces a primitive type. */
export function contextTag(number: number, constructed = true): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/** One element: its tag, its content, and the whole encoding. Byte fields are views of the input. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly der: Uint8Array;
}

/**
 * Reads DER elements one after the other, strictly: definite and minimal lengths, tags below 31. Anything else throws
 * MalformedError with the code given at construction.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #code: string;
  #offset = 0;

  constructor(bytes: Uint8Array, code: string) {
    this.#bytes = bytes;
    this.#code = code;
  }

  /** The tag of the next element, or undefined at the end. */
  get peek(): number | undefined {
    return this.#bytes[this.#offset];
  }

  /** The next element; with `expected` it must have that tag. */
  next(expected?: number): DerElement {
    const start = this.#offset;
    const elementTag = this.#byte();
    if ((elementTag & 0x1f) === 0x1f) throw this.malformed('a tag above 30');
    if (expected !== undefined && elementTag !== expected) {
      throw this.malformed(`tag 0x${elementTag.toString(16)} where 0x${expected.toString(16)} is due`);
    }
    const length = this.#length();
    const from = this.#offset;
    if (length > this.#bytes.length - from) throw this.malformed('a length beyond the end');
    this.#offset = from + length;
    return {
      tag: elementTag,
      content: this.#bytes.subarray(from, this.#offset),
      der: this.#bytes.subarray(start, this.#offset),
    };
  }

  /** The next element when it has this tag, else undefined. */
  optional(expected: number): DerElement | undefined {
    return this.peek === expected ? this.next(expected) : undefined;
  }

  /** A reader over the next element's content. */
  enter(expected: number): DerReader {
    return new DerReader(this.next(expected).content, this.#code);
  }

  /** A reader over the content of an element read before. */
  inside(element: DerElement): DerReader {
    return new DerReader(element.content, this.#code);
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** Refuses anything that is left over. */
  end(): void {
    if (!this.done) throw this.malformed('bytes after its end');
  }

  oid(): string {
    return decodeOid(this.next(tag.oid).content, () => this.malformed('an object identifier that is not minimal'));
  }

  boolean(): boolean {
    const { content } = this.next(tag.boolean);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
      throw this.malformed('a boolean that is not 00 or ff');
    return content[0] === 0xff;
  }

  /** The content bytes of an INTEGER, two's complement, minimal. */
  integerBytes(): Uint8Array {
    const { content } = this.next(tag.integer);
    const [first, second] = content;
    if (first === undefined) throw this.malformed('an empty integer');
    if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
      throw this.malformed('an integer that is not minimal');
    }
    return content;
  }

  /** A non-negative INTEGER below 2^31. */
  smallInteger(): number {
    const content = this.integerBytes();
    if (content.length > 4 || (content[0] ?? 0) >= 0x80) throw this.malformed('an integer out of range');
    return content.reduce((value, byte) => value * 256 + byte, 0);
  }

  /** The bits of a BIT STRING that ends on a whole byte. */
  bitStringBytes(): Uint8Array {
    const { content } = this.next(tag.bitString);
    if (content[0] !== 0) throw this.malformed('a bit string that does not end on a byte');
    return content.subarray(1);
  }

  malformed(problem: string): MalformedError {
    return new MalformedError(this.#code, `not well-formed DER: ${problem}`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw this.malformed('ends too early');
    this.#offset += 1;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw this.malformed('an indefinite or oversized length');
    let length = 0;
    for (let i = 0; i < count; i += 1) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw this.malformed('a length that is not minimal');
    return length;
  }
}

function decodeOid(content: Uint8Array, malformed: () => MalformedError): string {
  const arcs: number[] = [];
  let value = 0;
  let started = false;
  for (const byte of content) {
    if (!started && byte === 0x80) throw malformed();
    started = (byte & 0x80) !== 0;
    value = value * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(value)) throw malformed();
    if (started) continue;
    if (arcs.length === 0) {
      const top = Math.min(2, Math.floor(value / 40));
      arcs.push(top, value - top * 40);
    } else {
      arcs.push(value);
    }
    value = 0;
  }
  if (started || arcs.length === 0) throw malformed();
  return arcs.join('.');
}
