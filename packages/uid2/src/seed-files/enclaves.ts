import { parseRecords, writeRecords } from './record-reader.ts';

/** A workload measurement that UID2 Core accepts. */
export interface EnclaveRecord {
  readonly name: string;
  readonly protocol: string;
  /** For `azure-cc` the lower-case hex SHA-256 of the confidential computing enforcement policy: the report's HOST_DATA. */
  readonly identifier: string;
  /** Seconds since the epoch. */
  readonly created: number;
}

/**
 * Reads an enclaves file. All members but `name` must be there.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseEnclaves(text: string): EnclaveRecord[] {
  return parseRecords('enclaves', text, (record) => ({
    name: record.textOr('name', ''),
    protocol: record.text('protocol'),
    identifier: record.text('identifier'),
    created: record.integer('created'),
  }));
}

/** The text of an enclaves file. */
export function writeEnclaves(enclaves: readonly EnclaveRecord[]): string {
  return writeRecords(
    enclaves.map(({ name, protocol, identifier, created }) => ({ name, protocol, identifier, created })),
  );
}
