import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import {
  concatBytes,
  equalBytes,
  equalSecretBytes,
  errorMessage,
  fromBase64Url,
  fromHex,
  MalformedError,
  PlatformError,
  toHex,
} from '@holdfast/base';

import { CheckList, throwFirstFailure } from '../appraisal/check-list.ts';
import type { AppraisalCheck } from '../appraisal/check-list.ts';
import { isJsonObject, member, parseJsonObject } from '../json/json.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { appraiseSnpEvidence } from '../snp/evidence.ts';
import type { SnpEvidence, SnpEvidenceOptions, SnpVerdict } from '../snp/evidence.ts';
import { isZero } from '../snp/report.ts';
import { parseHclReport } from './hcl-report.ts';
import type { HclReport } from './hcl-report.ts';
import { parseTpmQuote } from './quote.ts';
import type { TpmQuote } from './quote.ts';

/** Evidence of an Azure confidential VM: a quote of its virtual TPM beside the paravisor's report. */
export interface VtpmEvidence {
  /** 0 is the form without a version member. */
  readonly version: 0 | 1 | 2;
  /** TPMS_ATTEST as signed. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  /** PCR 0 to 23 of the SHA-256 bank, 32 bytes each. */
  readonly pcrs: readonly Uint8Array[];
  readonly hclReport: Uint8Array;
  /** The VCEK: PEM text (version 0) or DER. */
  readonly vcek: string | Uint8Array;
}

/** What a verifier expects. Freshness comes from the quote: the hardware report binds the paravisor's keys, not a nonce. */
export interface VtpmEvidenceOptions {
  /** What the quote must carry, exactly. Give this or `noFreshness: true`. */
  readonly nonce?: Uint8Array;
  readonly noFreshness?: boolean;
  /** SHA-256 of the init data that PCR 8 must measure, 32 bytes. */
  readonly initDataDigest?: Uint8Array;
  /** Expectations of the hardware report; its report data is bound to the runtime data here. */
  readonly snp?: Omit<SnpEvidenceOptions, 'reportData' | 'noFreshness'>;
}

export interface VtpmVerdict {
  readonly ok: boolean;
  /** In order; the first that failed is the primary reason. Checks of the hardware report come last. */
  readonly checks: readonly AppraisalCheck[];
  readonly hclReport: HclReport | undefined;
  readonly quote: TpmQuote | undefined;
  /** The paravisor's runtime data; trust it only with `ok`. */
  readonly runtimeData: JsonObject | undefined;
  readonly snp: SnpVerdict | undefined;
}

const CODE = 'VTPM_FORMAT_INVALID';
const MAX_BYTES = 256 * 1024;
const PCR_COUNT = 24;
const PCR_SIZE = 32;
const INIT_DATA_PCR = 8;
const SHA256_BANK = 0x000b;
const ALL_REGISTERS = 'ffffff';
const ATTESTATION_KEY = 'HCLAkPub';
const MINIMUM_RSA_BITS = 2048;
const USER_DATA = /^[0-9a-fA-F]{128}$/;

/**
 * Reads evidence of version 0 (byte arrays, PEM), 1 or 2 (hex, Base64url padded or not), at most 256 KiB.
 * @throws MalformedError VTPM_FORMAT_INVALID
 */
export function parseVtpmEvidence(json: string | Uint8Array): VtpmEvidence {
  if (json.length > MAX_BYTES) throw malformed(`${json.length} bytes, at most ${MAX_BYTES}`);
  const object = parseJsonObject(json, CODE);
  const version = member(object, 'version');
  if (version === undefined) {
    const quote = objectMember(object, 'quote');
    const vcek = member(object, 'vcek');
    if (typeof vcek !== 'string') throw malformed('"vcek" is not a text');
    return {
      version: 0,
      message: byteArray(member(quote, 'message'), 'message'),
      signature: byteArray(member(quote, 'signature'), 'signature'),
      pcrs: registers(quote, byteArray),
      hclReport: byteArray(member(object, 'report'), 'report'),
      vcek,
    };
  }
  if (version !== 1 && version !== 2) throw malformed('a version that is not 1 or 2');
  const quote = objectMember(object, 'tpm_quote');
  return {
    version,
    message: hexText(member(quote, 'message'), 'message'),
    signature: hexText(member(quote, 'signature'), 'signature'),
    pcrs: registers(quote, hexText),
    hclReport: base64Text(member(object, 'hcl_report'), 'hcl_report'),
    vcek: base64Text(member(object, 'vcek'), 'vcek'),
  };
}

/**
 * Appraises evidence of a confidential VM and says everything that holds and does not, without throwing for bad evidence.
 * The evidence brings the VCEK only: `roots` and `intermediates` have to hold the certificates above it.
 */
