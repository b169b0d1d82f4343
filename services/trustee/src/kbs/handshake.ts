import { isJsonObject, member, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { equalSecretBytes, MalformedError, toBase64, toUtf8 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import type { RuntimeData, VerificationRequest } from '../appraisal/attestation-service.ts';
import { refusedEvidence, TEES } from '../verifiers/verifier.ts';
import type { Session } from './sessions.ts';
import { parseTeePublicKey } from './tee-public-key.ts';

const CODE = 'TRUSTEE_EVIDENCE_INVALID';
const PROTOCOL_VERSION = '0.4.0';
const NONCE_BYTES = 32;
const MAX_DEVICES = 16;

/**
 * Reads a request for a challenge and answers the kind of evidence it announces.
 * @throws MalformedError TRUSTEE_EVIDENCE_INVALID with the cause that clients show
 */
export function readRequest(body: Uint8Array): string {
  const request = parseJsonObject(body, CODE);
  const version = member(request, 'version');
  if (version !== PROTOCOL_VERSION) {
    const found = typeof version === 'string' ? version.slice(0, 32) : '?';
    throw malformed(`KBS Client Protocol Version Mismatch: expect =${PROTOCOL_VERSION} while the request is ${found}`);
  }
  const tee = TEES.find((known) => known === member(request, 'tee'));
  if (tee === undefined) throw malformed('"tee" names no kind of evidence');
  return tee;
}

export function newNonce(random: RandomBytes): string {
  return toBase64(random(NONCE_BYTES));
}

/** The body of an attestation, read but not judged. */
export interface AttestationBody {
  readonly nonce: string;
  readonly teePublicKey: JsonObject;
  readonly initData: string | undefined;
  readonly primaryEvidence: JsonValue;
  /** As it was sent: evidence binds these characters. */
  readonly additionalEvidence: string;
}

/** @throws MalformedError TRUSTEE_EVIDENCE_INVALID */
export function readAttestation(body: Uint8Array): AttestationBody {
  const attestation = parseJsonObject(body, CODE);
  const runtimeData = objectMember(attestation, 'runtime-data');
  const evidence = objectMember(attestation, 'tee-evidence');
  const nonce = member(runtimeData, 'nonce');
  const primaryEvidence = member(evidence, 'primary_evidence');
  const additionalEvidence = member(evidence, 'additional_evidence');
  if (typeof nonce !== 'string' || typeof additionalEvidence !== 'string' || primaryEvidence === undefined) {
    throw malformed('"nonce", "primary_evidence" or "additional_evidence" is missing');
  }
  return {
    nonce,
    teePublicKey: parseTeePublicKey(member(runtimeData, 'tee-pubkey')).jwk,
    initData: initDataOf(member(attestation, 'init-data')),
    primaryEvidence,
    additionalEvidence,
  };
}

function initDataOf(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  const [format, body] = isJsonObject(value) ? [member(value, 'format'), member(value, 'body')] : [];
  if (format !== 'toml' || typeof body !== 'string') throw malformed('"init-data" is not of format toml');
  return body;
}

/**
 * What has to be verified for a session: the guest's own evidence, then that of its devices.
 * @throws VerificationError TRUSTEE_EVIDENCE_REFUSED when the nonce is not the session's
 * @throws MalformedError TRUSTEE_EVIDENCE_INVALID
 */
export function verificationRequests(session: Session, body: AttestationBody): readonly VerificationRequest[] {
  if (!equalSecretBytes(toUtf8(body.nonce), toUtf8(session.nonce))) {
    throw refusedEvidence('the nonce is not that of the session');
  }
  const bound: JsonObject = { 'tee-pubkey': body.teePublicKey, nonce: body.nonce };
  const hash = session.tee === 'se' ? 'sha512' : 'sha384';
  const primary: VerificationRequest = {
    tee: session.tee,
    evidence: body.primaryEvidence,
    runtimeData: { structured: { ...bound, 'additional-evidence': body.additionalEvidence }, hash },
    ...(body.initData === undefined ? {} : { initData: { toml: body.initData } }),
  };
  const runtimeData: RuntimeData = { structured: bound, hash };
  const devices = devicesOf(body.additionalEvidence);
  return [primary, ...devices.map(([tee, evidence]) => ({ tee, evidence, runtimeData }))];
}

function devicesOf(text: string): readonly (readonly [string, JsonValue])[] {
  if (text === '') return [];
  const devices = Object.entries(parseJsonObject(text, CODE));
  if (devices.length > MAX_DEVICES) throw malformed(`evidence of ${devices.length} devices`);
  return devices;
}

function objectMember(object: JsonObject, name: string): JsonObject {
  const value = member(object, name);
  if (!isJsonObject(value)) throw malformed(`"${name}" is no object`);
  return value;
}

function malformed(problem: string): MalformedError {
  return new MalformedError(CODE, problem);
}
