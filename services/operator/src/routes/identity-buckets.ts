import { InternalError, RequestError } from '@holdfast/base';
import { textMember } from '@holdfast/uid2';
import type { SaltTable } from '@holdfast/uid2';

import { selectSalts } from '../api.ts';
import type { OperatorApi } from '../api.ts';
import { bucketIdLiterals } from '../bucket-id-literals.ts';
import type { Endpoint } from '../enveloped-route.ts';
import { jsonPiece } from '../json-bytes.ts';
import type { JsonBytes } from '../json-bytes.ts';
import { beginSuccess, clientError } from '../responses.ts';

/** `2021-03-08T00:00`, seconds and up to nine fraction digits optional; no zone, no blanks, no 24:00. */
const LOCAL_DATE_TIME = /^(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d)(?::([0-5]\d)(?:\.(\d{0,9}))?)?$/;

/**
 * `POST /v2/identity/buckets`: every salt bucket that changed at or after `since_timestamp`, in file order and all at
 * once. A snapshot with holes becomes the bare 500.
 */
export function identityBuckets(api: OperatorApi): Endpoint {
  return async ({ client, payload, nowMs }) => {
    if (payload === null) throw new RequestError('PAYLOAD_MISSING', 'the request has no payload');
    const text = textMember(payload, 'since_timestamp');
    if (text === undefined) return clientError('missing parameter since_timestamp');
    const sinceMs = parseLocalDateTime(text);
    if (sinceMs === undefined) return clientError('invalid date, must conform to ISO 8601');
    api.context.logger.info({ siteId: client.siteId, since: text }, 'salt buckets requested');
    const { table } = selectSalts(api.context, nowMs);
    const writeBucketId = bucketIdLiterals(table);
    const writeDate = dateLiterals();
    const entryBytes = BUCKET_ID.byteLength + table.maxBucketIdLength + LAST_UPDATED.byteLength + 32;
    const body = beginSuccess(entryBytes * countSince(table, sinceMs) + 64).bytes(OPEN);
    const empty = body.length;
    await api.batches.run(table.size, (index) => {
      if (!table.isLoaded(index)) throw new InternalError('SALT_ENTRY_MISSING', `salt entry ${index} is a hole`);
      const lastUpdated = table.lastUpdated(index);
      if (lastUpdated < sinceMs) return;
      if (body.length > empty) body.bytes(COMMA);
      body.bytes(BUCKET_ID);
      writeBucketId(body, index);
      body.bytes(LAST_UPDATED);
      writeDate(body, lastUpdated);
      body.bytes(END);
    });
    return { ok: true, bytes: body.bytes(CLOSE).written };
  };
}

const OPEN = jsonPiece('[');
const CLOSE = jsonPiece(']}');
const COMMA = jsonPiece(',');
const BUCKET_ID = jsonPiece('{"bucket_id":');
const LAST_UPDATED = jsonPiece(',"last_updated":');
const END = jsonPiece('}');

/**
 * A pass of its own, 5 ms for a million: room that is made at once takes half the time and 120 MB less than room that doubles.
 */
function countSince(table: SaltTable, sinceMs: number): number {
  let count = 0;
  for (let index = 0; index < table.size; index += 1) if (table.lastUpdated(index) >= sinceMs) count += 1;
  return count;
}

/** More dates than a world has, and few enough to keep. */
const KEPT_DATES = 4_096;

/** Writes dates as JSON string literals, without a zone. They repeat: salts rotate once a day, a share of all at a time. */
function dateLiterals(): (out: JsonBytes, ms: number) => void {
  const literals = new Map<number, DataView>();
  return (out, ms) => {
    let literal = literals.get(ms);
    if (literal === undefined) {
      literal = jsonPiece(`"${new Date(ms).toISOString().slice(0, -1)}"`);
      if (literals.size >= KEPT_DATES) literals.clear();
      literals.set(ms, literal);
    }
    out.bytes(literal);
  };
}

/** Milliseconds since the epoch of a local date-time read as UTC, its finer part dropped; undefined when it is none. */
function parseLocalDateTime(text: string): number | undefined {
  const match = LOCAL_DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, date, minutes, seconds = '00', fraction = ''] = match;
  const canonical = `${date}T${minutes}:${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
  const ms = Date.parse(canonical);
  // Days that a month does not have would roll over into the next.
  return Number.isNaN(ms) || new Date(ms).toISOString() !== canonical ? undefined : ms;
}
