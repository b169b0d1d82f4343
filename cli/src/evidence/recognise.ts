import {
  isJsonObject,
  member,
  parseCertificates,
  parseJsonObject,
  parseRevocationList,
  parseSnpCertificateTable,
  parseThimCertificates,
  parseVtpmEvidence,
  SNP_REPORT_SIZE,
} from '@holdfast/attestation';
import type { Certificate, JsonObject, JsonValue } from '@holdfast/attestation';
import { fromBase64, fromBase64Url, fromHex, fromUtf8, MalformedError, PlatformError } from '@holdfast/base';

import type { EvidenceItem } from './evidence-item.ts';

const CODE = 'EVIDENCE_UNRECOGNISED';
/** Text inside text inside JSON: an attest request wraps an endorsement four times. */
const MAX_DEPTH = 6;
const HEADER_AFTER_REPORT = 20;
const TAGGED_SIGN1 = 0xd2;
const ARRAY_OF_FOUR = 0x84;
const DER_SEQUENCE = 0x30;
const PARAVISOR_MAGIC = 0x48434c41;
const HIGHEST_PLAUSIBLE_VERSION = 16;

/**
 * What bytes hold. Recognises by form, not by whether anything in them is genuine.
 * @throws MalformedError EVIDENCE_UNRECOGNISED, and the codes of formats that were recognised and do not hold together
 */
export function recognise(bytes: Uint8Array, depth = 0): readonly EvidenceItem[] {
  if (depth > MAX_DEPTH) throw unrecognised('text is wrapped in text too many times');
  if (bytes.length === 0) throw unrecognised('the file is empty');
  const text = asText(bytes);
  if (text === undefined) return recogniseBinary(bytes);
  // A policy is measured as it is, with the white space around it.
  if (/^package\s+\w/.test(text)) return [{ kind: 'security-policy', policy: bytes }];
  return recogniseText(text.trim(), depth);
}

function recogniseBinary(bytes: Uint8Array): readonly EvidenceItem[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 4 && view.getUint32(0) === PARAVISOR_MAGIC) return [{ kind: 'paravisor-report', bytes }];
  if (bytes[0] === DER_SEQUENCE) return recogniseDer(bytes);
  if (bytes[0] === TAGGED_SIGN1 || (bytes[0] === ARRAY_OF_FOUR && bytes.length !== SNP_REPORT_SIZE))
    return [{ kind: 'endorsement', cose: bytes }];
  if (bytes.length === SNP_REPORT_SIZE) return [{ kind: 'report', bytes }];
  const report: EvidenceItem = { kind: 'report', bytes: bytes.subarray(0, SNP_REPORT_SIZE) };
  if (bytes.length === SNP_REPORT_SIZE + HEADER_AFTER_REPORT) return [report];
  if (bytes.length > SNP_REPORT_SIZE && view.getUint32(0, true) <= HIGHEST_PLAUSIBLE_VERSION) {
    const rest = bytes.subarray(SNP_REPORT_SIZE);
    const startsLikeCertificates = rest[0] === DER_SEQUENCE || asText(rest) !== undefined;
    const certificates = startsLikeCertificates ? parseCertificates(rest) : certificatesOfTable(rest);
    return [report, { kind: 'certificates', certificates }];
  }
  throw unrecognised(`${bytes.length} bytes of no known form; a report has exactly ${SNP_REPORT_SIZE}`);
}

function recogniseDer(bytes: Uint8Array): readonly EvidenceItem[] {
  try {
    return [{ kind: 'certificates', certificates: parseCertificates(bytes) }];
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    try {
      return [{ kind: 'revocation-list', list: parseRevocationList(bytes) }];
    } catch {
      // Neither: a damaged certificate is the likelier of the two, so its error is the one to show.
      throw error;
    }
  }
}

function recogniseText(text: string, depth: number): readonly EvidenceItem[] {
  if (text.startsWith('{')) return recogniseJson(text, depth);
  if (text.startsWith('-----BEGIN X509 CRL')) {
    return [{ kind: 'revocation-list', list: parseRevocationList(new TextEncoder().encode(text)) }];
  }
  if (text.startsWith('-----BEGIN')) return [{ kind: 'certificates', certificates: parseCertificates(text) }];
  if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)) return [{ kind: 'attestation-token', token: text }];
  const compact = text.replace(/\s+/g, '');
  if (isReportInHex(compact)) return [{ kind: 'report', bytes: fromHex(compact) }];
  const decoded = decodeBase64(compact);
  if (decoded === undefined) throw unrecognised('text that is neither JSON, PEM, hex, Base64 nor a token');
  return recognise(decoded, depth + 1);
}

