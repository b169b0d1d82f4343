import { createHash } from 'node:crypto';

import {
  commonName,
  decodeTcb,
  isJsonObject,
  member,
  parseHclReport,
  parseJsonObject,
  parseSnpReport,
  parseTpmQuote,
  productFromCpuid,
  readUvmEndorsement,
} from '@holdfast/attestation';
import type {
  Certificate,
  JsonObject,
  JsonValue,
  RevocationList,
  SnpReport,
  ThimCertificates,
  UnverifiedUvmEndorsement,
  VtpmEvidence,
} from '@holdfast/attestation';
import { errorMessage, fromBase64Url, PlatformError, toHex } from '@holdfast/base';

import type { EvidenceItem } from './evidence-item.ts';

/** What an item claims, for showing; nothing of it is verified. Insertion order is the order in which it is shown. */
export type Facts = Readonly<Record<string, string | number | boolean>>;

const CODE = 'EVIDENCE_UNRECOGNISED';
/** More of a claim than this is cut off on its way to people. */
const MAX_CLAIM_CHARS = 200;

/** The claims of an item. A part that cannot be read shows as `problem`. */
export function describe(item: EvidenceItem): Facts {
  try {
    return factsOf(item);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { problem: `${error.message} [${error.code}]` };
  }
}

function factsOf(item: EvidenceItem): Facts {
  switch (item.kind) {
    case 'report':
      return reportFacts(parseSnpReport(item.bytes));
    case 'certificates':
      return certificateFacts(item.certificates);
    case 'host-certificates':
      return thimFacts(item.thim);
    case 'revocation-list':
      return revocationFacts(item.list);
    case 'endorsement':
      return endorsementFacts(readUvmEndorsement(item.cose));
    case 'vtpm-evidence':
      return vtpmFacts(item.evidence);
    case 'paravisor-report':
      return paravisorFacts(item.bytes);
    case 'attestation-token':
      return tokenFacts(item.token);
    case 'key-set':
      return keySetFacts(item.json);
    case 'runtime-data':
      return { bytes: item.data.length, sha256: sha256(item.data) };
    default:
      return { bytes: item.policy.length, sha256: sha256(item.policy) };
  }
}

function reportFacts(report: SnpReport): Facts {
  const product = report.cpuid === undefined ? undefined : productFromCpuid(report.cpuid);
  const tcb = (value: bigint): string => {
    const hex = value.toString(16).padStart(16, '0');
    if (product === undefined) return hex;
    const parts = Object.entries(decodeTcb(value, product)).map(([name, version]) => `${name} ${version}`);
    return `${hex} (${parts.join(', ')})`;
  };
  const { policy, currentFirmware: firmware } = report;
  return {
    version: report.version,
    product: product ?? (report.cpuid === undefined ? 'not named in version 2; its certificate tells' : 'unknown'),
    vmpl: report.vmpl,
    'guest policy': `0x${policy.value.toString(16)}`,
    'debug allowed': policy.debugAllowed,
    'migration allowed': policy.migrationAllowed,
    'smt allowed': policy.smtAllowed,
    'signing key': report.chipKeyMasked ? 'masked' : report.signingKey,
    'guest svn': report.guestSvn,
    'reported tcb': tcb(report.reportedTcb),
    'committed tcb': tcb(report.committedTcb),
    'current tcb': tcb(report.currentTcb),
    'launch tcb': tcb(report.launchTcb),
    firmware: `${firmware.major}.${firmware.minor}.${firmware.build}`,
    'platform info': `0x${report.platformInfo.toString(16)}`,
    ...(report.launchMitigations === undefined
      ? {}
      : {
          'launch mitigations': `0x${report.launchMitigations.toString(16)}`,
          'current mitigations': `0x${(report.currentMitigations ?? 0n).toString(16)}`,
        }),
    'chip id': toHex(report.chipId),
    'report data': toHex(report.reportData),
    measurement: toHex(report.measurement),
    'host data': toHex(report.hostData),
    'id key digest': toHex(report.idKeyDigest),
    'family id': toHex(report.familyId),
    'image id': toHex(report.imageId),
    'report id': toHex(report.reportId),
  };
}

function certificateFacts(certificates: readonly Certificate[]): Facts {
  const named = certificates.map((certificate, index) => {
    const period = `${day(certificate.notBefore)} to ${day(certificate.notAfter)}`;
    const issuer = commonName(certificate.issuer) ?? 'an unnamed issuer';
    return [`certificate ${index + 1}`, `${nameOf(certificate)}, issued by ${issuer}, valid ${period}`] as const;
  });
  return Object.fromEntries(named);
}

