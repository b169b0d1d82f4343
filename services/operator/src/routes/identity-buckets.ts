import { InternalError, RequestError } from '@holdfast/base';
import { textMember } from '@holdfast/uid2';

import { selectSalts } from '../api.ts';
import type { OperatorApi } from '../api.ts';
import type { Endpoint } from '../enveloped-route.ts';
import { jsonText } from '../json-text.ts';
import { clientError, success } from '../responses.ts';

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
    let body = '';
    await api.batches.run(table.size, (index) => {
      if (!table.isLoaded(index)) throw new InternalError('SALT_ENTRY_MISSING', `salt entry ${index} is a hole`);
      const lastUpdated = table.lastUpdated(index);
      if (lastUpdated < sinceMs) return;
      const date = new Date(lastUpdated).toISOString().slice(0, -1);
      body += `${body === '' ? '' : ','}{"bucket_id":${jsonText(table.bucketId(index))},"last_updated":"${date}"}`;
    });
    return success(`[${body}]`);
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
