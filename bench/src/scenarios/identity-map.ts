import { isJsonObject } from '@holdfast/uid2';
import type { DiiKind, JsonObject, JsonValue } from '@holdfast/uid2';

import { identityText } from '../identities.ts';
import { EnvelopedScenario } from './enveloped.ts';
import type { Caller } from './enveloped.ts';

/** Identities that the pool of one process holds, give or take: bounds its memory to some 100 MB. */
const POOLED_IDENTITIES = 400_000;
const MAX_PAYLOADS = 1_024;
const MIN_PAYLOADS = 4;

/** `POST /v3/identity/map` or, in its version 2 form, `POST /v2/identity/map`, `batch` identities of one kind per request. */
export function identityMap(caller: Caller, kind: DiiKind, batch: number, version: 2 | 3): EnvelopedScenario {
  return new EnvelopedScenario({
    caller,
    path: `/v${version}/identity/map`,
    entriesPerRequest: batch,
    payloads: Math.min(MAX_PAYLOADS, Math.max(MIN_PAYLOADS, Math.floor(POOLED_IDENTITIES / batch))),
    payload: (index) =>
      JSON.stringify({ [kind]: Array.from({ length: batch }, (_, i) => identityText(kind, index * batch + i)) }),
    problemOf: (body) => (version === 3 ? problemOfV3(body, kind, batch) : problemOfV2(body, batch)),
  });
}

/** An opted-out identity is a fair answer; one that the operator finds invalid is not what this run wants to measure. */
function problemOfV3(body: JsonObject, kind: DiiKind, batch: number): string | undefined {
  const entries = listOf(body[kind]);
  if (entries.length !== batch) return `the reply has ${entries.length} entries for ${batch} identities`;
  const bad = entries.find((entry) => typeof entry['u'] !== 'string' && entry['e'] !== 'optout');
  return bad === undefined ? undefined : `an identity was not mapped: ${JSON.stringify(bad)}`;
}

function problemOfV2(body: JsonObject, batch: number): string | undefined {
  const [mapped, unmapped] = [listOf(body['mapped']), listOf(body['unmapped'])];
  const entries = mapped.length + unmapped.length;
  if (entries !== batch) return `the reply has ${entries} entries for ${batch} identities`;
  const bad =
    mapped.find((entry) => typeof entry['advertising_id'] !== 'string') ??
    unmapped.find((entry) => entry['reason'] !== 'optout');
  return bad === undefined ? undefined : `an identity was not mapped: ${JSON.stringify(bad)}`;
}

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : [];
}
