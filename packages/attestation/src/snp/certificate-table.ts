import { ByteReader, MalformedError, toHex } from '@holdfast/base';

import { parseCertificates } from '../x509/certificate.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { SnpKeyKind } from './endorsement-certificate.ts';
import { isZero } from './report.ts';

const CODE = 'SNP_CERTIFICATE_TABLE_INVALID';
const MAX_BYTES = 64 * 1024;
const MAX_ENTRIES = 16;
const ENTRY_SIZE = 24;

/** Entry identifiers in the byte order in which they are stored. */
const KINDS: readonly (readonly [kind: SnpKeyKind | 'ask' | 'ark', guid: string])[] = [
  ['vcek', '63da758de6644564adc5f4b93be8accd'],
  ['vlek', 'a8074bc2a25a483eaae639c045a0b8a1'],
  ['ask', '4ab7b379bbac4fe4a02f05aef327c782'],
  ['ark', 'c0b406a4a803495297433fb6014cd0ae'],
];

/**
 * Reads the certificate table that comes with an extended report (configfs-tsm `auxblob`): entries of identifier,
 * offset and length, closed by a zero entry; contents DER or PEM. Takes only what a chain for `keyKind` needs.
 * @throws MalformedError SNP_CERTIFICATE_TABLE_INVALID
 * @see AMD Guest-Hypervisor Communication Block Standardization (publication 56421), section 4.1.8.1
 */
export function parseSnpCertificateTable(bytes: Uint8Array, keyKind: SnpKeyKind): readonly Certificate[] {
  if (bytes.length > MAX_BYTES)
    throw new MalformedError(CODE, `certificate table of ${bytes.length} bytes, at most ${MAX_BYTES}`);
  const reader = new ByteReader(bytes, CODE, 'certificate table');
  const entries: { readonly guid: string; readonly offset: number; readonly length: number }[] = [];
  for (;;) {
    const entry = new ByteReader(reader.bytes(ENTRY_SIZE), CODE, 'certificate table entry');
    const guid = entry.bytes(16);
    const offset = entry.uint32le();
    const length = entry.uint32le();
    if (isZero(guid) && offset === 0 && length === 0) break;
    entries.push({ guid: toHex(guid), offset, length });
    if (entries.length > MAX_ENTRIES) throw new MalformedError(CODE, `more than ${MAX_ENTRIES} entries`);
  }
  const headerEnd = reader.offset;
  const guids = entries.map(({ guid }) => guid);
  if (new Set(guids).size !== guids.length) throw new MalformedError(CODE, 'an entry that stands twice');
  return entries.flatMap(({ guid, offset, length }) => {
    if (offset < headerEnd || offset + length > bytes.length) throw new MalformedError(CODE, 'an entry out of bounds');
    const [kind] = KINDS.find((known) => known[1] === guid) ?? [];
    const needed = kind === keyKind || kind === 'ask' || kind === 'ark';
    return needed ? readEntry(bytes.subarray(offset, offset + length)) : [];
  });
}

function readEntry(content: Uint8Array): readonly Certificate[] {
  try {
    return parseCertificates(content);
  } catch (cause) {
    throw new MalformedError(CODE, 'an entry that is no certificate', { cause });
  }
}
