import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';

import { errorMessage, fromBase64, fromUtf8, MalformedError, toBase64, toHex } from '@holdfast/base';

import { compareUtf8 } from './policy-json.ts';
import { parseSimpleToml } from './simple-toml.ts';

export type InitdataAlgorithm = 'sha256' | 'sha384' | 'sha512';

/** An initdata document of Confidential Containers. */
export interface Initdata {
  readonly version: string;
  readonly algorithm: InitdataAlgorithm;
  readonly data: Readonly<Record<string, string>>;
}

/** Where a digest is measured, with the bytes there are for it. */
export type InitdataPlatform = 'snp' | 'tdx' | 'cca' | 'se';

const fieldBytes: Readonly<Record<InitdataPlatform, number>> = { snp: 32, tdx: 48, cca: 64, se: 256 };
const algorithms: readonly string[] = ['sha256', 'sha384', 'sha512'];
/** A policy is some 60 KB; a document beyond this is an attack on memory. */
const largestDocument = 16 * 1024 * 1024;

/**
 * Writes a document as the reference tool does: version, algorithm, an empty line, and the table with its keys sorted.
 * @throws MalformedError KATA_INITDATA_MALFORMED for a value that a TOML literal string cannot hold
 */
export function writeInitdata(initdata: Initdata): string {
  const entries = Object.entries(initdata.data).toSorted(([a], [b]) => compareUtf8(a, b));
  const lines = entries.map(([key, value]) => {
    // eslint-disable-next-line no-control-regex -- TOML literal strings allow no control character but tab and line ends
    if (value.includes("'''") || /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/u.test(value) || value.endsWith("'")) {
      throw malformed(`The value of "${key}" cannot be written as a TOML literal string.`);
    }
    return `${JSON.stringify(key)} = '''\n${value}'''\n`;
  });
  return `version = "${initdata.version}"\nalgorithm = "${initdata.algorithm}"\n\n[data]\n${lines.join('')}`;
}

/** Value of the annotation `io.katacontainers.config.hypervisor.cc_init_data`: base64 of the document's gzip. */
export function initdataAnnotation(document: string): string {
  const zipped = gzipSync(Buffer.from(document, 'utf8'));
  // Byte 9 names the operating system; 255 (unknown) makes the value the same on every machine.
  zipped[9] = 255;
  return toBase64(zipped);
}

/**
 * The document inside an annotation. Its bytes are what is measured; they must never be written anew from the parsed form.
 * @throws MalformedError KATA_INITDATA_MALFORMED
 */
export function initdataDocument(annotation: string): string {
  try {
    return fromUtf8(gunzipSync(fromBase64(annotation), { maxOutputLength: largestDocument }));
  } catch (cause) {
    throw malformed(`The annotation is not base64 of a gzip: ${errorMessage(cause)}`, cause);
  }
}

/**
 * Reads a document.
 * @throws MalformedError KATA_INITDATA_MALFORMED
 */
export function parseInitdata(document: string): Initdata {
  const tables = parseSimpleToml(document, malformed);
  const top = tables.get('') ?? new Map<string, string>();
  const version = top.get('version');
  const algorithm = top.get('algorithm');
  if (version !== '0.1.0') throw malformed(`The version is ${version ?? 'missing'}; only 0.1.0 is known.`);
  if (algorithm === undefined || !algorithms.includes(algorithm)) {
    throw malformed(`The algorithm is ${algorithm ?? 'missing'}; it must be sha256, sha384 or sha512.`);
  }
  return {
    version,
    algorithm: algorithm as InitdataAlgorithm,
    data: Object.fromEntries(tables.get('data') ?? []),
  };
}

function malformed(message: string, cause?: unknown): MalformedError {
  return new MalformedError('KATA_INITDATA_MALFORMED', message, cause === undefined ? {} : { cause });
}

/** Digest of a document's bytes, in hex. */
export function initdataDigest(document: string, algorithm: InitdataAlgorithm): string {
  return createHash(algorithm).update(document, 'utf8').digest('hex');
}

/** A digest as a platform's measurement field holds it, in hex: cut or filled with zeros on the right. */
export function fitInitdataDigest(digestHex: string, platform: InitdataPlatform): string {
  const field = new Uint8Array(fieldBytes[platform]);
  field.set(Buffer.from(digestHex, 'hex').subarray(0, field.length));
  return toHex(field);
}
