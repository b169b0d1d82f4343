import { RequestError } from '@holdfast/base';
import type { DiiKind, JsonObject, JsonValue } from '@holdfast/uid2';

import { acceptedKinds, exactlyOneRequired } from '../identity-input.ts';
import { SLICE } from '../identity-mapper.ts';
import type { IdentityMapper, MapWorld } from '../identity-mapper.ts';
import { beginSuccess, clientError } from '../responses.ts';
import type { Refusal } from '../responses.ts';
import { JsonBytes, jsonPiece } from '../json-bytes.ts';
import type { Check, MapAnswer, Slices } from './map-answer.ts';

/** The one array of a payload. */
interface Batch {
  readonly kind: DiiKind;
  readonly items: readonly JsonValue[];
}

/** Bytes of one result without its identifier; most have a few less. */
const RESULT_BYTES = 112;

const MAPPED = jsonPiece('{"mapped":[');
const UNMAPPED = jsonPiece('],"unmapped":[');
const END = jsonPiece(']}}');

/**
 * Raw UID and bucket for every identity of one kind, in order: `{"mapped":[…],"unmapped":[…]}`, the second only when it is
 * not empty.
 * @throws RequestError PAYLOAD_MISSING, MAP_ELEMENT_NULL
 * @throws VerificationError SALT_ENTRY_UNUSABLE
 */
export function* mapV2(
  mapper: IdentityMapper,
  world: () => MapWorld,
  nowMs: number,
  payload: JsonObject | null,
  check: Check,
): Slices<MapAnswer> {
  if (payload === null) throw new RequestError('PAYLOAD_MISSING', 'the request has no payload');
  const batch = readBatch(payload, mapper.phoneSupport);
  if ('httpStatus' in batch) return batch;
  const refused = check();
  if (refused !== undefined) return refused;
  const { kind, items } = batch;
  const texts = textsOf(kind, items);
  const mapping = mapper.begin(world(), nowMs, false);
  const letters = texts.reduce((sum, text) => sum + text.length, 0);
  const out = { mapped: new JsonBytes(letters + texts.length * RESULT_BYTES), unmapped: new JsonBytes(0) };
  for (let from = 0; from < texts.length; from += SLICE) {
    if (from > 0) yield;
    mapping.mapV2(kind, texts, items, from, out);
  }
  const answer = beginSuccess(out.mapped.length + out.unmapped.length + RESULT_BYTES)
    .bytes(MAPPED)
    .append(out.mapped);
  if (out.unmapped.length > 0) answer.bytes(UNMAPPED).append(out.unmapped);
  return { ok: true, bytes: answer.bytes(END).written, counts: mapping };
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

/** The texts of all items. Null is the empty text, which is never valid, and allowed among phone numbers only. */
function textsOf(kind: DiiKind, items: readonly JsonValue[]): readonly string[] {
  if (items.every((item) => typeof item === 'string')) return items;
  return items.map((item) => {
    if (item !== null) return elementText(item);
    if (kind === 'phone') return '';
    throw new RequestError('MAP_ELEMENT_NULL', 'an element of the request is null');
  });
}

/** Numbers and booleans stand for their text, as the reference reads them. */
function elementText(item: Exclude<JsonValue, null>): string {
  if (typeof item === 'string') return item;
  return typeof item === 'object' ? JSON.stringify(item) : String(item);
}
