import { toBase64 } from '@holdfast/base';
import { decodeLenientBase64 } from '@holdfast/uid2';
import type { JsonValue, OptOutIndex } from '@holdfast/uid2';

import type { OperatorApi } from '../api.ts';
import type { Endpoint, EnvelopedCall } from '../enveloped-route.ts';
import { clientError, success, unknownError } from '../responses.ts';
import type { Answer } from '../responses.ts';

const AS_ERROR = { level: 'error' } as const;

/** `POST /v2/optout/status`: which of the given raw UIDs belong to opted-out users, and since when (milliseconds). */
export function optOutStatus(api: OperatorApi): Endpoint {
  return (call) => {
    try {
      return answer(api, call);
    } catch (error) {
      return unknownError('getting optout status', error);
    }
  };
}

function answer(api: OperatorApi, { payload, request }: EnvelopedCall): Answer {
  const { settings, stores } = api.context;
  if (payload === null) return clientError('Invalid request body', AS_ERROR);
  const ids = Object.hasOwn(payload, 'advertising_ids') ? (payload['advertising_ids'] ?? null) : null;
  if (ids === null) return clientError('Required Parameter Missing: advertising_ids', AS_ERROR);
  if (!Array.isArray(ids)) throw new TypeError('advertising_ids is not an array');
  if (ids.length > settings.optOutStatusMaxRequestSize) return clientError('Request payload is too large', AS_ERROR);
  const optOuts = stores.optOuts();
  let found = 0;
  let body = '';
  for (const id of ids as readonly JsonValue[]) {
    if (typeof id !== 'string') continue;
    const since = optedOutSince(optOuts, id);
    if (since === undefined) continue;
    body += `${found === 0 ? '' : ','}{"advertising_id":"${id}","opted_out_since":${since * 1000}}`;
    found += 1;
  }
  api.metrics.optOutStatus(request, ids.length, found);
  return success(`{"opted_out":[${body}]}`);
}

/** Seconds since the epoch. Only the exact text of a raw UID matches: another spelling of the same bytes does not. */
function optedOutSince(optOuts: OptOutIndex, id: string): number | undefined {
  const bytes = decodeLenientBase64(id);
  return bytes === undefined || toBase64(bytes) !== id ? undefined : optOuts.optedOutAtByRawUid(bytes);
}