function recogniseJson(text: string, depth: number): readonly EvidenceItem[] {
  const object = parseJsonObject(text, CODE);
  const has = (name: string): boolean => member(object, name) !== undefined;
  if (has('vcekCert')) return [{ kind: 'host-certificates', thim: parseThimCertificates(text) }];
  if (has('tpm_quote') || (has('quote') && has('report')))
    return [{ kind: 'vtpm-evidence', evidence: parseVtpmEvidence(text) }];
  if (has('outblob')) return recogniseTsm(object);
  if (has('SnpReport')) return recogniseBundle(object, depth);
  if (has('report')) return recogniseRequest(object, depth);
  if (has('keys')) return [{ kind: 'key-set', json: new TextEncoder().encode(text) }];
  const token = member(object, 'token');
  if (typeof token === 'string') return recogniseText(token.trim(), depth + 1);
  throw unrecognised('JSON with none of the members of a known form');
}

/** What configfs-tsm yields, in JSON: report and certificate table. */
function recogniseTsm(object: JsonObject): readonly EvidenceItem[] {
  const report: EvidenceItem = { kind: 'report', bytes: encoded(member(object, 'outblob'), 'outblob') };
  const table = member(object, 'auxblob');
  if (table === undefined || table === '') return [report];
  return [report, { kind: 'certificates', certificates: certificatesOfTable(encoded(table, 'auxblob')) }];
}

/** The bundle inside the member `report` of an attest request. */
function recogniseBundle(object: JsonObject, depth: number): readonly EvidenceItem[] {
  const items: EvidenceItem[] = [{ kind: 'report', bytes: encoded(member(object, 'SnpReport'), 'SnpReport') }];
  const chain = member(object, 'VcekCertChain');
  if (chain !== undefined) items.push(...recognise(encoded(chain, 'VcekCertChain'), depth + 1));
  const endorsements = member(object, 'Endorsements');
  if (typeof endorsements !== 'string' || endorsements === '') return items;
  const list = member(parseJsonObject(encoded(endorsements, 'Endorsements'), CODE), 'Uvm');
  const encodedList = Array.isArray(list) ? (list as readonly JsonValue[]) : [];
  return [...items, ...encodedList.map((item) => ({ kind: 'endorsement' as const, cose: encoded(item, 'Uvm') }))];
}

/** The sidecar's answer with a bare report in hex, or the body of an attest request with the data that the report binds. */
function recogniseRequest(object: JsonObject, depth: number): readonly EvidenceItem[] {
  const report = member(object, 'report');
  if (typeof report === 'string' && isReportInHex(report)) return [{ kind: 'report', bytes: fromHex(report) }];
  const items = recognise(encoded(report, 'report'), depth + 1);
  const runtime = member(object, 'runtimeData');
  const data = isJsonObject(runtime) ? member(runtime, 'data') : undefined;
  if (typeof data !== 'string' || data === '') return items;
  return [...items, { kind: 'runtime-data', data: encoded(data, 'runtimeData') }];
}

/** The certificates of a table, of whichever key kind it has. */
function certificatesOfTable(bytes: Uint8Array): readonly Certificate[] {
  const certificates = (['vcek', 'vlek'] as const).flatMap((kind) => parseSnpCertificateTable(bytes, kind));
  const seen = new Map(certificates.map((certificate) => [certificate.der.toString(), certificate]));
  return [...seen.values()];
}

function isReportInHex(text: string): boolean {
  return text.length === 2 * SNP_REPORT_SIZE && /^[0-9a-fA-F]+$/.test(text);
}

function encoded(value: JsonValue | undefined, what: string): Uint8Array {
  const bytes = typeof value === 'string' ? decodeBase64(value) : undefined;
  if (bytes === undefined) throw unrecognised(`"${what}" is not Base64 text`);
  return bytes;
}

/** Base64 or Base64url, padded or not; undefined for anything else. */
function decodeBase64(text: string): Uint8Array | undefined {
  const unpadded = text.replace(/={1,2}$/, '');
  if (unpadded === '' || !/^[\w+/-]+$/.test(unpadded)) return undefined;
  try {
    return /[_-]/.test(unpadded) || unpadded === text ? fromBase64Url(urlSafe(unpadded)) : fromBase64(text);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return undefined;
  }
}

function urlSafe(text: string): string {
  return text.replaceAll('+', '-').replaceAll('/', '_');
}

/** The text of bytes that are UTF-8 without control characters other than white space. */
function asText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return fromUtf8(bytes);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return undefined;
  }
}

function unrecognised(problem: string): MalformedError {
  return new MalformedError(CODE, `this is no evidence that holdfast knows: ${problem}`, {
    action: 'Run holdfast evidence inspect --help for the forms that are recognised.',
  });
}
