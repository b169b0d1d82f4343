import { verifyAttestationTokenSignature } from '@holdfast/attestation';
import { errorMessage, fromBase64Url, fromUtf8, MalformedError, PlatformError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { MaaKeys } from './maa-keys.ts';
import { refuse } from './verifier.ts';
import type { Refusal } from './verifier.ts';

type JsonRecord = Readonly<Record<string, unknown>>;

/** What a verified token says. A claim of another type counts as absent. */
export interface MaaClaims {
  readonly attestationType: string | undefined;
  readonly complianceStatus: string | undefined;
  readonly debuggable: boolean | undefined;
  /** HOST_DATA of the report in hexadecimal. */
  readonly hostData: string | undefined;
  /** What the attested code said about itself. */
  readonly runtime: JsonRecord | undefined;
  /** Security version of the utility VM image, from its endorsement. */
  readonly endorsementSvn: number | undefined;
  readonly platform: {
    readonly bootloader: number | undefined;
    readonly tee: number | undefined;
    readonly snpFirmware: number | undefined;
    readonly microcode: number | undefined;
  };
}

export interface MaaTokenVerifierOptions {
  /** The exact `iss` of accepted tokens. */
  readonly issuer: string;
  readonly keys: MaaKeys;
  readonly clock: Clock;
  readonly trustSimulatedRoot: boolean;
}

const SIGNATURE_FAILURE = 'Fail to validate the token signature, error: ';
const ALGORITHMS = ['RS256', 'ES256'] as const;

/** The claim of tokens about the simulated platform. */
const TEST_ROOT = 'x-ms-test-root';

/**
 * The signature step of `azure-cc`: answers the claims of a token that the attestation service signed, or the refusal.
 * The checks come in the order of the UID2 reference, since their texts tell an operator which one failed.
 * @throws MalformedError ATTESTATION_EVIDENCE_MALFORMED for what is no token at all
 * @throws DependencyError MAA_KEYS_UNAVAILABLE, MAA_KEY_UNKNOWN
 */
export async function verifyMaaToken(token: string, options: MaaTokenVerifierOptions): Promise<MaaClaims | Refusal> {
  const parts = token.split('.');
  const [headerPart, claimsPart] = parts;
  if (parts.length !== 3 || headerPart === undefined || claimsPart === undefined) throw notAToken();
  let header: JsonRecord;
  let unverified: JsonRecord;
  try {
    header = decodeObject(headerPart);
    unverified = decodeObject(claimsPart);
  } catch (error) {
    return refuse('token-format', 'BAD_PAYLOAD', `Fail to parse token, error: ${errorMessage(error)}`);
  }
  if (typeof header['alg'] !== 'string') throw notAToken();

  const kid = header['kid'];
  const keys = await options.keys.keysWith(typeof kid === 'string' ? kid : '');

  if (unverified['iss'] !== options.issuer) return badSignature('token-issuer', 'Expected issuer does not match');
  const exp = unverified['exp'];
  if (typeof exp === 'number' && exp * 1000 <= options.clock()) {
    return badSignature('token-expiry', 'Token is expired');
  }
  if (!ALGORITHMS.some((known) => known === header['alg'])) {
    return badSignature('token-algorithm', 'Unexpected signing algorithm: expected either RS256 or ES256');
  }
  let claims: JsonRecord;
  try {
    claims = verifyAttestationTokenSignature(token, { keys, algorithms: ALGORITHMS });
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return error.code === 'ATTESTATION_TOKEN_SIGNATURE'
      ? badSignature('token-signature', 'Invalid signature')
      : badSignature(`token: ${error.code}`, 'Error validating token');
  }
  if (claims[TEST_ROOT] !== undefined && !options.trustSimulatedRoot) {
    return badSignature('token-test-root', 'The evidence is signed under a test root, which is not trusted here');
  }
  return readClaims(claims);
}

function readClaims(claims: JsonRecord): MaaClaims {
  const endorsement = objectOf(claims['x-ms-sevsnpvm-uvm-endorsement']);
  return {
    attestationType: textOf(claims['x-ms-attestation-type']),
    complianceStatus: textOf(claims['x-ms-compliance-status']),
    debuggable: booleanOf(claims['x-ms-sevsnpvm-is-debuggable']),
    hostData: textOf(claims['x-ms-sevsnpvm-hostdata']),
    runtime: objectOf(claims['x-ms-runtime']),
    endorsementSvn: versionOf(endorsement?.['x-ms-sevsnpvm-guestsvn']),
    platform: {
      bootloader: versionOf(claims['x-ms-sevsnpvm-bootloader-svn']),
      tee: versionOf(claims['x-ms-sevsnpvm-tee-svn']),
      snpFirmware: versionOf(claims['x-ms-sevsnpvm-snpfw-svn']),
      microcode: versionOf(claims['x-ms-sevsnpvm-microcode-svn']),
    },
  };
}

/** Security versions are numbers, or (of endorsements) text with digits. */
function versionOf(value: unknown): number | undefined {
  if (typeof value === 'string' && /^\d{1,9}$/.test(value)) return Number(value);
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function objectOf(value: unknown): JsonRecord | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonRecord) : undefined;
}

function badSignature(check: string, reason: string): Refusal {
  return refuse(check, 'BAD_PAYLOAD', `${SIGNATURE_FAILURE}${reason}`);
}

function decodeObject(part: string): JsonRecord {
  const object = objectOf(JSON.parse(fromUtf8(fromBase64Url(part))));
  if (object === undefined) throw new Error('not a JSON object');
  return object;
}

function notAToken(): MalformedError {
  return new MalformedError('ATTESTATION_EVIDENCE_MALFORMED', 'the evidence is not a signed token (RFC 7515)');
}
