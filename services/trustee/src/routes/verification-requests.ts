import { isJsonObject, member, parseJson } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { errorMessage, fromBase64Url, fromUtf8, MalformedError, PolicyError, toUtf8 } from '@holdfast/base';

import type {
  AttestationService,
  InitData,
  RuntimeData,
  VerificationRequest,
} from '../appraisal/attestation-service.ts';
import type { TrusteeContext } from '../context.ts';

const CODE = 'TRUSTEE_EVIDENCE_INVALID';
const MAX_REQUESTS = 16;
const MAX_POLICY_LENGTH = 1024 * 1024;
const HASHES = ['sha256', 'sha384', 'sha512'] as const;

/** What a caller of the attestation service asks for one piece of evidence. Binary values are Base64url without padding. */
export interface RawVerificationRequest {
  readonly tee: JsonValue | undefined;
  readonly evidence: JsonValue | undefined;
  readonly runtimeData: { readonly structured: JsonValue } | { readonly raw: JsonValue | undefined } | undefined;
  readonly initData: { readonly toml: string } | { readonly digest: JsonValue | undefined } | undefined;
  /** SHA-384 when missing. */
  readonly hashAlgorithm: JsonValue | undefined;
}

/** @throws MalformedError TRUSTEE_EVIDENCE_INVALID */
export function readVerificationRequest(raw: RawVerificationRequest): VerificationRequest {
  const { tee } = raw;
  if (typeof tee !== 'string') throw malformedRequest('"tee" is no text');
  const runtimeData = runtimeDataOf(raw);
  const initData = initDataOf(raw.initData);
  return {
    tee,
    evidence: parseJson(decoded(raw.evidence, 'evidence'), CODE),
    ...(runtimeData === undefined ? {} : { runtimeData }),
    ...(initData === undefined ? {} : { initData }),
  };
}

/** @throws MalformedError TRUSTEE_EVIDENCE_INVALID for too many, or what `read` throws */
export function readVerificationRequests<T>(
  requests: readonly T[],
  read: (request: T) => RawVerificationRequest,
): readonly VerificationRequest[] {
  if (requests.length > MAX_REQUESTS) throw malformedRequest(`more than ${MAX_REQUESTS} verification requests`);
  return requests.map((request) => readVerificationRequest(read(request)));
}

/** The request of the REST interface. */
export function fromRest(value: JsonValue): RawVerificationRequest {
  if (!isJsonObject(value)) throw malformedRequest('a verification request is no object');
  const runtimeData = objectOrNone(value, 'runtime_data');
  const initData = objectOrNone(value, 'init_data');
  const structured = runtimeData === undefined ? undefined : member(runtimeData, 'structured');
  const toml = initData === undefined ? undefined : member(initData, 'init_data_toml');
  return {
    tee: member(value, 'tee'),
    evidence: member(value, 'evidence'),
    runtimeData: runtimeData && (structured === undefined ? { raw: member(runtimeData, 'raw') } : { structured }),
    initData: initData && (typeof toml === 'string' ? { toml } : { digest: member(initData, 'init_data_digest') }),
    hashAlgorithm: member(value, 'runtime_data_hash_algorithm'),
  };
}

/**
 * Stores an attestation policy that came without an administrator's token.
 * @param policy Rego text as Base64url without padding
 * @throws PolicyError TRUSTEE_ADMIN_REFUSED unless the configuration allows it
 * @throws MalformedError TRUSTEE_EVIDENCE_INVALID
 */
export async function setPolicyUnasked(
  { attestationApiWrites, events }: TrusteeContext,
  attestation: AttestationService,
  id: JsonValue | undefined,
  policy: JsonValue | undefined,
): Promise<void> {
  requireWrites(attestationApiWrites);
  if (typeof id !== 'string' || id === '') throw malformedRequest('"policy_id" is no text');
  const bytes = decoded(policy, 'policy');
  if (bytes.length > MAX_POLICY_LENGTH) throw malformedRequest('"policy" is too long');
  const text = fromUtf8(bytes);
  await attestation.setPolicy(id, text);
  events.changed('attestation policy', id, 'caller of the attestation service', toUtf8(text));
}

/** @throws PolicyError TRUSTEE_ADMIN_REFUSED */
export function requireWrites(allowed: boolean): void {
  if (allowed) return;
  throw new PolicyError('TRUSTEE_ADMIN_REFUSED', 'nothing is changed through this address', {
    action: 'Use the key broker as an administrator, or set holdfast.attestation_api_writes.',
  });
}

function objectOrNone(parent: JsonObject, name: string): JsonObject | undefined {
  const value = member(parent, name);
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw malformedRequest(`"${name}" is no object`);
  return value;
}

function runtimeDataOf({ runtimeData, hashAlgorithm }: RawVerificationRequest): RuntimeData | undefined {
  if (runtimeData === undefined) return undefined;
  if ('raw' in runtimeData) return { raw: decoded(runtimeData.raw, 'raw') };
  const hash = HASHES.find((known) => known === (hashAlgorithm ?? 'sha384'));
  if (hash === undefined) throw malformedRequest('"runtime_data_hash_algorithm" is none of sha256, sha384, sha512');
  return { structured: runtimeData.structured, hash };
}

function initDataOf(data: RawVerificationRequest['initData']): InitData | undefined {
  if (data === undefined || 'toml' in data) return data;
  return { digest: decoded(data.digest, 'init_data_digest') };
}

function decoded(value: JsonValue | undefined, name: string): Uint8Array {
  if (typeof value !== 'string') throw malformedRequest(`"${name}" is no text`);
  try {
    return fromBase64Url(value);
  } catch (cause) {
    throw new MalformedError(CODE, `"${name}" is no Base64url without padding`, { cause });
  }
}

export function malformedRequest(problem: string): MalformedError {
  return new MalformedError(CODE, problem);
}

/** The chain of reasons, numbered, as the reference implementation answers. */
export function chainOf(error: unknown): string {
  const reasons: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && reasons.length < 6;) {
    reasons.push(`${reasons.length}: ${errorMessage(at)}`);
    at = at instanceof Error ? at.cause : undefined;
  }
  return reasons.join('\n');
}
