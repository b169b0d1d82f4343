/** Tags of ITU-T X.690 that PKCS#12 files use. */
export const tag = {
  integer: 0x02,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  /** A context-specific octet string that is not constructed. */
  implicit0: 0x80,
} as const;

/** One element; the content is a view of the input. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly der: Uint8Array;
}

/** The elements of a content, one after the other. Throws when lengths do not fit. */
export function readAll(bytes: Uint8Array): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const element = elementAt(bytes, offset);
    elements.push(element);
    offset += element.der.length;
  }
  return elements;
}

/** The content of an element that must have this tag. */
export function readOne(element: DerElement | undefined, expected: number): Uint8Array {
  if (element?.tag !== expected) throw new Error('an element is missing or of another type');
  return element.content;
}

export function smallInteger(element: DerElement | undefined): number {
  const content = readOne(element, tag.integer);
  if (content.length === 0 || content.length > 4) throw new Error('a number is too large');
  return content.reduce((value, byte) => value * 256 + byte, 0);
}

function elementAt(bytes: Uint8Array, offset: number): DerElement {
  const first = bytes[offset + 1];
  if (first === undefined) throw new Error('an element ends early');
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    // Indefinite lengths belong to BER, which no vault writes.
    if (count === 0 || count > 4) throw new Error('a length is not definite');
    length = 0;
    for (const byte of bytes.subarray(start, start + count)) length = length * 256 + byte;
    start += count;
  }
  if (start + length > bytes.length) throw new Error('an element ends early');
  return {
    tag: bytes[offset] ?? 0,
    content: bytes.subarray(start, start + length),
    der: bytes.subarray(offset, start + length),
  };
}