export function appraiseVtpmEvidence(
  evidence: VtpmEvidence,
  verifier: Pick<SnpEvidence, 'roots' | 'intermediates' | 'revocation' | 'chainCache' | 'now'> & {
    readonly options: VtpmEvidenceOptions;
  },
): VtpmVerdict {
  const checks = new CheckList();
  const { options, ...trust } = verifier;
  const hclReport = attempt(checks, 'paravisor-report', () => parseHclReport(evidence.hclReport));
  if (hclReport === undefined) {
    return { ok: false, checks: checks.outcomes, hclReport, quote: undefined, runtimeData: undefined, snp: undefined };
  }
  const snp = appraiseSnpEvidence({
    ...trust,
    report: hclReport.snpReport,
    certificates: typeof evidence.vcek === 'string' ? evidence.vcek : [evidence.vcek],
    options: { ...options.snp, noFreshness: true },
  });
  if (snp.report !== undefined) {
    checks.expect(
      'runtime-data',
      bindsRuntimeData(snp.report.reportData, hclReport),
      'VTPM_RUNTIME_DATA_MISMATCH',
      'the hardware report does not bind the runtime data of the paravisor',
    );
  }
  const runtimeData = attempt(checks, 'runtime-data-form', () => parseJsonObject(hclReport.runtimeData, CODE));
  const key = runtimeData === undefined ? undefined : checkAttestationKey(runtimeData, checks);
  const quote = checkQuote(evidence, key, options, checks);
  if (evidence.version === 2 && runtimeData !== undefined && options.nonce !== undefined)
    checkUserData(runtimeData, options.nonce, checks);
  if (options.initDataDigest !== undefined) checkInitData(evidence.pcrs, options.initDataDigest, checks);
  checks.include(snp.checks);
  return {
    // Key and quote are conditions of their own: without them nothing was quoted, whatever the checks say.
    ok: snp.ok && key !== undefined && quote !== undefined && checks.allHold,
    checks: checks.outcomes,
    hclReport,
    quote,
    runtimeData,
    snp,
  };
}

/**
 * Verifies evidence of a confidential VM or throws the primary reason; all failed codes are in `details.failed`.
 * @throws MalformedError, UnsupportedError, VerificationError, PolicyError with the VTPM_ and SNP_ codes of this package
 */
export function verifyVtpmEvidence(...parameters: Parameters<typeof appraiseVtpmEvidence>): VtpmVerdict {
  const verdict = appraiseVtpmEvidence(...parameters);
  throwFirstFailure(verdict.checks);
  // Fail closed: a verdict without a failed check that is still not ok would be a defect of ours.
  if (!verdict.ok) throw malformed('the evidence could not be appraised completely');
  return verdict;
}

function bindsRuntimeData(reportData: Uint8Array, { hash, runtimeData }: HclReport): boolean {
  const digest = createHash(hash).update(runtimeData).digest();
  return equalSecretBytes(reportData.subarray(0, digest.length), digest) && isZero(reportData.subarray(digest.length));
}

function checkAttestationKey(runtimeData: JsonObject, checks: CheckList): KeyObject | undefined {
  const keys = member(runtimeData, 'keys');
  const named = Array.isArray(keys)
    ? (keys as readonly JsonValue[]).filter((key) => isJsonObject(key) && member(key, 'kid') === ATTESTATION_KEY)
    : [];
  const [entry] = named;
  const key = named.length === 1 && isJsonObject(entry) ? rsaKey(entry) : undefined;
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0;
  const usable = bits >= MINIMUM_RSA_BITS;
  checks.expect(
    'attestation-key',
    usable,
    'VTPM_ATTESTATION_KEY_INVALID',
    `the runtime data hold no single RSA key ${ATTESTATION_KEY} of at least ${MINIMUM_RSA_BITS} bits`,
  );
  return usable ? key : undefined;
}

function rsaKey(entry: JsonObject): KeyObject | undefined {
  const [kty, n, e] = [member(entry, 'kty'), member(entry, 'n'), member(entry, 'e')];
  if (kty !== 'RSA' || typeof n !== 'string' || typeof e !== 'string') return undefined;
  try {
    return createPublicKey({ key: { kty, n, e }, format: 'jwk' });
  } catch {
    // Members that are no key: the caller reports that there is none.
    return undefined;
  }
}

