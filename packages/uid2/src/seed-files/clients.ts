import { clientRecordJson, parseClientRecord } from '../api-keys/client-record.ts';
import type { ClientRecord } from '../api-keys/client-record.ts';
import { parseRecords, writeRecords } from './record-reader.ts';

/**
 * Reads a clients file, decrypted.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseClients(text: string): ClientRecord[] {
  return parseRecords('clients', text, parseClientRecord);
}

/** The text of a clients file. It holds the clients' secrets. */
export function writeClients(clients: readonly ClientRecord[]): string {
  return writeRecords(clients.map(clientRecordJson));
}
