import { fromBase64, fromHex, fromUtf8, MalformedError, RequestError, toHex } from '@holdfast/base';

import { FIELD_BYTES, fitDigest, initdataDigest, initdataPcr8 } from './measure.ts';
import { parseInitdata, PLACEHOLDER_INITDATA } from './document.ts';

/** Where guests run: with a vTPM that Azure provides, or directly on the processor. */
export type ReferencePlatform = 'azure-snp' | 'azure-tdx' | 'snp' | 'tdx';

/** A reference value as the Trustee operator's `reference-values.json` lists it. */
export interface ReferenceValue {
  readonly name: string;
  /** RFC 3339, whole seconds, UTC. */
  readonly expiration: string;
  readonly value: readonly string[];
}

/**
 * Names under which policies ask for the value. `snp_pcr08` and `tdx_pcr08` are those of the operator's policies for Azure. Shipped
 * policies for bare guests ask for none; the names for these are ours, for policies that compare `input.init_data`.
 */
export const REFERENCE_VALUE_NAMES: Readonly<Record<ReferencePlatform, string>> = {
  'azure-snp': 'snp_pcr08',
  'azure-tdx': 'tdx_pcr08',
  snp: 'snp_init_data',
  tdx: 'tdx_init_data',
};

/**
 * The reference value that lets guests with any of these documents pass: PCR 8 on Azure, the fitted digest elsewhere. Name the old document
 * and the new one while pods change over. The placeholder is refused, since trusting it means trusting pods without initdata.
 * @param expires milliseconds since the epoch; cut to whole seconds
 * @throws RequestError INITDATA_REFERENCE_INVALID for no documents, the placeholder, or a time that is none
 * @throws the errors of `parseInitdata`
 */
export function initdataReferenceValue(
  documents: readonly string[],
  options: { readonly platform: ReferencePlatform; readonly expires: number; readonly allowPlaceholder?: boolean },
): ReferenceValue {
  const { platform, expires, allowPlaceholder = false } = options;
  if (documents.length === 0) throw invalid('there is no document to make a reference value of');
  if (!Number.isFinite(expires) || Math.abs(expires) > 8.64e15) throw invalid('the expiration is not a time');
  const values = documents.map((document) => {
    const { algorithm } = parseInitdata(document);
    if (document === PLACEHOLDER_INITDATA && !allowPlaceholder) {
      throw invalid('the document is the placeholder: its reference value would let in pods without initdata');
    }
    return toHex(REGISTERS[platform](initdataDigest(document, algorithm)));
  });
  const expiration = `${new Date(expires).toISOString().slice(0, -5)}Z`;
  return { name: REFERENCE_VALUE_NAMES[platform], expiration, value: [...new Set(values)] };
}

const REGISTERS: Readonly<Record<ReferencePlatform, (digest: Uint8Array) => Uint8Array>> = {
  'azure-snp': initdataPcr8,
  'azure-tdx': initdataPcr8,
  snp: (digest) => fitDigest(digest, FIELD_BYTES.hostData),
  tdx: (digest) => fitDigest(digest, FIELD_BYTES.mrConfigId),
};

const MAX_VALUES = 10_000;

/**
 * Reads reference values in any of the shapes the Trustee operator has had: `reference-values.json` of today, the older one with
 * `hash-value`, and the map of names to Base64 (`LocalJson`).
 * @throws MalformedError INITDATA_REFERENCE_MALFORMED
 */
export function parseReferenceValues(text: string): readonly ReferenceValue[] {
  const parsed = jsonOf(text);
  if (Array.isArray(parsed)) return bounded(parsed).map(valueOf);
  if (!isObject(parsed)) throw malformed('neither a list nor a map');
  return bounded(Object.values(parsed)).map((encoded) => {
    if (typeof encoded !== 'string') throw malformed('a value of the map is not text');
    let inner: string;
    try {
      inner = fromUtf8(fromBase64(encoded));
    } catch (cause) {
      throw malformed('a value of the map is not Base64 of text', cause);
    }
    return valueOf(jsonOf(inner));
  });
}

function valueOf(entry: unknown): ReferenceValue {
  if (!isObject(entry)) throw malformed('an entry is not an object');
  const { name, expiration } = entry;
  if (typeof name !== 'string' || name === '') throw malformed('an entry has no name');
  if (typeof expiration !== 'string' || Number.isNaN(Date.parse(expiration))) {
    throw malformed(`the entry ${JSON.stringify(name)} has no expiration`);
  }
  const hashes = entry['hash-value'];
  const list: readonly unknown[] = Array.isArray(hashes) ? hashes.map(hashText) : asList(entry['value']);
  const value = list.map((member) => {
    if (typeof member !== 'string') throw malformed(`a value of ${JSON.stringify(name)} is not text`);
    return member;
  });
  return { name, expiration, value };
}

function hashText(hash: unknown): string {
  const value = isObject(hash) ? hash['value'] : undefined;
  if (typeof value !== 'string') throw malformed('a hash has no value');
  try {
    return toHex(fromHex(value));
  } catch (cause) {
    throw malformed('a hash is not hexadecimal', cause);
  }
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function bounded(list: readonly unknown[]): readonly unknown[] {
  if (list.length > MAX_VALUES) throw malformed(`${list.length} entries, and at most ${MAX_VALUES} are read`);
  return list;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed('they are not JSON', cause);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError(
    'INITDATA_REFERENCE_MALFORMED',
    `reference values: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}

function invalid(problem: string): RequestError {
  return new RequestError('INITDATA_REFERENCE_INVALID', problem);
}
