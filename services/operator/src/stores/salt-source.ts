import { setImmediate as nextTurn } from 'node:timers/promises';

import { fromUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { CoreSession, StoreSource } from '@holdfast/core-client';
import { parseLenientJson, parseSaltMetadata, SaltFileParser } from '@holdfast/uid2';
import type {
  CloudEncryptionKey,
  SaltFileMetadata,
  SaltFileOptions,
  SaltMetadata,
  SaltSnapshot,
  SaltTable,
} from '@holdfast/uid2';

import { SaltReading } from '../file-threads/salt-reading.ts';
import { openCloudFile } from './open-cloud-file.ts';
import type { DecryptionEvent } from './open-cloud-file.ts';

export interface SaltSourceOptions {
  readonly session: Pick<CoreSession, 'downloadMetadata' | 'downloadContent' | 'streamContent'>;
  readonly url: string;
  readonly now: Clock;
  /** Undefined when files are not encrypted. */
  readonly cloudKeys: () => ReadonlyMap<number, CloudEncryptionKey> | undefined;
  readonly onDecryption: (event: DecryptionEvent) => void;
}

const PIECE_BYTES = 512 * 1024;
/** Fewer entries are read here sooner than a thread starts. */
const MANY_ENTRIES = 100_000;

/**
 * Loads every salt file the metadata list, one after the other, into columns. A clear file of a million entries is parsed
 * while it arrives and is never in memory as a whole; an encrypted one has to be, once, because its tag is at the end.
 */
export function saltSource(options: SaltSourceOptions): StoreSource<readonly SaltSnapshot[], SaltMetadata> {
  const readers = new SaltReaders();
  return {
    async fetchMetadata() {
      const text = await options.session.downloadMetadata(options.url);
      const metadata = parseSaltMetadata(parseLenientJson(text), options.now());
      readers.prepare(metadata);
      return { version: metadata.version, metadata };
    },
    async load(metadata) {
      const snapshots: SaltSnapshot[] = [];
      for (const file of metadata.salts) {
        const { effective, expires } = file;
        const table = await loadTable(file, readers.take(file, metadata), options);
        snapshots.push({ effective, expires, firstLevelSalt: metadata.firstLevelSalt, table });
      }
      return snapshots;
    },
  };
}

/** Makes a table of the bytes of a salt file, here or on another thread. */
interface SaltReader {
  push(bytes: Uint8Array): void | Promise<void>;
  finish(): SaltTable | Promise<SaltTable>;
  stop?(): Promise<void>;
}

class SaltReaders {
  #prepared: { readonly file: SaltFileOptions; readonly reader: SaltReading } | undefined;
  #isFirst = true;

  /** Starts the thread for the first file of a start-up beforehand: it loads its program while others ask for metadata. */
  prepare(metadata: SaltMetadata): void {
    const [file] = metadata.salts;
    if (!this.#isFirst || file === undefined || file.size < MANY_ENTRIES) return;
    this.#isFirst = false;
    const options = fileOptions(file, metadata);
    this.#prepared = { file: options, reader: new SaltReading(options) };
  }

  take(file: SaltFileMetadata, metadata: SaltMetadata): SaltReader {
    this.#isFirst = false;
    const options = fileOptions(file, metadata);
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (prepared !== undefined && isSameFile(prepared.file, options)) return prepared.reader;
    void prepared?.reader.stop();
    return file.size < MANY_ENTRIES ? new SaltFileParser(options) : new SaltReading(options);
  }
}

function fileOptions({ size }: SaltFileMetadata, { idPrefix, idSecret }: SaltMetadata): SaltFileOptions {
  return { size, idPrefix, idSecret };
}

function isSameFile(one: SaltFileOptions, other: SaltFileOptions): boolean {
  return one.size === other.size && one.idPrefix === other.idPrefix && one.idSecret === other.idSecret;
}

async function loadTable(file: SaltFileMetadata, reader: SaltReader, options: SaltSourceOptions): Promise<SaltTable> {
  try {
    const keys = options.cloudKeys();
    if (keys === undefined) {
      await options.session.streamContent(file.location, (chunk) => reader.push(chunk));
    } else {
      const text = fromUtf8(await options.session.downloadContent(file.location));
      const content = openCloudFile(text, keys, 'salts', options.onDecryption);
      for (let start = 0; start < content.length; start += PIECE_BYTES) {
        await reader.push(content.subarray(start, start + PIECE_BYTES));
        await nextTurn(); // a running operator answers requests meanwhile
      }
    }
    return await reader.finish();
  } catch (error) {
    await reader.stop?.();
    throw error;
  }
}
