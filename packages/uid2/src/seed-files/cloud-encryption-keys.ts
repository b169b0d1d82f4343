import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { toBase64 } from '@holdfast/base';

import type { JsonObject } from '../envelope/lenient-json.ts';
import { parseObject, parseRecords, recordsOf, writeRecords } from './record-reader.ts';
import type { RecordReader } from './record-reader.ts';

/** An AES-256 key for the files of one site at rest. Times are seconds since the epoch. */
export interface CloudEncryptionKey {
  readonly id: number;
  readonly siteId: number;
  readonly activates: number;
  readonly created: number;
  readonly secret: KeyObject;
}

const SECRET_LENGTH = 32;
const FILE = 'cloud_encryption_keys';

/**
 * Reads a cloud encryption keys file: an array of keys.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseCloudEncryptionKeys(text: string): CloudEncryptionKey[] {
  return parseRecords(FILE, text, parseKey);
}

/**
 * Reads what UID2 Core answers at `/cloud_encryption_keys/retrieve`: the keys in a member of an object.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseCloudEncryptionKeysResponse(text: string): CloudEncryptionKey[] {
  return recordsOf(FILE, parseObject(FILE, text)['cloud_encryption_keys'], parseKey);
}

/** The text of a cloud encryption keys file. It holds the keys. */
export function writeCloudEncryptionKeys(keys: readonly CloudEncryptionKey[]): string {
  return writeRecords(keys.map(cloudEncryptionKeyJson));
}

/** One key in the members Core sends; writers use `siteId`, readers also take `site_id`. */
export function cloudEncryptionKeyJson(key: CloudEncryptionKey): JsonObject {
  return {
    id: key.id,
    siteId: key.siteId,
    activates: key.activates,
    created: key.created,
    secret: toBase64(key.secret.export()),
  };
}

/** The key that new files of a site are encrypted with: of those already active the one created last. */
export function activeCloudEncryptionKey(
  keys: Iterable<CloudEncryptionKey>,
  siteId: number,
  nowSeconds: number,
): CloudEncryptionKey | undefined {
  let chosen: CloudEncryptionKey | undefined;
  for (const key of keys) {
    if (key.siteId !== siteId || key.activates > nowSeconds) continue;
    if (chosen === undefined || key.created > chosen.created) chosen = key;
  }
  return chosen;
}

function parseKey(record: RecordReader): CloudEncryptionKey {
  return {
    id: record.integer('id'),
    siteId: record.optionalInteger('siteId') ?? record.integer('site_id'),
    activates: record.integer('activates'),
    created: record.integer('created'),
    secret: createSecretKey(record.base64('secret', SECRET_LENGTH)),
  };
}
