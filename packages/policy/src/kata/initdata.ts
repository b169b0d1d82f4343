import { toHex } from '@holdfast/base';
import {
  buildInitdata,
  decodeInitdata,
  encodeInitdata,
  FIELD_BYTES,
  fitDigest,
  type InitdataAlgorithm,
  initdataDigest as digestOf,
  parseInitdata as parse,
} from '@holdfast/initdata';

export type { InitdataAlgorithm };

/** An initdata document of Confidential Containers, its entries as a record and its digests in hex, as policies have them. */
export interface Initdata {
  readonly version: string;
  readonly algorithm: InitdataAlgorithm;
  readonly data: Readonly<Record<string, string>>;
}

/** Where a digest is measured. */
export type InitdataPlatform = 'snp' | 'tdx' | 'cca' | 'se';

const fieldBytes: Readonly<Record<InitdataPlatform, number>> = {
  snp: FIELD_BYTES.hostData,
  tdx: FIELD_BYTES.mrConfigId,
  cca: FIELD_BYTES.ccaField,
  se: FIELD_BYTES.seField,
};

/**
 * Writes a document as the reference tool does: version, algorithm, an empty line, and the table with its keys sorted.
 * @throws MalformedError INITDATA_ENTRY_INVALID, INITDATA_TOO_LARGE
 */
export function writeInitdata({ algorithm, data }: Pick<Initdata, 'algorithm' | 'data'>): string {
  return buildInitdata({ algorithm, data: new Map(Object.entries(data)) });
}

/** Value of the annotation `io.katacontainers.config.hypervisor.cc_init_data`: base64 of the document's gzip. */
export function initdataAnnotation(document: string): string {
  return encodeInitdata(document);
}

/**
 * The document inside an annotation. Its bytes are what is measured; they must never be written anew from the parsed form.
 * @throws MalformedError INITDATA_EMPTY, INITDATA_TOO_LARGE, INITDATA_BASE64_INVALID, INITDATA_GZIP_INVALID, INITDATA_TEXT_INVALID
 */
export function initdataDocument(annotation: string): string {
  return decodeInitdata(annotation).document;
}

/**
 * Reads a document.
 * @throws MalformedError, UnsupportedError as `parseInitdata` of `@holdfast/initdata`
 */
export function parseInitdata(document: string): Initdata {
  const { version, algorithm, data } = parse(document);
  return { version, algorithm, data: Object.fromEntries(data) };
}

/** Digest of a document's bytes, in hex. */
export function initdataDigest(document: string, algorithm: InitdataAlgorithm): string {
  return toHex(digestOf(document, algorithm));
}

/** A digest as a platform's measurement field holds it, in hex: cut or filled with zeros on the right. */
export function fitInitdataDigest(digestHex: string, platform: InitdataPlatform): string {
  return toHex(fitDigest(Buffer.from(digestHex, 'hex'), fieldBytes[platform]));
}
