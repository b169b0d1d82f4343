import { errorMessage, fromBase64Url, fromUtf8, RequestError, toBase64Url, toUtf8 } from '@holdfast/base';

import { formatJson, isJsonObject, member, parseJsonObject } from '../json/json.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';

/** Data bound into the report, as sent. */
export interface AttestedData {
  readonly data: Uint8Array;
  readonly dataType: 'JSON' | 'Binary';
}

/** A decoded body of POST /attest/SevSnpVm. */
export interface AttestSevSnpVmRequest {
  /** 1184 bytes (not yet checked). */
  readonly snpReport: Uint8Array;
  /** PEM of VCEK, ASK, ARK. */
  readonly vcekCertChain: string;
  /** Binary COSE_Sign1 endorsements of the utility VM. */
  readonly uvmEndorsements: readonly Uint8Array[];
  readonly runtimeData: AttestedData | undefined;
  readonly initTimeData: AttestedData | undefined;
  /** Decimal or free text; a JSON number is kept exactly. */
  readonly nonce: string | undefined;
  readonly draftPolicy: string | undefined;
}

const INVALID = 'MAA_REQUEST_INVALID';
const MAX_BYTES = 1024 * 1024;
const MAX_ENDORSEMENTS = 4;
const MAX_UINT64 = (1n << 64n) - 1n;

/**
 * Reads the body of POST /attest/SevSnpVm (at most 1 MiB). Every Base64url text may be padded or not.
 * @throws RequestError MAA_REQUEST_INVALID, MAA_REQUEST_TOO_LARGE
 * @see Microsoft Azure Attestation REST API, "Attest Sev Snp Vm"
 */
export function parseAttestSevSnpVmRequest(body: string | Uint8Array): AttestSevSnpVmRequest {
  if (body.length > MAX_BYTES) {
    throw new RequestError('MAA_REQUEST_TOO_LARGE', `request of ${body.length} bytes, at most ${MAX_BYTES}`);
  }
  const object = readObject(body, 'the body');
  const bundle = readObject(readBytes(member(object, 'report'), 'report'), 'report');
  return {
    snpReport: readBytes(member(bundle, 'SnpReport'), 'SnpReport'),
    vcekCertChain: readText(readBytes(member(bundle, 'VcekCertChain'), 'VcekCertChain'), 'VcekCertChain'),
    uvmEndorsements: readEndorsements(member(bundle, 'Endorsements')),
    runtimeData: readData(member(object, 'runtimeData'), 'runtimeData'),
    initTimeData: readData(initTimeMember(object), 'initTimeData'),
    nonce: readNonce(member(object, 'nonce')),
    draftPolicy: readDraftPolicy(member(object, 'draftPolicyForAttestation')),
  };
}

/** The JSON body that a guest sends: the inverse of `parseAttestSevSnpVmRequest`. */
export function formatAttestSevSnpVmRequest(request: {
  readonly snpReport: Uint8Array;
  readonly vcekCertChain: string;
  readonly uvmEndorsements?: readonly Uint8Array[];
  readonly runtimeData?: AttestedData;
  readonly initTimeData?: AttestedData;
  readonly nonce?: string;
}): string {
  const endorsements = request.uvmEndorsements ?? [];
  const bundle = formatJson({
    SnpReport: toBase64Url(request.snpReport),
    VcekCertChain: toBase64Url(toUtf8(request.vcekCertChain)),
    ...(endorsements.length === 0
      ? {}
      : { Endorsements: toBase64Url(toUtf8(formatJson({ Uvm: endorsements.map(toBase64Url) }))) }),
  });
  const data = ({ data, dataType }: AttestedData): JsonObject => ({ data: toBase64Url(data), dataType });
  return formatJson({
    report: toBase64Url(toUtf8(bundle)),
    ...(request.runtimeData === undefined ? {} : { runtimeData: data(request.runtimeData) }),
    ...(request.initTimeData === undefined ? {} : { initTimeData: data(request.initTimeData) }),
    ...(request.nonce === undefined ? {} : { nonce: request.nonce }),
  });
}

function readObject(bytes: string | Uint8Array, what: string): JsonObject {
  return asRequest(what, () => parseJsonObject(bytes, INVALID));
}

function readBytes(value: JsonValue | undefined, what: string): Uint8Array {
  if (typeof value !== 'string') throw invalid(`"${what}" is not a text`);
  const unpadded = value.length % 4 === 0 ? value.replace(/={1,2}$/, '') : value;
  return asRequest(what, () => fromBase64Url(unpadded));
}

function readText(bytes: Uint8Array, what: string): string {
  return asRequest(what, () => fromUtf8(bytes));
}

function readEndorsements(value: JsonValue | undefined): readonly Uint8Array[] {
  if (value === undefined || value === null || value === '') return [];
  const list = member(readObject(readBytes(value, 'Endorsements'), 'Endorsements'), 'Uvm');
  if (list === undefined) return [];
  if (!Array.isArray(list) || list.length > MAX_ENDORSEMENTS)
    throw invalid(`"Uvm" is not a list of at most ${MAX_ENDORSEMENTS}`);
  return list.map((item: JsonValue) => readBytes(item, 'Uvm'));
}

/** `initTimeData`; some clients spell it in other cases or with an underscore. */
function initTimeMember(object: JsonObject): JsonValue | undefined {
  const exact = member(object, 'initTimeData');
  if (exact !== undefined) return exact;
  const name = Object.keys(object).find((key) => key.toLowerCase().replace('_', '') === 'inittimedata');
  return name === undefined ? undefined : member(object, name);
}

/** Absent, null and empty data all mean that there is none: one client always sends empty texts. */
function readData(value: JsonValue | undefined, what: string): AttestedData | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw invalid(`"${what}" is not an object`);
  const data = readBytes(member(value, 'data') ?? '', `${what}.data`);
  if (data.length === 0) return undefined;
  const type = member(value, 'dataType');
  const dataType = typeof type === 'string' ? DATA_TYPES.get(type.toLowerCase()) : undefined;
  if (dataType === undefined) throw invalid(`"${what}.dataType" is neither JSON nor Binary`);
  return { data, dataType };
}

const DATA_TYPES: ReadonlyMap<string, AttestedData['dataType']> = new Map([
  ['json', 'JSON'],
  ['binary', 'Binary'],
]);

function readNonce(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  const integer =
    typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(value as bigint | number) : undefined;
  if (integer === undefined || integer < 0n || integer > MAX_UINT64)
    throw invalid('"nonce" is neither a text nor an unsigned 64-bit number');
  return integer.toString();
}

function readDraftPolicy(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid('"draftPolicyForAttestation" is not a text');
  return value;
}

function asRequest<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new RequestError(INVALID, `${what}: ${errorMessage(cause)}`, { cause });
  }
}

function invalid(problem: string): RequestError {
  return new RequestError(INVALID, problem);
}
