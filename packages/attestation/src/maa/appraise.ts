import { createHash } from 'node:crypto';

import { equalSecretBytes, errorMessage, PlatformError, RequestError } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';

import { parseJsonObject } from '../json/json.ts';
import type { JsonObject } from '../json/json.ts';
import type { SnpChainCache } from '../snp/certificates.ts';
import { verifySnpEvidence } from '../snp/evidence.ts';
import type { SnpVerifiedEvidence } from '../snp/evidence.ts';
import { isZero } from '../snp/report.ts';
import type { SnpRevocation } from '../snp/revocation.ts';
import type { SnpTrustedRoot } from '../snp/roots.ts';
import { verifyUvmEndorsement } from '../uvm/endorsement.ts';
import type { UvmEndorsement } from '../uvm/endorsement.ts';
import type { UvmTrustEntry } from '../uvm/issued-envelope.ts';
import type { Certificate } from '../x509/certificate.ts';
import { ordinal, sevSnpVmClaims } from './claims.ts';
import { applyAttestationPolicy, attestationPolicyHash, DEFAULT_ATTESTATION_POLICY } from './policy.ts';
import type { AttestationPolicy } from './policy.ts';
import { parseAttestationPolicy } from './policy-parser.ts';
import type { AttestedData, AttestSevSnpVmRequest } from './request.ts';

export interface AppraiseSevSnpVmOptions {
  readonly roots: readonly SnpTrustedRoot[];
  /** ASK and ASVK certificates known to the service, for bundles that leave them out. */
  readonly intermediates?: readonly Certificate[];
  readonly revocation?: SnpRevocation;
  /** Keeps verified chains between requests. */
  readonly chainCache?: SnpChainCache;
  readonly now: Clock;
  readonly random: RandomBytes;
  /** The token's `iss`: `https://{instance}`, no trailing slash. */
  readonly issuer: string;
  /** Endorsers of utility VMs and the compliance status each earns. */
  readonly complianceTable: readonly UvmTrustEntry[];
  /** Default true: debug is reported in the token and the relying party decides. A debug guest never gets a status. */
  readonly allowDebug?: boolean;
  readonly allowedCspIds?: readonly string[];
  /** Text of the attestation policy; default permits everything. */
  readonly policy?: string;
  /** Claims about guest policy bits that newer services emit as well; default false. */
  readonly policyBitClaims?: boolean;
  /** Life of the token in seconds; default 28800. */
  readonly tokenLifeSeconds?: number;
}

export interface SevSnpVmAppraisal {
  readonly claims: JsonObject;
  readonly evidence: SnpVerifiedEvidence;
  readonly endorsement: UvmEndorsement | undefined;
}

const DEFAULT_LIFE_SECONDS = 28_800;
const ALL_VMPLS = [0, 1, 2, 3];

/**
 * Appraises a request as the attestation service does and yields the claims of its token.
 * @throws RequestError MAA_EVIDENCE_REFUSED, MAA_RUNTIME_DATA_MISMATCH, MAA_INIT_TIME_DATA_MISMATCH, MAA_ENDORSEMENT_REFUSED,
 *   MAA_REQUEST_INVALID, MAA_POLICY_INVALID
 * @throws PolicyError MAA_POLICY_DENIED
 */
export function appraiseSevSnpVm(request: AttestSevSnpVmRequest, options: AppraiseSevSnpVmOptions): SevSnpVmAppraisal {
  const evidence = verifyEvidence(request, options);
  const { report } = evidence;
  const runtime = bind(
    request.runtimeData,
    'runtimeData',
    'MAA_RUNTIME_DATA_MISMATCH',
    (hash) =>
      // The second half must be zero too: report data that says more than the hash is not this runtime data.
      equalSecretBytes(hash, report.reportData.subarray(0, 32)) && isZero(report.reportData.subarray(32)),
  );
  const initTime = bind(request.initTimeData, 'initTimeData', 'MAA_INIT_TIME_DATA_MISMATCH', (hash) =>
    equalSecretBytes(hash, report.hostData),
  );
  const [endorsement] = request.uvmEndorsements.map((cose) => verifyEndorsement(cose, evidence, options));

  const policyText = request.draftPolicy ?? options.policy ?? DEFAULT_ATTESTATION_POLICY;
  const policy: AttestationPolicy = parseAttestationPolicy(policyText);
  const claims = sevSnpVmClaims({
    evidence,
    issuer: options.issuer,
    tokenId: options.random(32),
    issuedAt: Math.floor(options.now() / 1000),
    lifeSeconds: options.tokenLifeSeconds ?? DEFAULT_LIFE_SECONDS,
    policyHash: attestationPolicyHash(policyText),
    runtime,
    initTime,
    nonce: request.nonce,
    endorsement,
    complianceStatus: report.policy.debugAllowed ? undefined : endorsement?.trust.complianceStatus,
    policyBitClaims: options.policyBitClaims ?? false,
  });
  const issued = applyAttestationPolicy(policy, claims);
  return { claims: ordinal({ ...claims, ...issued }), evidence, endorsement };
}

