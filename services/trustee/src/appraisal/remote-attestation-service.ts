import { formatJson, isJsonObject, member, parseJsonObject, readTrustVector } from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { fromBase64Url, MalformedError, toBase64Url, toUtf8 } from '@holdfast/base';

import type { GrpcCaller } from '../grpc/caller.ts';
import { encodeFields, textOf } from '../grpc/messages.ts';
import type { Appraisal } from './appraise.ts';
import type { AttestationService, VerificationRequest } from './attestation-service.ts';

/**
 * An attestation service in another process, over gRPC (`attestation.AttestationService`). Its token is believed when a
 * guest uses it, by the keys that are trusted here.
 */
export function createRemoteAttestationService(caller: GrpcCaller): AttestationService {
  return {
    evaluate: async (requests, policyId) => {
      const answer = await caller.call('AttestationEvaluate', { 1: requests.map(individualRequest), 2: policyId });
      const token = textOf(answer, 1) ?? '';
      return { token, appraisals: appraisalsIn(token) };
    },
    setPolicy: async (id, text) => {
      await caller.call('SetAttestationPolicy', { 1: id, 2: toBase64Url(toUtf8(text)) });
    },
  };
}

/** `IndividualAttestationRequest`. */
function individualRequest({ tee, evidence, runtimeData, initData }: VerificationRequest): Uint8Array {
  const structured = runtimeData !== undefined && 'structured' in runtimeData ? runtimeData : undefined;
  return encodeFields({
    1: tee,
    3: toBase64Url(toUtf8(formatJson(evidence))),
    4: runtimeData !== undefined && 'raw' in runtimeData ? toBase64Url(runtimeData.raw) : undefined,
    5: structured === undefined ? undefined : formatJson(structured.structured),
    6: initData !== undefined && 'digest' in initData ? toBase64Url(initData.digest) : undefined,
    7: initData !== undefined && 'toml' in initData ? initData.toml : undefined,
    8: structured?.hash,
  });
}

/** What the token says of each part of the guest, for the log. The reasons are in the log of the other service. */
function appraisalsIn(token: string): Readonly<Record<string, Appraisal>> {
  const claims = claimsOf(token);
  const submods = member(claims, 'submods');
  const parts = Object.entries(isJsonObject(submods) ? submods : {}).map(([name, part]): [string, Appraisal] => {
    const claimed = isJsonObject(part) ? member(part, 'ear.trustworthiness-vector') : undefined;
    const vector = isJsonObject(claimed) ? readTrustVector(claimed) : {};
    return [name, { appraisal: { vector, policyId: 'default', evidence: {} }, unmet: [] }];
  });
  return Object.fromEntries(parts);
}

function claimsOf(token: string): JsonObject {
  const [, body] = token.split('.');
  try {
    return parseJsonObject(fromBase64Url(body ?? ''), 'TRUSTEE_EVIDENCE_INVALID');
  } catch (cause) {
    throw new MalformedError('TRUSTEE_EVIDENCE_INVALID', 'the attestation service answered no token', { cause });
  }
}
