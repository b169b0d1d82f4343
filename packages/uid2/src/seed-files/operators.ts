import { operatorRecordJson, parseOperatorRecord } from '../api-keys/operator-record.ts';
import type { OperatorRecord } from '../api-keys/operator-record.ts';
import { parseRecords, writeRecords } from './record-reader.ts';

/**
 * Reads an operators file.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseOperators(text: string): OperatorRecord[] {
  return parseRecords('operators', text, parseOperatorRecord);
}

/** The text of an operators file. */
export function writeOperators(operators: readonly OperatorRecord[]): string {
  return writeRecords(operators.map(operatorRecordJson));
}
