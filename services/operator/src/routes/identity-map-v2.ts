import { RequestError } from '@holdfast/base';
import type { DiiKind, JsonObject, JsonValue } from '@holdfast/uid2';

import type { OperatorApi } from '../api.ts';
import type { Endpoint, EnvelopedCall } from '../enveloped-route.ts';
import { acceptedKinds, exactlyOneRequired } from '../identity-input.ts';
import { IdentityMapper } from '../identity-mapper.ts';
import { jsonText } from '../json-text.ts';
import { recordBatch } from '../record-batch.ts';
import { clientError, refusal, success, unknownError } from '../responses.ts';
import type { Answer, Refusal } from '../responses.ts';

/** The one array of a payload. */
interface Batch {
  readonly kind: DiiKind;
  readonly items: readonly JsonValue[];
}

/** `POST /v2/identity/map`: raw UID and bucket for every identity of one kind, in order. */
export function identityMapV2(api: OperatorApi): Endpoint {
  return async (call) => {
    api.metrics.sdkVersion(call.request, call.client.siteId);
    try {
      return await map(api, call);
    } catch (error) {
      return unknownError('mapping identity v2', error);
    }
  };
}

async function map(api: OperatorApi, call: EnvelopedCall): Promise<Answer> {
  if (call.payload === null) throw new RequestError('PAYLOAD_MISSING', 'the request has no payload');
  const batch = readBatch(call.payload, api.context.settings.phoneSupport);
  if ('httpStatus' in batch) return batch;
  // Private operators have no service links, so a client that is a service cannot prove its link.
  if (call.client.serviceId !== 0) return { ...refusal(401, 'unauthorized', 'Invalid link_id'), level: 'error' };
  const { kind, items } = batch;
  const mapper = new IdentityMapper(api, call.nowMs);
  let mapped = '';
  let unmapped = '';
  await api.batches.run(items.length, (index) => {
    const item = items[index] ?? null;
    if (item === null) {
      if (kind !== 'phone') throw new RequestError('MAP_ELEMENT_NULL', 'an element of the request is null');
      mapper.countInvalid(kind);
      unmapped += `${unmapped === '' ? '' : ','}{"identifier":null,"reason":"invalid identifier"}`;
      return;
    }
    const text = elementText(item);
    const result = mapper.mapV2(kind, text);
    if (typeof result === 'string') mapped += mapped === '' ? result : `,${result}`;
    else unmapped += `${unmapped === '' ? '' : ','}{"identifier":${jsonText(text)},"reason":"${result.reason}"}`;
  });
  recordBatch(api, call.request, mapper);
  return success(unmapped === '' ? `{"mapped":[${mapped}]}` : `{"mapped":[${mapped}],"unmapped":[${unmapped}]}`);
}

function readBatch(payload: JsonObject, phoneSupport: boolean): Batch | Refusal {
  let found: Batch | undefined;
  let filled = 0;
  for (const kind of acceptedKinds(phoneSupport)) {
    const value = Object.hasOwn(payload, kind) ? payload[kind] : null;
    if (value === undefined || value === null) continue;
    if (!Array.isArray(value)) return clientError(`${kind} must be an array`);
    const items = value as readonly JsonValue[];
    if (items.length > 0) filled += 1;
    if (found === undefined || items.length > 0) found = { kind, items };
  }
  return found === undefined || filled > 1 ? exactlyOneRequired(phoneSupport) : found;
}

/** Numbers and booleans stand for their text, as the reference reads them. */
function elementText(item: Exclude<JsonValue, null>): string {
  if (typeof item === 'string') return item;
  return typeof item === 'object' ? JSON.stringify(item) : String(item);
}
