import { objectReader, parseObject } from './record-reader.ts';
import { isJsonObject } from '../envelope/lenient-json.ts';
import { MalformedError } from '@holdfast/base';

/** Where the content of a store is, and which version of it. */
export interface StoreMetadata {
  /** Grows with every change. */
  readonly version: number;
  /** Seconds since the epoch, or whatever the writer used as such; 0 when missing. */
  readonly generated: number;
  /** A path in object storage, or a signed URL once Core has served it. */
  readonly location: string;
}

/**
 * Reads `{"version":n,"generated":s,"<member>":{"location":"…"}}`.
 * @param member The store's name in its metadata, for example `client_keys`.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseStoreMetadata(text: string, member: string): StoreMetadata {
  const file = `${member} metadata`;
  const metadata = parseObject(file, text);
  const reader = objectReader(file, metadata);
  const content = Object.hasOwn(metadata, member) ? metadata[member] : undefined;
  if (!isJsonObject(content)) {
    throw new MalformedError('SEED_FILE_MALFORMED', `${file}: ${member} is missing or not an object`, {
      details: { file, index: -1, field: member },
    });
  }
  return {
    version: reader.integer('version'),
    generated: reader.integerOr('generated', 0),
    location: objectReader(file, content).text('location'),
  };
}

/** The text of a store's metadata file. */
export function writeStoreMetadata(member: string, metadata: StoreMetadata): string {
  const { version, generated, location } = metadata;
  return `${JSON.stringify({ version, generated, [member]: { location } }, undefined, 2)}\n`;
}
