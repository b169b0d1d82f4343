import { setImmediate as nextTurn } from 'node:timers/promises';

import { fromUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { CoreSession, StoreSource } from '@holdfast/core-client';
import { parseLenientJson, parseSaltMetadata, SaltFileParser } from '@holdfast/uid2';
import type { CloudEncryptionKey, SaltFileMetadata, SaltMetadata, SaltSnapshot } from '@holdfast/uid2';

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

/**
 * Loads every salt file the metadata list, one after the other, into columns. A clear file of a million entries is parsed
 * while it arrives and is never in memory as a whole; an encrypted one has to be, once, because its tag is at the end.
 */
export function saltSource(options: SaltSourceOptions): StoreSource<readonly SaltSnapshot[], SaltMetadata> {
  return {
    async fetchMetadata() {
      const text = await options.session.downloadMetadata(options.url);
      const metadata = parseSaltMetadata(parseLenientJson(text), options.now());
      return { version: metadata.version, metadata };
    },
    async load(metadata) {
      const snapshots: SaltSnapshot[] = [];
      for (const file of metadata.salts) snapshots.push(await loadFile(file, metadata, options));
      return snapshots;
    },
  };
}

async function loadFile(
  file: SaltFileMetadata,
  metadata: SaltMetadata,
  options: SaltSourceOptions,
): Promise<SaltSnapshot> {
  const { idPrefix, idSecret, firstLevelSalt } = metadata;
  const parser = new SaltFileParser({ size: file.size, idPrefix, idSecret });
  const keys = options.cloudKeys();
  if (keys === undefined) {
    await options.session.streamContent(file.location, (chunk) => parser.push(chunk));
  } else {
    const text = fromUtf8(await options.session.downloadContent(file.location));
    const content = openCloudFile(text, keys, 'salts', options.onDecryption);
    for (let start = 0; start < content.length; start += PIECE_BYTES) {
      parser.push(content.subarray(start, start + PIECE_BYTES));
      await nextTurn(); // a running operator answers requests meanwhile
    }
  }
  return { effective: file.effective, expires: file.expires, firstLevelSalt, table: parser.finish() };
}