function verifyEvidence(request: AttestSevSnpVmRequest, options: AppraiseSevSnpVmOptions): SnpVerifiedEvidence {
  try {
    return verifySnpEvidence({
      report: request.snpReport,
      certificates: request.vcekCertChain,
      roots: options.roots,
      ...(options.intermediates === undefined ? {} : { intermediates: options.intermediates }),
      ...(options.revocation === undefined ? {} : { revocation: options.revocation }),
      ...(options.chainCache === undefined ? {} : { chainCache: options.chainCache }),
      now: options.now,
      options: {
        // Report data is bound to the runtime data below, or handed to the relying party as a claim.
        noFreshness: true,
        allowDebug: options.allowDebug ?? true,
        allowMigration: true,
        allowedVmpls: ALL_VMPLS,
        allowedCspIds: options.allowedCspIds ?? [],
      },
    });
  } catch (cause) {
    if (!(cause instanceof PlatformError)) throw cause;
    const details = { ...cause.details, reason: cause.code };
    throw new RequestError('MAA_EVIDENCE_REFUSED', `${cause.code}: ${cause.message}`, { cause, details });
  }
}

/** That data hashes to what the report binds; yields the JSON object for the claim, or undefined for binary data. */
function bind(
  attested: AttestedData | undefined,
  what: string,
  code: string,
  holds: (hash: Uint8Array) => boolean,
): JsonObject | undefined {
  if (attested === undefined) return undefined;
  if (!holds(createHash('sha256').update(attested.data).digest())) {
    throw new RequestError(code, `the report does not bind the SHA-256 of ${what}`);
  }
  if (attested.dataType === 'Binary') return undefined;
  try {
    return parseJsonObject(attested.data, 'MAA_REQUEST_INVALID');
  } catch (cause) {
    throw new RequestError('MAA_REQUEST_INVALID', `${what}: ${errorMessage(cause)}`, { cause });
  }
}

function verifyEndorsement(
  cose: Uint8Array,
  evidence: SnpVerifiedEvidence,
  options: AppraiseSevSnpVmOptions,
): UvmEndorsement {
  try {
    return verifyUvmEndorsement(cose, {
      trustedIssuers: options.complianceTable,
      now: options.now,
      measurement: evidence.report.measurement,
    });
  } catch (cause) {
    if (!(cause instanceof PlatformError)) throw cause;
    const details = { reason: cause.code };
    throw new RequestError('MAA_ENDORSEMENT_REFUSED', `${cause.code}: ${cause.message}`, { cause, details });
  }
}

/** Codes of the service's error answers, by what we threw. */
const SERVICE_CODES: Readonly<Record<string, string>> = {
  MAA_POLICY_DENIED: 'PolicyEvaluationError',
  MAA_POLICY_INVALID: 'PolicyParsingError',
};

/**
 * The service's error answer for anything that parsing or appraising threw: HTTP status and body
 * `{"error":{"code","message"}}`. Returns undefined for errors that are not about the request.
 */
export function maaErrorResponse(
  thrown: unknown,
):
  | { readonly status: number; readonly body: { readonly error: { readonly code: string; readonly message: string } } }
  | undefined {
  if (!(thrown instanceof PlatformError) || !thrown.code.startsWith('MAA_')) return undefined;
  const status = thrown.code === 'MAA_REQUEST_TOO_LARGE' ? 413 : 400;
  return {
    status,
    body: { error: { code: SERVICE_CODES[thrown.code] ?? 'InvalidParameter', message: thrown.message } },
  };
}
