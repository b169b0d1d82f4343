import type { DiiKind, JsonObject, JsonValue } from '@holdfast/uid2';

import { DII_KINDS } from '../identity-input.ts';
import { SLICE } from '../identity-mapper.ts';
import type { IdentityMapper, MapWorld } from '../identity-mapper.ts';
import { beginSuccess, clientError } from '../responses.ts';
import type { Refusal } from '../responses.ts';
import { jsonPiece } from '../json-bytes.ts';
import type { Check, MapAnswer, Slices } from './map-answer.ts';

type Inputs = ReadonlyMap<DiiKind, readonly string[]>;

/** Bytes of the longest usual result, with its comma. */
const RESULT_BYTES = 124;
/** Bytes of everything else. */
const FRAME_BYTES = 256;

const END = jsonPiece(']');
const END_OF_ALL = jsonPiece('}}');

/**
 * Current and previous raw UID and refresh time for identities of all kinds, in order: one array for each of the four kinds.
 * @throws VerificationError SALT_ENTRY_UNUSABLE
 */
export function* mapV3(
  mapper: IdentityMapper,
  world: () => MapWorld,
  nowMs: number,
  payload: JsonObject | null,
  check: Check,
): Slices<MapAnswer> {
  const inputs = readInputs(payload, mapper.phoneSupport);
  if (!(inputs instanceof Map)) return inputs as Refusal;
  const refused = check();
  if (refused !== undefined) return refused;
  const mapping = mapper.begin(world(), nowMs, true);
  let count = 0;
  for (const texts of (inputs as Inputs).values()) count += texts.length;
  const out = beginSuccess(count * RESULT_BYTES + FRAME_BYTES);
  let started = false;
  for (const kind of DII_KINDS) {
    const texts = (inputs as Inputs).get(kind) ?? [];
    out.bytes(jsonPiece(`${kind === DII_KINDS[0] ? '{' : ','}"${kind}":[`));
    for (let from = 0; from < texts.length; from += SLICE) {
      if (started) yield;
      started = true;
      mapping.mapV3(kind, texts, from, out);
    }
    out.bytes(END);
  }
  return { ok: true, bytes: out.bytes(END_OF_ALL).written, counts: mapping };
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
