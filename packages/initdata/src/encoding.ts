import { gunzipSync, gzipSync } from 'node:zlib';

import { errorMessage, fromBase64, fromUtf8, MalformedError, toBase64, toUtf8 } from '@holdfast/base';

import { MAX_DOCUMENT_BYTES, MAX_ENCODED_CHARACTERS } from './limits.ts';

/** What decoding noticed that some consumers take and others refuse. */
export type InitdataEncodingNote = 'base64-wrapped' | 'gzip-multiple-members';

export interface DecodedInitdata {
  /** Exactly the text that was compressed; its UTF-8 bytes are what is measured. */
  readonly document: string;
  readonly notes: readonly InitdataEncodingNote[];
}

/**
 * Compresses a document: a gzip with time 0, no name and an unknown operating system, so that the same document gives the same bytes on
 * every machine with the same zlib. Another gzip of the same document has the same digest.
 */
export function compressInitdata(document: string): Uint8Array {
  const zipped = new Uint8Array(gzipSync(toUtf8(document)));
  zipped[9] = 255;
  return zipped;
}

/** The value of an annotation or of `INITDATA`: standard Base64, on one line, of the gzip of a document. */
export function encodeInitdata(document: string): string {
  return toBase64(compressInitdata(document));
}

/**
 * The document inside an encoded value. Line ends in the Base64 are skipped as Go does, and noted.
 * @throws MalformedError INITDATA_EMPTY, INITDATA_TOO_LARGE, INITDATA_BASE64_INVALID, INITDATA_GZIP_INVALID, INITDATA_TEXT_INVALID
 */
export function decodeInitdata(value: string): DecodedInitdata {
  if (value === '') throw new MalformedError('INITDATA_EMPTY', 'the encoded initdata is empty');
  if (value.length > MAX_ENCODED_CHARACTERS) {
    const message = `the encoded initdata has ${value.length} characters, and at most ${MAX_ENCODED_CHARACTERS} are read`;
    throw new MalformedError('INITDATA_TOO_LARGE', message);
  }
  const joined = value.replaceAll(/[\r\n]/gu, '');
  let zipped: Uint8Array;
  try {
    zipped = fromBase64(joined);
  } catch (cause) {
    throw new MalformedError('INITDATA_BASE64_INVALID', 'the value is not standard, padded Base64', { cause });
  }
  const { document, notes } = decompressInitdata(zipped);
  return { document, notes: joined === value ? notes : ['base64-wrapped', ...notes] };
}

/**
 * The document inside a gzip, with a bound on what it may expand to.
 * @throws MalformedError INITDATA_TOO_LARGE, INITDATA_GZIP_INVALID, INITDATA_TEXT_INVALID
 */
export function decompressInitdata(zipped: Uint8Array): DecodedInitdata {
  const { bytes, consumed } = gunzipBounded(zipped);
  if (consumed !== zipped.length) {
    throw new MalformedError('INITDATA_GZIP_INVALID', 'something follows the gzip', { details: { offset: consumed } });
  }
  return { document: documentText(bytes), notes: isOneMember(zipped, bytes) ? [] : ['gzip-multiple-members'] };
}

/**
 * The text of a document's bytes.
 * @throws MalformedError INITDATA_TEXT_INVALID when they are not UTF-8
 */
export function documentText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new MalformedError('INITDATA_TEXT_INVALID', 'the initdata document is not UTF-8 text', { cause });
  }
}

function gunzipBounded(zipped: Uint8Array): { readonly bytes: Uint8Array; readonly consumed: number } {
  try {
    const result: unknown = gunzipSync(zipped, { maxOutputLength: MAX_DOCUMENT_BYTES, info: true });
    const { buffer, engine } = result as { buffer: Uint8Array; engine: { bytesWritten: number } };
    return { bytes: buffer, consumed: engine.bytesWritten };
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') {
      const message = `the gzip expands to more than ${MAX_DOCUMENT_BYTES} bytes`;
      throw new MalformedError('INITDATA_TOO_LARGE', message, { cause });
    }
    throw new MalformedError('INITDATA_GZIP_INVALID', `the value is not a gzip: ${errorMessage(cause)}`, { cause });
  }
}

/** The last four bytes of a gzip have the length of its last member (RFC 1952, section 2.3.1). */
function isOneMember(zipped: Uint8Array, bytes: Uint8Array): boolean {
  return (
    new DataView(zipped.buffer, zipped.byteOffset, zipped.byteLength).getUint32(zipped.length - 4, true) ===
    bytes.length
  );
}
