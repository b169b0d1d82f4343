import type { DiiKind, JsonObject, JsonValue } from '@holdfast/uid2';

import type { OperatorApi } from '../api.ts';
import type { Endpoint, EnvelopedCall } from '../enveloped-route.ts';
import { DII_KINDS } from '../identity-input.ts';
import { IdentityMapper } from '../identity-mapper.ts';
import { recordBatch } from '../record-batch.ts';
import { clientError, refusal, success, unknownError } from '../responses.ts';
import type { Answer, Refusal } from '../responses.ts';

type Inputs = ReadonlyMap<DiiKind, readonly string[]>;

/** `POST /v3/identity/map`: current and previous raw UID and refresh time for identities of all kinds, in order. */
export function identityMapV3(api: OperatorApi): Endpoint {
  return async (call) => {
    try {
      return await map(api, call);
    } catch (error) {
      return unknownError('mapping identity v3', error);
    }
  };
}

async function map(api: OperatorApi, call: EnvelopedCall): Promise<Answer> {
  const inputs = readInputs(call.payload, api.context.settings.phoneSupport);
  if (!(inputs instanceof Map)) return inputs as Refusal;
  // Private operators have no service links, so a client that is a service cannot prove its link.
  if (call.client.serviceId !== 0) return { ...refusal(401, 'unauthorized', 'Invalid link_id'), level: 'error' };
  const mapper = new IdentityMapper(api, call.nowMs);
  let body = '';
  for (const kind of DII_KINDS) {
    const texts = (inputs as Inputs).get(kind) ?? [];
    let results = '';
    await api.batches.run(texts.length, (index) => {
      const result = mapper.mapV3(kind, texts[index] ?? '');
      results += index === 0 ? result : `,${result}`;
    });
    body += `${body === '' ? '{' : ','}"${kind}":[${results}]`;
  }
  recordBatch(api, call.request, mapper);
  return success(`${body}}`);
}

/** Unlike version 2, everything must be as declared: known keys, arrays, and nothing nested or null inside. */
function readInputs(payload: JsonObject | null, phoneSupport: boolean): Inputs | Refusal {
  const names = payload === null ? [] : Object.keys(payload);
  if (payload === null || names.length === 0) {
    const kinds = phoneSupport ? '[email, email_hash, phone, phone_hash]' : '[email, email_hash]';
    return clientError(`Required Parameter Missing: one or more of ${kinds} must be specified`);
  }
  const inputs = new Map<DiiKind, readonly string[]>();
  for (const name of names) {
    const value = payload[name];
    if (!(DII_KINDS as readonly string[]).includes(name)) return incorrect();
    if (value === null || value === undefined) continue;
    const texts = Array.isArray(value) ? textsOf(value as readonly JsonValue[]) : undefined;
    if (texts === undefined) return incorrect();
    inputs.set(name as DiiKind, texts);
  }
  return inputs;
}

function textsOf(items: readonly JsonValue[]): readonly string[] | undefined {
  let allText = true;
  for (const item of items) {
    if (typeof item === 'string') continue;
    if (typeof item === 'object') return undefined;
    allText = false;
  }
  return allText ? (items as readonly string[]) : items.map(String);
}

function incorrect(): Refusal {
  return clientError('Incorrect request format');
}
