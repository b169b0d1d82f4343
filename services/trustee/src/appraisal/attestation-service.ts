import { createHash } from 'node:crypto';

import { canonicalJson, issueEarToken } from '@holdfast/attestation';
import type { EarAppraisal, EarSigner, JsonObject, JsonValue } from '@holdfast/attestation';
import { errorMessage, toUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { initdataClaims, initdataDigest, parseInitdata } from '@holdfast/initdata';

import type { ReferenceValues } from '../reference-values/reference-value-service.ts';
import type { EvidenceVerifier, VerifiedEvidence } from '../verifiers/verifier.ts';
import { malformedEvidence, unsupportedTee } from '../verifiers/verifier.ts';
import { appraise } from './appraise.ts';
import type { Appraisal } from './appraise.ts';
import type { PolicyStore } from './policy-store.ts';

/** Data that evidence binds: JSON that is digested in its canonical form, or the bytes themselves. */
export type RuntimeData =
  | { readonly structured: JsonValue; readonly hash: 'sha256' | 'sha384' | 'sha512' }
  | { readonly raw: Uint8Array };

/** Init data: the document, or its digest alone. */
export type InitData = { readonly toml: string } | { readonly digest: Uint8Array };

export interface VerificationRequest {
  readonly tee: string;
  readonly evidence: JsonValue;
  readonly runtimeData?: RuntimeData;
  readonly initData?: InitData;
}

export interface AttestationService {
  /**
   * Verifies and appraises the evidence of a guest and its devices, and answers one signed token for all of it.
   * @throws the errors of verifiers and policies; there is no token for a part
   */
  evaluate(requests: readonly VerificationRequest[], policyId: string): Promise<EvaluatedToken>;
  /** Stores an attestation policy under an id such as `default_cpu`. */
  setPolicy(id: string, text: string): Promise<void>;
}

/** The attestation service of this process, which can be offered to other brokers. */
export interface BuiltInAttestation extends AttestationService {
  readonly signer: EarSigner;
  readonly policies: PolicyStore;
}

export interface EvaluatedToken {
  readonly token: string;
  /** By name, such as `cpu0`. */
  readonly appraisals: Readonly<Record<string, Appraisal>>;
}

export interface TokenSettings {
  readonly durationMinutes: number;
  readonly issuer: string;
  readonly profile: string;
  readonly developer: string;
  readonly build: string;
  readonly verbose: boolean;
}

export interface AttestationServiceOptions {
  readonly verifiers: ReadonlyMap<string, EvidenceVerifier>;
  readonly policies: PolicyStore;
  readonly references: ReferenceValues;
  readonly signer: EarSigner;
  readonly settings: TokenSettings;
  readonly clock: Clock;
}

export function createAttestationService(options: AttestationServiceOptions): BuiltInAttestation {
  const { signer, settings, clock, policies, references } = options;
  return {
    signer,
    policies,
    setPolicy: (id, text) => policies.put(`${id}.rego`, text),
    evaluate: async (requests, policyId) => {
      if (requests.length === 0) throw malformedEvidence('there is none');
      const appraisals: Record<string, Appraisal> = {};
      const submods: Record<string, EarAppraisal> = {};
      const counts = new Map<string, number>();
      for (const request of requests) {
        const verified = await verifyOne(request, options);
        const evidence = policyInput(request, verified, settings.verbose);
        const outcome = await appraise(policies, references, { policyId, teeClass: verified.teeClass, evidence });
        const index = counts.get(verified.teeClass) ?? 0;
        counts.set(verified.teeClass, index + 1);
        const name = `${verified.teeClass}${index}`;
        appraisals[name] = outcome;
        submods[name] = outcome.appraisal;
      }
      const issuedAt = Math.floor(clock() / 1000);
      const expiresAt = issuedAt + settings.durationMinutes * 60;
      return { token: issueEarToken(signer, submods, { ...settings, issuedAt, expiresAt }), appraisals };
    },
  };
}

async function verifyOne(
  request: VerificationRequest,
  { verifiers }: AttestationServiceOptions,
): Promise<VerifiedEvidence> {
  const verify = verifiers.get(request.tee);
  if (verify === undefined) throw unsupportedTee(request.tee, 'there is no verifier for it, or it is not enabled');
  return verify(request.evidence, {
    reportData: request.runtimeData === undefined ? undefined : expectedReportData(request.runtimeData),
    initDataHash: request.initData === undefined ? undefined : expectedInitData(request.initData),
  });
}

/** What evidence has to carry: the digest of structured data in canonical form, raw data as they are. */
export function expectedReportData(data: RuntimeData): Uint8Array {
  if ('raw' in data) return data.raw;
  return new Uint8Array(
    createHash(data.hash)
      .update(toUtf8(canonicalJson(data.structured)))
      .digest(),
  );
}

function expectedInitData(data: InitData): Uint8Array {
  if ('digest' in data) return data.digest;
  try {
    return initdataDigest(data.toml, parseInitdata(data.toml).algorithm);
  } catch (cause) {
    throw malformedEvidence(`init data: ${errorMessage(cause)}`, cause);
  }
}

/** What the policy sees, and the token publishes. */
function policyInput(request: VerificationRequest, verified: VerifiedEvidence, verbose: boolean): JsonObject {
  const { reportData, initData } = verified;
  return {
    [request.tee]: verified.claims,
    ...(reportData === undefined
      ? {}
      : { report_data: reportData, runtime_data_claims: runtimeClaims(request.runtimeData, verbose) }),
    ...(initData === undefined
      ? {}
      : {
          init_data: initData,
          init_data_claims:
            request.initData !== undefined && 'toml' in request.initData ? initdataClaims(request.initData.toml) : null,
        }),
  };
}

function runtimeClaims(data: RuntimeData | undefined, verbose: boolean): JsonValue {
  if (data === undefined || !('structured' in data)) return null;
  const { structured } = data;
  if (verbose || structured === null || typeof structured !== 'object' || Array.isArray(structured)) return structured;
  const kept = Object.entries(structured as JsonObject).filter(([name]) => name !== 'additional-evidence');
  return Object.fromEntries(kept);
}
