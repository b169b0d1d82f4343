import { MalformedError } from '@holdfast/base';

import { decodeInitdata, decompressInitdata, documentText, type InitdataEncodingNote } from './encoding.ts';
import { MAX_ENCODED_CHARACTERS } from './limits.ts';

/** Pod annotation that the Kata runtime reads; its configuration must list `cc_init_data` in `enable_annotations`. */
export const INITDATA_ANNOTATION = 'io.katacontainers.config.hypervisor.cc_init_data';
/** What older releases of the cloud API adaptor read. */
export const LEGACY_INITDATA_ANNOTATION = 'io.katacontainers.config.runtime.cc_init_data';
/** Key of the config map `peer-pods-cm` with the initdata of pods that bring none. */
export const GLOBAL_INITDATA_KEY = 'INITDATA';

export type InitdataForm = 'document' | 'base64' | 'gzip' | 'block-device';

export interface RecognisedInitdata {
  readonly form: InitdataForm;
  readonly document: string;
  readonly notes: readonly InitdataEncodingNote[];
}

const GZIP_MAGIC = [0x1f, 0x8b] as const;
const DEVICE_MAGIC = Buffer.from('initdata');
const DEVICE_HEADER = 16;

/**
 * The document inside bytes of any form: the document itself, its gzip, Base64 of that, or the block device of a bare-metal guest
 * (`initdata`, length of the gzip as u64 little-endian, gzip, zeros).
 * @throws MalformedError INITDATA_EMPTY, INITDATA_TOO_LARGE, INITDATA_BASE64_INVALID, INITDATA_GZIP_INVALID, INITDATA_TEXT_INVALID
 */
export function recogniseInitdata(bytes: Uint8Array): RecognisedInitdata {
  if (bytes.length === 0) throw new MalformedError('INITDATA_EMPTY', 'there is no initdata: the input is empty');
  if (bytes.length > MAX_ENCODED_CHARACTERS) {
    const message = `the input has ${bytes.length} bytes, and at most ${MAX_ENCODED_CHARACTERS} are read`;
    throw new MalformedError('INITDATA_TOO_LARGE', message);
  }
  if (bytes[0] === GZIP_MAGIC[0] && bytes[1] === GZIP_MAGIC[1]) {
    return { form: 'gzip', ...decompressInitdata(bytes) };
  }
  if (isDevice(bytes)) return { form: 'block-device', ...decompressInitdata(devicePayload(bytes)) };
  const text = documentText(bytes);
  // The line end of a file is no part of the value in it.
  if (looksEncoded(text)) return { form: 'base64', ...decodeInitdata(text.replace(/\r?\n$/u, '')) };
  return { form: 'document', document: text, notes: [] };
}

/** A document needs blanks, equals signs and brackets in places where Base64 has none. */
function looksEncoded(text: string): boolean {
  return !/[^A-Za-z0-9+/=\r\n]/u.test(text) && text.trim() !== '';
}

function isDevice(bytes: Uint8Array): boolean {
  return (
    bytes.length >= DEVICE_HEADER && DEVICE_MAGIC.equals(bytes.subarray(0, DEVICE_MAGIC.length)) && bytes.includes(0)
  );
}

function devicePayload(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(DEVICE_MAGIC.length, true);
  if (length > BigInt(bytes.length - DEVICE_HEADER)) {
    throw new MalformedError('INITDATA_GZIP_INVALID', 'the block device is shorter than the gzip it announces');
  }
  return bytes.subarray(DEVICE_HEADER, DEVICE_HEADER + Number(length));
}
