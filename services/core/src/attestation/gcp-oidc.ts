import { createHash } from 'node:crypto';

import { verifyAttestationTokenSignature } from '@holdfast/attestation';
import { errorMessage, fromBase64Url, fromUtf8, MalformedError, PlatformError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { AllowList } from '../allow-list.ts';
import type { MaaKeys } from './maa-keys.ts';
import { areEquivalentUrls } from './url-equivalence.ts';
import { refuse } from './verifier.ts';
import type { EvidenceVerifier, FailureClass, Refusal } from './verifier.ts';

export const GCP_OIDC = 'gcp-oidc';

type JsonRecord = Readonly<Record<string, unknown>>;

export interface GcpOidcOptions {
  readonly corePublicUrl: string;
  readonly allowList: AllowList;
  /** The keys of Google's signer of Confidential Space tokens. */
  readonly keys: MaaKeys;
  readonly clock: Clock;
}

const AUDIENCE = 'https://sts.googleapis.com';
const ISSUER = 'https://confidentialcomputing.googleapis.com';

/** What whoever starts the workload may set; everything else could change what the measured image does. */
const REQUIRED_OVERRIDES = ['DEPLOYMENT_ENVIRONMENT', 'API_TOKEN_SECRET_NAME'];
const OPTIONAL_OVERRIDES: Readonly<Record<string, readonly string[]>> = {
  prod: ['CORE_BASE_URL', 'OPTOUT_BASE_URL'],
  integ: ['CORE_BASE_URL', 'OPTOUT_BASE_URL', 'DEBUG_MODE', 'SKIP_VALIDATIONS'],
};

/**
 * The protocol `gcp-oidc`: evidence is a token of Google Cloud Attestation about a Confidential Space workload. The enclave id
 * is a digest over the debug flag and the image digest. As in the reference, nothing in the token is bound to the key of the
 * request.
 */
export function createGcpOidcVerifier(options: GcpOidcOptions): EvidenceVerifier {
  return {
    async verify(evidence, publicKey) {
      const token = await verifyToken(Buffer.from(evidence).toString('latin1'), options);
      if ('refusal' in token) return token.refusal;
      const workload = readWorkload(token.claims);
      const failed = firstFailure(workload, options.corePublicUrl);
      if (failed !== undefined) return refuse(failed.check, failed.failure, failed.detail);
      const enclaveId = gcpEnclaveId(workload.debug, workload.imageDigest ?? '');
      if (!options.allowList.allows(GCP_OIDC, enclaveId))
        return { ...refuse('allow-list', 'FORBIDDEN_ENCLAVE'), enclaveId };
      return { accepted: true, enclaveId, publicKey };
    },
  };
}

/** The enclave id of an image: Base64 of SHA-256 over version, debug flag and image digest. */
export function gcpEnclaveId(debug: boolean, imageDigest: string): string {
  return createHash('sha256').update(`V1,${debug},${imageDigest}`).digest('base64');
}

async function verifyToken(
  token: string,
  options: GcpOidcOptions,
): Promise<{ readonly claims: JsonRecord } | { readonly refusal: Refusal }> {
  let header: JsonRecord;
  try {
    header = objectOf(JSON.parse(fromUtf8(fromBase64Url(token.split('.', 1)[0] ?? '')))) ?? {};
  } catch (cause) {
    throw new MalformedError('ATTESTATION_EVIDENCE_MALFORMED', 'the evidence is not a signed token (RFC 7515)', {
      cause,
    });
  }
  const keys = await options.keys.keysWith(textOf(header['kid']) ?? '');
  let claims: JsonRecord;
  try {
    claims = verifyAttestationTokenSignature(token, { keys, algorithms: ['RS256'] });
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return badToken('token-signature', errorMessage(error));
  }
  if (claims['aud'] !== AUDIENCE) return badToken('token-audience', 'Expected audience does not match');
  if (claims['iss'] !== ISSUER) return badToken('token-issuer', 'Expected issuer does not match');
  const { exp } = claims;
  if (typeof exp === 'number' && exp * 1000 <= options.clock()) return badToken('token-expiry', 'Token is expired');
  return { claims };
}

function badToken(check: string, reason: string): { readonly refusal: Refusal } {
  return { refusal: refuse(check, 'BAD_CERTIFICATE', `Fail to validate the token signature, error: ${reason}`) };
}

/** What the token says about the workload; a claim of another type counts as absent. */
interface Workload {
  readonly zone: string | undefined;
  readonly software: string | undefined;
  readonly debug: boolean;
  readonly stable: boolean;
  readonly restartPolicy: string | undefined;
  readonly imageDigest: string | undefined;
  readonly commandOverridden: boolean;
  readonly environment: ReadonlyMap<string, string>;
}

function readWorkload(claims: JsonRecord): Workload {
  const submodules = objectOf(claims['submods']) ?? {};
  const container = objectOf(submodules['container']) ?? {};
  const attributes = objectOf(submodules['confidential_space'])?.['support_attributes'];
  const command = container['cmd_override'];
  const environment = Object.entries(objectOf(container['env_override']) ?? {}).map(
    ([name, value]): [string, string] => [name, textOf(value) ?? ''],
  );
  return {
    zone: textOf(objectOf(submodules['gce'])?.['zone']),
    software: textOf(claims['swname']),
    debug: textOf(claims['dbgstat'])?.toLowerCase() !== 'disabled-since-boot',
    stable: Array.isArray(attributes) && attributes.some((name) => textOf(name)?.toUpperCase() === 'STABLE'),
    restartPolicy: textOf(container['restart_policy']),
    imageDigest: textOf(container['image_digest']),
    commandOverridden: Array.isArray(command) ? command.length > 0 : command !== undefined && command !== null,
    environment: new Map(environment),
  };
}

/** The policy in the order of the reference; the first failure decides. */
function firstFailure(
  workload: Workload,
  corePublicUrl: string,
): { readonly check: string; readonly failure: FailureClass; readonly detail: string } | undefined {
  const bad = (check: string, detail: string) => ({ check, failure: 'BAD_FORMAT' as const, detail });
  if (!workload.zone) return bad('region', 'Region is not specified.');
  if (workload.software?.toUpperCase() !== 'CONFIDENTIAL_SPACE') {
    return bad('software', `Unexpected SW_NAME: ${workload.software ?? null}`);
  }
  if (!workload.debug && !workload.stable) {
    return bad('image-stable', 'Confidential space image version is not stable.');
  }
  if (workload.restartPolicy?.toLowerCase() !== 'never') {
    return bad('restart-policy', `Restart policy is not set to Never. Value: ${workload.restartPolicy ?? null}`);
  }
  if (workload.commandOverridden) return bad('command', 'Payload should not have cmd overrides');
  const { environment } = workload;
  if (environment.size === 0) return bad('environment', 'env overrides should not be empty');
  for (const name of REQUIRED_OVERRIDES) {
    if (!environment.get(name)) return bad('environment', `Required env override is missing. key: ${name}`);
  }
  const deployment = environment.get('DEPLOYMENT_ENVIRONMENT') ?? '';
  const optional = OPTIONAL_OVERRIDES[deployment.toLowerCase()];
  if (optional === undefined) return bad('environment', `Environment can not be parsed. ${deployment}`);
  const url = environment.get('CORE_BASE_URL');
  if (url && !areEquivalentUrls(url, corePublicUrl)) {
    const detail = `The given attestation URL is unknown. Given URL: ${url}`;
    return { check: 'attestation-url', failure: 'UNKNOWN_ATTESTATION_URL', detail };
  }
  const allowed = new Set([...REQUIRED_OVERRIDES, ...optional]);
  const unexpected = [...environment.keys()].filter((name) => !allowed.has(name));
  if (unexpected.length > 0) return bad('environment', `More env overrides than allowed. ${unexpected.join(', ')}`);
  if (!workload.imageDigest) return bad('image-digest', 'The image digest is missing.');
  return undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function objectOf(value: unknown): JsonRecord | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonRecord) : undefined;
}
