import type { KeyObject } from 'node:crypto';

import { MalformedError } from '@holdfast/base';

import {
  clientSidePrivateKeyText,
  importClientSidePrivateKey,
  importClientSidePublicKey,
} from '../client-side/client-side-key.ts';
import { parseRecords, writeRecords } from './record-reader.ts';
import type { RecordReader } from './record-reader.ts';

/** A publisher's subscription to client-side token generation. */
export interface ClientSideKeypair {
  readonly subscriptionId: string;
  /** As publishers get it: nine characters of prefix, then Base64 of a SubjectPublicKeyInfo. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
  readonly siteId: number;
  readonly contact: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly disabled: boolean;
  readonly name: string;
}

/**
 * Reads a file of client-side key pairs, decrypted. A key that is none fails the whole file.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseClientSideKeypairs(text: string): ClientSideKeypair[] {
  return parseRecords('client_side_keypairs', text, (record) => ({
    subscriptionId: record.text('subscription_id'),
    publicKey: readKey(record, 'public_key', (key) => {
      importClientSidePublicKey(key);
      return key;
    }),
    privateKey: readKey(record, 'private_key', importClientSidePrivateKey),
    siteId: record.integer('site_id'),
    contact: record.textOr('contact', ''),
    created: record.integerOr('created', 0),
    disabled: record.booleanOr('disabled', false),
    name: record.textOr('name', ''),
  }));
}

/** The text of a file of client-side key pairs. It holds the private keys. */
export function writeClientSideKeypairs(keypairs: readonly ClientSideKeypair[]): string {
  return writeRecords(
    keypairs.map((keypair) => ({
      subscription_id: keypair.subscriptionId,
      public_key: keypair.publicKey,
      private_key: clientSidePrivateKeyText(keypair.privateKey, keypair.publicKey),
      site_id: keypair.siteId,
      contact: keypair.contact,
      created: keypair.created,
      disabled: keypair.disabled,
      name: keypair.name,
    })),
  );
}

function readKey<T>(record: RecordReader, field: string, read: (text: string) => T): T {
  const text = record.text(field);
  try {
    return read(text);
  } catch (error) {
    if (error instanceof MalformedError) throw record.fail(field, 'is not such a key');
    throw error;
  }
}
