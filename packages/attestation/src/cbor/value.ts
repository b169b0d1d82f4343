/** A CBOR data item of the kinds COSE needs. Integers beyond 2^53 are bigint. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | CborMap
  | CborTagged
  | CborFloat;

/** Keys are integers or texts; insertion order is kept. */
export type CborMap = ReadonlyMap<number | string, CborValue>;

/** A tagged item (RFC 8949 section 3.4). */
export class CborTagged {
  readonly tag: number;
  readonly value: CborValue;

  constructor(tag: number, value: CborValue) {
    this.tag = tag;
    this.value = value;
  }
}

/** A floating point number, kept apart because COSE has integers where JavaScript has only numbers. */
export class CborFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export function isCborMap(value: CborValue | undefined): value is CborMap {
  return value instanceof Map;
}
