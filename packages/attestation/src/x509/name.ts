import { fromUtf8, toHex } from '@holdfast/base';

import { DerReader, tag } from '../der/reader.ts';
import type { DerElement } from '../der/reader.ts';
import { derOid, derSequence, derSet, derString } from '../der/writer.ts';

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** A short name (CN, O, OU, C, L, ST, STREET) or a dotted object identifier. */
  readonly type: string;
  readonly value: string;
}

/** A distinguished name in DER order; one attribute per relative name. */
export type DistinguishedName = readonly NameAttribute[];

const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
};
const OIDS = new Map(Object.entries(SHORT_NAMES).map(([oid, name]) => [name, oid]));

/** Reads a Name; `read` is positioned at its SEQUENCE. */
export function readName(element: DerElement, code: string): DistinguishedName {
  const attributes: NameAttribute[] = [];
  const sequence = new DerReader(element.content, code);
  while (!sequence.done) {
    const relativeName = sequence.enter(tag.set);
    do {
      const attribute = relativeName.enter(tag.sequence);
      const oid = attribute.oid();
      const value = attribute.next();
      attribute.end();
      attributes.push({ type: SHORT_NAMES[oid] ?? oid, value: readText(value) });
    } while (!relativeName.done);
  }
  return attributes;
}

/** The DER of a Name: country as PrintableString, everything else as UTF8String. */
export function writeName(name: DistinguishedName): Uint8Array {
  return derSequence(
    ...name.map(({ type, value }) =>
      derSet(
        derSequence(
          derOid(OIDS.get(type) ?? type),
          derString(type === 'C' ? tag.printableString : tag.utf8String, value),
        ),
      ),
    ),
  );
}

/** The first common name, or undefined. */
export function commonName(name: DistinguishedName): string | undefined {
  return name.find((attribute) => attribute.type === 'CN')?.value;
}

/** The text of a directory string; a type we do not know shows as `#` and the hex of its encoding (RFC 4514). */
function readText(element: DerElement): string {
  switch (element.tag) {
    case tag.utf8String:
      return fromUtf8(element.content);
    case tag.printableString:
    case tag.ia5String:
    case tag.teletexString:
      return String.fromCharCode(...element.content);
    default:
      return `#${toHex(element.der)}`;
  }
}