function checkQuote(
  evidence: VtpmEvidence,
  key: KeyObject | undefined,
  options: VtpmEvidenceOptions,
  checks: CheckList,
): TpmQuote | undefined {
  if (key !== undefined) {
    checks.expect(
      'quote-signature',
      verify('sha256', evidence.message, key, evidence.signature),
      'VTPM_QUOTE_SIGNATURE_INVALID',
      'the quote is not signed by the attestation key',
    );
  }
  const quote = attempt(checks, 'quote-form', () => parseTpmQuote(evidence.message));
  if (quote === undefined) return undefined;
  if (options.nonce !== undefined || options.noFreshness !== true) {
    // An empty nonce would be a wildcard: it never matches.
    const fresh =
      options.nonce !== undefined && options.nonce.length > 0 && equalSecretBytes(quote.extraData, options.nonce);
    const reason = options.nonce === undefined ? 'no nonce was expected' : 'the quote carries another nonce';
    checks.expect('nonce', fresh, 'VTPM_NONCE_MISMATCH', reason);
  }
  checks.expect(
    'pcr-selection',
    quote.pcrBank === SHA256_BANK && toHex(quote.pcrBitmap) === ALL_REGISTERS,
    'VTPM_PCR_SELECTION_REFUSED',
    `the quote is over bank 0x${quote.pcrBank.toString(16)}, registers ${toHex(quote.pcrBitmap)}`,
  );
  const digest = createHash('sha256')
    .update(concatBytes(...evidence.pcrs))
    .digest();
  checks.expect(
    'pcr-values',
    equalBytes(quote.pcrDigest, digest),
    'VTPM_PCR_MISMATCH',
    'the register values are not those that were quoted',
  );
  return quote;
}

function checkUserData(runtimeData: JsonObject, nonce: Uint8Array, checks: CheckList): void {
  const text = member(runtimeData, 'user-data');
  const data = typeof text === 'string' && USER_DATA.test(text) ? fromHex(text) : new Uint8Array();
  checks.expect(
    'user-data',
    nonce.length > 0 && equalSecretBytes(data.subarray(0, nonce.length), nonce),
    'VTPM_USER_DATA_MISMATCH',
    'the user data do not start with the nonce',
  );
}

/** PCR 8 after one extension with the digest. */
function checkInitData(pcrs: readonly Uint8Array[], digest: Uint8Array, checks: CheckList): void {
  const expected = createHash('sha256')
    .update(concatBytes(new Uint8Array(PCR_SIZE), digest))
    .digest();
  const holds = digest.length === PCR_SIZE && equalSecretBytes(pcrs[INIT_DATA_PCR] ?? new Uint8Array(), expected);
  checks.expect('init-data', holds, 'VTPM_INIT_DATA_MISMATCH', 'PCR 8 does not measure the expected init data');
}

/** The result of `read`, or undefined with a failed check. */
function attempt<T>(checks: CheckList, name: string, read: () => T): T | undefined {
  try {
    const value = read();
    checks.pass(name);
    return value;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    checks.fail(name, error.code, error.message);
    return undefined;
  }
}

function objectMember(object: JsonObject, name: string): JsonObject {
  const value = member(object, name);
  if (!isJsonObject(value)) throw malformed(`"${name}" is not an object`);
  return value;
}

function registers(
  quote: JsonObject,
  read: (value: JsonValue | undefined, what: string) => Uint8Array,
): readonly Uint8Array[] {
  const list = member(quote, 'pcrs');
  if (!Array.isArray(list) || list.length !== PCR_COUNT) throw malformed(`"pcrs" is not a list of ${PCR_COUNT}`);
  return (list as readonly JsonValue[]).map((item) => {
    const value = read(item, 'pcrs');
    if (value.length !== PCR_SIZE) throw malformed(`a register of ${value.length} bytes`);
    return value;
  });
}

function byteArray(value: JsonValue | undefined, what: string): Uint8Array {
  const isByte = (item: JsonValue): boolean =>
    typeof item === 'number' && Number.isInteger(item) && item >= 0 && item <= 255;
  if (!Array.isArray(value) || !(value as readonly JsonValue[]).every(isByte))
    throw malformed(`"${what}" is not a list of bytes`);
  return Uint8Array.from(value as readonly number[]);
}

function hexText(value: JsonValue | undefined, what: string): Uint8Array {
  return decoded(value, what, fromHex);
}

function base64Text(value: JsonValue | undefined, what: string): Uint8Array {
  return decoded(value, what, (text) => fromBase64Url(text.length % 4 === 0 ? text.replace(/={1,2}$/, '') : text));
}

function decoded(value: JsonValue | undefined, what: string, decode: (text: string) => Uint8Array): Uint8Array {
  if (typeof value !== 'string') throw malformed(`"${what}" is not a text`);
  try {
    return decode(value);
  } catch (cause) {
    throw malformed(`"${what}": ${errorMessage(cause)}`, cause);
  }
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError(CODE, `evidence of a virtual TPM: ${problem}`, { cause });
}