function thimFacts(thim: ThimCertificates): Facts {
  return { tcbm: thim.tcbm, 'cache control': thim.cacheControl };
}

function revocationFacts(list: RevocationList): Facts {
  return {
    'this update': instant(list.thisUpdate),
    'next update': list.nextUpdate === undefined ? 'not stated' : instant(list.nextUpdate),
    revoked: list.revokedSerials.length === 0 ? 'none' : list.revokedSerials.map(toHex).join(', '),
  };
}

function endorsementFacts(endorsement: UnverifiedUvmEndorsement): Facts {
  const [leaf] = endorsement.chain;
  return {
    form: endorsement.form,
    issuer: endorsement.issuer ?? 'none',
    feed: endorsement.feed ?? 'none',
    svn: endorsement.svn,
    measurement: toHex(endorsement.measurement),
    'signed at': instant(endorsement.signedAt),
    signer: leaf === undefined ? 'none' : `${nameOf(leaf)}, valid ${day(leaf.notBefore)} to ${day(leaf.notAfter)}`,
    receipts: endorsement.receiptLedgers.length === 0 ? 'none' : endorsement.receiptLedgers.join(', '),
  };
}

function vtpmFacts(evidence: VtpmEvidence): Facts {
  const quote = parseTpmQuote(evidence.message);
  return {
    'evidence version': evidence.version,
    nonce: toHex(quote.extraData),
    'pcr bank': `0x${quote.pcrBank.toString(16)}`,
    'pcr selection': toHex(quote.pcrBitmap),
    ...Object.fromEntries(evidence.pcrs.map((value, index) => [`pcr ${index}`, toHex(value)])),
    ...paravisorFacts(evidence.hclReport),
  };
}

function paravisorFacts(bytes: Uint8Array): Facts {
  const { version, hash, runtimeData, snpReport } = parseHclReport(bytes);
  const configuration = member(parseJsonObject(runtimeData, CODE), 'vm-configuration');
  const settings = isJsonObject(configuration) ? claimFacts(configuration, 'vm ') : {};
  return {
    'paravisor report version': version,
    'runtime data hash': hash,
    'runtime data sha256': sha256(runtimeData),
    ...settings,
    ...reportFacts(parseSnpReport(snpReport)),
  };
}

function tokenFacts(token: string): Facts {
  const [header = '', payload = ''] = token.split('.');
  const claims = parseJsonObject(fromBase64Url(payload), CODE);
  return { ...claimFacts(parseJsonObject(fromBase64Url(header), CODE), 'header '), ...claimFacts(claims, '') };
}

function keySetFacts(json: Uint8Array): Facts {
  const keys = member(parseJsonObject(json, CODE), 'keys');
  const list = Array.isArray(keys) ? (keys as readonly JsonValue[]) : [];
  const named = list.map((key, index) => {
    const [kty, kid] = isJsonObject(key) ? [member(key, 'kty'), member(key, 'kid')] : [];
    return [`key ${index + 1}`, `${claimText(kty ?? null)} ${claimText(kid ?? null)}`] as const;
  });
  return Object.fromEntries(named);
}

function claimFacts(claims: JsonObject, prefix: string): Facts {
  const entries = Object.entries(claims).map(([name, value]) => {
    const isTime = ['exp', 'iat', 'nbf'].includes(name) && typeof value === 'number';
    return [`${prefix}${name}`, isTime ? `${value} (${instant(value * 1000)})` : claimText(value)] as const;
  });
  return Object.fromEntries(entries);
}

function claimText(value: JsonValue): string {
  if (typeof value === 'string') return cut(value);
  const replace = (_name: string, part: unknown): unknown => (typeof part === 'bigint' ? part.toString() : part);
  return cut(JSON.stringify(value, replace));
}

function cut(text: string): string {
  return text.length > MAX_CLAIM_CHARS ? `${text.slice(0, MAX_CLAIM_CHARS)}…` : text;
}

function nameOf(certificate: Certificate): string {
  return commonName(certificate.subject) ?? 'a certificate without a common name';
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** A time that a file claims; one beyond what dates can hold shows as its number. */
function instant(ms: number): string {
  try {
    return new Date(ms).toISOString();
  } catch (error) {
    return errorMessage(error);
  }
}
