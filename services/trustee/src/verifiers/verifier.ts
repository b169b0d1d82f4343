import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { MalformedError, PlatformError, toHex, UnsupportedError, VerificationError } from '@holdfast/base';

/** What evidence has to bind. */
export interface ExpectedBindings {
  /** Digest over nonce and key of the session; undefined when a caller of the attestation service gives none. */
  readonly reportData: Uint8Array | undefined;
  /** Digest of the init data, with the algorithm the document names. */
  readonly initDataHash: Uint8Array | undefined;
}

/** What a verifier found. `report_data` and `init_data` stand beside the claims of the hardware. */
export interface VerifiedEvidence {
  readonly teeClass: 'cpu' | 'gpu';
  readonly claims: JsonObject;
  readonly reportData: string | undefined;
  readonly initData: string | undefined;
}

/** Verifies evidence of one kind; throws when it does not hold. */
export type EvidenceVerifier = (evidence: JsonValue, expected: ExpectedBindings) => Promise<VerifiedEvidence>;

/** Kinds of evidence the KBS protocol names. */
export const TEES = [
  'az-snp-vtpm',
  'az-tdx-vtpm',
  'nvidia',
  'sgx',
  'snp',
  'tdx',
  'cca',
  'csv',
  'se',
  'hygondcu',
  'tpm',
  'sample',
  'sampledevice',
] as const;

export function malformedEvidence(problem: string, cause?: unknown): MalformedError {
  return new MalformedError('TRUSTEE_EVIDENCE_INVALID', `evidence: ${problem}`, { cause });
}

export function refusedEvidence(problem: string): VerificationError {
  return new VerificationError('TRUSTEE_EVIDENCE_REFUSED', `evidence: ${problem}`);
}

export function unsupportedTee(tee: string, reason: string): UnsupportedError {
  return new UnsupportedError('TRUSTEE_TEE_UNSUPPORTED', `evidence of kind ${tee}: ${reason}`);
}

/** Where a guest's hardware holds what it has to bind, and what was found there. */
export interface Binding {
  /** The code of the refusal that is about it. */
  readonly code: string;
  readonly place: string;
  readonly expected: Uint8Array | undefined;
  readonly received: Uint8Array | undefined;
}

/** Runs a verification; a refusal about a binding says both sides of it, which are digests. */
export function withBindings<T>(bindings: readonly Binding[], verify: () => T): T {
  try {
    return verify();
  } catch (cause) {
    const binding = cause instanceof PlatformError ? bindings.find(({ code }) => code === cause.code) : undefined;
    if (binding === undefined || !(cause instanceof PlatformError)) throw cause;
    const { code, place, expected, received } = binding;
    throw new VerificationError(code, cause.message, {
      cause: cause.cause,
      details: { ...cause.details, place, expected: textOf(expected), received: textOf(received) },
    });
  }
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? 'nothing' : toHex(bytes);
}
