import { parseRecords } from './record-reader.ts';
import type { RecordReader } from './record-reader.ts';

/** Somebody outside the framework who is told of every opt-out. */
export interface PartnerRecord {
  /** Lower case; names the partner's state in the bucket. */
  readonly name: string;
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Names and values; values may hold placeholders. */
  readonly queryParameters: readonly (readonly [string, string])[];
  readonly headers: readonly (readonly [string, string])[];
  /** How often a call is repeated after a failure that may pass. */
  readonly retryCount: number;
  readonly retryBackoffMs: number;
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const;
/** A name becomes part of an object path. */
const NAME = /^[a-z0-9][a-z0-9_-]*$/;
const MAX_RETRIES = 1000;

/**
 * Reads a partners file.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parsePartners(text: string): PartnerRecord[] {
  return parseRecords('partners', text, (record) => {
    const name = record.text('name').toLowerCase();
    if (!NAME.test(name)) throw record.fail('name', 'is not made of letters, digits, dashes and underscores');
    const method = METHODS.find((known) => known === record.textOr('method', 'GET').toUpperCase());
    if (method === undefined) throw record.fail('method', `is not one of ${METHODS.join(', ')}`);
    return {
      name,
      url: readUrl(record),
      method,
      queryParameters: record.textsOr('query_params', []).map((pair) => {
        const [parameter, value, ...others] = pair.split('=');
        if (!parameter || value === undefined || others.length > 0) {
          throw record.fail('query_params', 'holds something other than name=value');
        }
        return [parameter, value] as const;
      }),
      headers: record.textsOr('additional_headers', []).map((line) => {
        const colon = line.indexOf(':');
        if (colon < 1) throw record.fail('additional_headers', 'holds something other than Name: value');
        return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const;
      }),
      retryCount: bounded(record, 'retry_count', MAX_RETRIES),
      retryBackoffMs: bounded(record, 'retry_backoff_ms', 3_600_000),
    };
  });
}

function readUrl(record: RecordReader): string {
  const url = record.text('url');
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) throw record.fail('url', 'is no http or https URL');
  return url;
}

function bounded(record: RecordReader, field: string, most: number): number {
  const value = record.integerOr(field, 0);
  if (value < 0 || value > most) throw record.fail(field, `is not between 0 and ${most}`);
  return value;
}
