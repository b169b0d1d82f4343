import { constants, createHash, verify } from 'node:crypto';

import {
  equalSecretBytes,
  errorMessage,
  fromBase64Url,
  fromHex,
  MalformedError,
  PolicyError,
  toUtf8,
  VerificationError,
} from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import { isJsonObject, member, parseJsonObject } from '../json/json.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { SEV_SNP_VM, TEST_ROOT_CLAIM } from './claims.ts';
import { keyProblem, keySetOf } from './jwks.ts';
import type { AttestationKey, AttestationKeySet } from './jwks.ts';

/** Signature algorithms of JOSE (RFC 7518) that can be allowed; HMAC and none never can. */
export type TokenAlgorithm = 'RS256' | 'PS256' | 'ES256';

/** What the relying party asks of the claims. */
export interface AttestationExpectations {
  /** Default 'sevsnpvm'; null leaves it to the caller. */
  readonly attestationType?: string | null;
  /** Default false: `x-ms-sevsnpvm-is-debuggable` must be the boolean false. True leaves it to the caller. */
  readonly allowDebug?: boolean;
  readonly complianceStatus?: string;
  readonly allowedVmpls?: readonly number[];
  /** Lower-case hex, any of these. */
  readonly hostData?: readonly string[];
  readonly launchMeasurements?: readonly string[];
  readonly minimumSvn?: {
    readonly bootloader?: number;
    readonly tee?: number;
    readonly snpFirmware?: number;
    readonly microcode?: number;
    readonly guest?: number;
  };
  readonly nonce?: string;
  readonly policyHash?: string;
  /** The exact runtime data the caller holds; its SHA-256 must be the first half of report data. */
  readonly runtimeData?: Uint8Array;
  /** Accept tokens of the simulated platform (claim `x-ms-test-root`); default false. */
  readonly allowTestRoot?: boolean;
}

export interface VerifyAttestationTokenOptions {
  readonly keys: AttestationKeySet | readonly AttestationKey[];
  /** Exact `iss` values accepted. */
  readonly issuers: readonly string[];
  readonly now: Clock;
  readonly expect: AttestationExpectations;
  /** Default ['RS256']. */
  readonly algorithms?: readonly TokenAlgorithm[];
  /** What a `jku` in the header must be; default is the issuer followed by `/certs`. It is never fetched. */
  readonly keySetUrl?: string;
  /** Default 300, at most 300. */
  readonly clockSkewSeconds?: number;
  /** Called with issuer, token id and expiry (ms) when replays matter; returns false when the id was seen before. */
  readonly rememberTokenId?: (issuer: string, tokenId: string, expiresAt: number) => boolean;
}

/** The SNP claims of a token, typed. Absent claims are undefined. */
export interface SevSnpVmClaims {
  readonly attestationType: string | undefined;
  readonly complianceStatus: string | undefined;
  readonly debuggable: boolean | undefined;
  readonly hostData: string | undefined;
  readonly launchMeasurement: string | undefined;
  readonly reportData: string | undefined;
  readonly vmpl: number | undefined;
  readonly guestSvn: number | undefined;
  readonly bootloaderSvn: number | undefined;
  readonly teeSvn: number | undefined;
  readonly snpFirmwareSvn: number | undefined;
  readonly microcodeSvn: number | undefined;
  readonly runtime: JsonObject | undefined;
  readonly initTime: JsonObject | undefined;
  readonly policyHash: string | undefined;
  readonly nonce: string | undefined;
  readonly testRoot: boolean;
}

export interface VerifiedAttestationToken {
  readonly issuer: string;
  readonly kid: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly tokenId: string | undefined;
  readonly sevSnpVm: SevSnpVmClaims;
  /** All claims as they stand in the token. */
  readonly claims: JsonObject;
}

const MALFORMED = 'ATTESTATION_TOKEN_MALFORMED';
const MAX_TOKEN_LENGTH = 128 * 1024;
const MAX_SKEW_SECONDS = 300;
const MAX_LIFE_SECONDS = 86_400;
const SNP = 'x-ms-sevsnpvm-';

/**
 * Verifies an attestation token for a relying party. Keys come only from `keys`; header members jku, jwk and x5c are
 * never used as key sources.
 * @throws MalformedError ATTESTATION_TOKEN_MALFORMED
 * @throws VerificationError ATTESTATION_TOKEN_ALGORITHM, _ISSUER, _JKU, _KID_UNKNOWN, _KEY, _SIGNATURE, _EXPIRED, _NOT_YET_VALID, _TYPE, _NONCE,
 *   _REPLAYED, _BINDING
 * @throws PolicyError ATTESTATION_TOKEN_POLICY_HASH, ATTESTATION_TOKEN_CLAIM, ATTESTATION_TOKEN_TEST_ROOT
 */
export function verifyAttestationToken(
  token: string,
  options: VerifyAttestationTokenOptions,
): VerifiedAttestationToken {
  const jws = parseJws(token);
  const algorithm = checkHeader(jws, options.algorithms ?? ['RS256']);
  if (jws.signature.length === 0) throw new MalformedError(MALFORMED, 'token: the signature is empty');
  const { claims } = jws;
  const issuer = member(claims, 'iss');
  if (typeof issuer !== 'string' || !options.issuers.includes(issuer)) {
    throw refused(
      'ATTESTATION_TOKEN_ISSUER',
      typeof issuer === 'string' ? `issuer ${issuer} is not configured` : 'no issuer',
    );
  }
  const jku = member(jws.header, 'jku');
  if (jku !== undefined && jku !== (options.keySetUrl ?? `${issuer}/certs`))
    throw refused('ATTESTATION_TOKEN_JKU', 'the token points at another key set than its issuer has');

  const key = findKey(jws, options.keys, algorithm);
  if (!signatureHolds(jws, algorithm, key)) throw refused('ATTESTATION_TOKEN_SIGNATURE', 'the signature does not hold');
  const times = checkTimes(claims, options);
  const sevSnpVm = readClaims(claims);
  const tokenId = optional(claims, 'jti', 'string');
  checkExpectations(claims, sevSnpVm, options.expect);
  if (options.rememberTokenId !== undefined) {
    // Remembered last: only a token that holds in every other respect counts as used.
    if (tokenId === undefined || !options.rememberTokenId(issuer, tokenId, times.expiresAt * 1000)) {
      throw refused('ATTESTATION_TOKEN_REPLAYED', 'the token has no id or was used before');
    }
  }
  return { issuer, kid: key.kid, ...times, tokenId, sevSnpVm, claims };
}

/**
 * Only the signature of a token, for a relying party whose other rules are laid down elsewhere: form, algorithm, `crit`,
 * `typ`, key and signature are checked as by `verifyAttestationToken`; issuer, times and claims are not.
 * @throws MalformedError ATTESTATION_TOKEN_MALFORMED
 * @throws VerificationError ATTESTATION_TOKEN_ALGORITHM, _KID_UNKNOWN, _KEY, _SIGNATURE
 * @returns All claims as they stand in the token.
 */
export function verifyAttestationTokenSignature(
  token: string,
  options: Pick<VerifyAttestationTokenOptions, 'keys' | 'algorithms'>,
): JsonObject {
  const jws = parseJws(token);
  const algorithm = checkHeader(jws, options.algorithms ?? ['RS256']);
  if (jws.signature.length === 0) throw new MalformedError(MALFORMED, 'token: the signature is empty');
  const key = findKey(jws, options.keys, algorithm);
  if (!signatureHolds(jws, algorithm, key)) throw refused('ATTESTATION_TOKEN_SIGNATURE', 'the signature does not hold');
  return jws.claims;
}

interface Jws {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  readonly input: Uint8Array;
  readonly signature: Uint8Array;
}

function parseJws(token: string): Jws {
  if (token.length > MAX_TOKEN_LENGTH)
    throw new MalformedError(MALFORMED, `token of ${token.length} characters, at most ${MAX_TOKEN_LENGTH}`);
  const [header, payload, signature, ...rest] = token.split('.');
  if (
    header === undefined ||
    payload === undefined ||
    signature === undefined ||
    rest.length > 0 ||
    header === '' ||
    payload === ''
  ) {
    throw new MalformedError(MALFORMED, 'token: not three parts');
  }
  return {
    header: parseJsonObject(decodePart(header), MALFORMED),
    claims: parseJsonObject(decodePart(payload), MALFORMED),
    input: toUtf8(`${header}.${payload}`),
    signature: decodePart(signature),
  };
}

function decodePart(text: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw new MalformedError(MALFORMED, `token: ${errorMessage(cause)}`, { cause });
  }
}

/** The algorithm, judged before any key is looked up. */
function checkHeader({ header }: Jws, allowed: readonly TokenAlgorithm[]): TokenAlgorithm {
  const name = member(header, 'alg');
  const algorithm = allowed.find((each) => each === name);
  if (algorithm === undefined)
    throw refused('ATTESTATION_TOKEN_ALGORITHM', `algorithm ${JSON.stringify(name) ?? 'missing'} is not allowed`);
  if (member(header, 'crit') !== undefined)
    throw refused('ATTESTATION_TOKEN_ALGORITHM', 'critical header members, of which none is understood');
  const type = member(header, 'typ');
  if (type !== undefined && type !== 'JWT') throw refused('ATTESTATION_TOKEN_ALGORITHM', 'the type is not JWT');
  return algorithm;
}

function findKey(
  { header }: Jws,
  keys: VerifyAttestationTokenOptions['keys'],
  algorithm: TokenAlgorithm,
): AttestationKey {
  const kid = member(header, 'kid');
  const set = isKeySet(keys) ? keys : keySetOf(keys);
  const [entry, ...others] = typeof kid === 'string' ? set.find(kid) : [];
  if (entry === undefined || others.length > 0)
    throw refused('ATTESTATION_TOKEN_KID_UNKNOWN', 'the named key is not in the key set, or not unique');
  const { key, problem = key === undefined ? 'unusable' : keyProblem(key, algorithm) } = entry;
  if (key === undefined || problem !== undefined)
    throw refused('ATTESTATION_TOKEN_KEY', `the named key cannot be used: ${problem ?? 'unusable'}`);
  return key;
}

function isKeySet(keys: VerifyAttestationTokenOptions['keys']): keys is AttestationKeySet {
  return 'find' in keys && !Array.isArray(keys);
}

function signatureHolds(
  { input, signature }: Jws,
  algorithm: TokenAlgorithm,
  { publicKey: key }: AttestationKey,
): boolean {
  try {
    switch (algorithm) {
      case 'RS256':
        return verify('sha256', input, key, signature);
      case 'PS256':
        return verify('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature);
      default:
        return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    }
  } catch {
    // OpenSSL throws for a signature it cannot decode: it does not hold.
    return false;
  }
}

function checkTimes(
  claims: JsonObject,
  options: VerifyAttestationTokenOptions,
): { readonly issuedAt: number; readonly notBefore: number; readonly expiresAt: number } {
  const now = Math.floor(options.now() / 1000);
  const skew = Math.min(options.clockSkewSeconds ?? MAX_SKEW_SECONDS, MAX_SKEW_SECONDS);
  const time = (name: string, code: string): number => {
    const value = member(claims, name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw refused(code, `"${name}" is not an integer`);
    return value;
  };
  const expiresAt = time('exp', 'ATTESTATION_TOKEN_EXPIRED');
  const notBefore = time('nbf', 'ATTESTATION_TOKEN_NOT_YET_VALID');
  const issuedAt = time('iat', 'ATTESTATION_TOKEN_NOT_YET_VALID');
  if (expiresAt <= now - skew) throw refused('ATTESTATION_TOKEN_EXPIRED', `the token expired at ${expiresAt}`);
  if (expiresAt - issuedAt > MAX_LIFE_SECONDS)
    throw refused('ATTESTATION_TOKEN_EXPIRED', 'the life of the token is above a day');
  if (notBefore > now + skew || issuedAt > now + skew)
    throw refused('ATTESTATION_TOKEN_NOT_YET_VALID', `the token is valid from ${notBefore}`);
  return { issuedAt, notBefore, expiresAt };
}

function readClaims(claims: JsonObject): SevSnpVmClaims {
  if (member(claims, 'x-ms-ver') !== '1.0') throw refused('ATTESTATION_TOKEN_TYPE', 'the token version is not 1.0');
  return {
    attestationType: optional(claims, 'x-ms-attestation-type', 'string'),
    complianceStatus: optional(claims, 'x-ms-compliance-status', 'string'),
    debuggable: optional(claims, `${SNP}is-debuggable`, 'boolean'),
    hostData: optional(claims, `${SNP}hostdata`, 'string'),
    launchMeasurement: optional(claims, `${SNP}launchmeasurement`, 'string'),
    reportData: optional(claims, `${SNP}reportdata`, 'string'),
    vmpl: integer(claims, `${SNP}vmpl`),
    guestSvn: integer(claims, `${SNP}guestsvn`),
    bootloaderSvn: integer(claims, `${SNP}bootloader-svn`),
    teeSvn: integer(claims, `${SNP}tee-svn`),
    snpFirmwareSvn: integer(claims, `${SNP}snpfw-svn`),
    microcodeSvn: integer(claims, `${SNP}microcode-svn`),
    runtime: object(claims, 'x-ms-runtime'),
    initTime: object(claims, 'x-ms-inittime'),
    policyHash: optional(claims, 'x-ms-policy-hash', 'string'),
    nonce: optional(claims, 'nonce', 'string'),
    testRoot: optional(claims, TEST_ROOT_CLAIM, 'boolean') ?? false,
  };
}

interface Primitives {
  readonly string: string;
  readonly boolean: boolean;
  readonly number: number;
}

/** A claim of this type, or undefined when absent. A claim of another type is an error: it must not pass as absent. */
function optional<K extends keyof Primitives>(claims: JsonObject, name: string, type: K): Primitives[K] | undefined {
  const value: JsonValue | undefined = member(claims, name);
  if (value === undefined) return undefined;
  if (typeof value !== type) throw claimError(`"${name}" is not a ${type}`);
  return value as Primitives[K];
}

function integer(claims: JsonObject, name: string): number | undefined {
  const value = optional(claims, name, 'number');
  if (value !== undefined && !Number.isSafeInteger(value)) throw claimError(`"${name}" is not an integer`);
  return value;
}

function object(claims: JsonObject, name: string): JsonObject | undefined {
  const value = member(claims, name);
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw claimError(`"${name}" is not an object`);
  return value;
}

function checkExpectations(claims: JsonObject, snp: SevSnpVmClaims, expect: AttestationExpectations): void {
  const { attestationType = SEV_SNP_VM } = expect;
  if (attestationType !== null && snp.attestationType !== attestationType) {
    throw refused(
      'ATTESTATION_TOKEN_TYPE',
      `attestation type ${snp.attestationType ?? 'missing'}, expected ${attestationType}`,
    );
  }
  if (expect.nonce !== undefined && (expect.nonce === '' || snp.nonce !== expect.nonce))
    throw refused('ATTESTATION_TOKEN_NONCE', 'the token does not carry the expected nonce');
  if (expect.policyHash !== undefined && snp.policyHash !== expect.policyHash) {
    throw new PolicyError('ATTESTATION_TOKEN_POLICY_HASH', 'the token was issued under another attestation policy');
  }
  if (member(claims, TEST_ROOT_CLAIM) !== undefined && expect.allowTestRoot !== true) {
    throw new PolicyError('ATTESTATION_TOKEN_TEST_ROOT', 'the token stands for the simulated platform');
  }
  if (expect.allowDebug !== true && snp.debuggable !== false)
    throw claimError('the guest may be debugged, or the token does not say');
  oneOf(
    'compliance status',
    snp.complianceStatus,
    expect.complianceStatus === undefined ? undefined : [expect.complianceStatus],
  );
  oneOf('VMPL', snp.vmpl, expect.allowedVmpls);
  oneOf('host data', snp.hostData, expect.hostData);
  oneOf('launch measurement', snp.launchMeasurement, expect.launchMeasurements);
  checkMinima(snp, expect.minimumSvn ?? {});
  if (expect.runtimeData !== undefined) checkBinding(snp.reportData, expect.runtimeData);
}

function oneOf<T extends string | number>(
  what: string,
  actual: T | undefined,
  allowed: readonly T[] | undefined,
): void {
  if (allowed === undefined) return;
  if (actual === undefined || !allowed.includes(actual))
    throw claimError(`${what} ${actual ?? 'missing'} is not accepted`);
}

function checkMinima(snp: SevSnpVmClaims, minimum: NonNullable<AttestationExpectations['minimumSvn']>): void {
  const pairs = [
    ['boot loader', snp.bootloaderSvn, minimum.bootloader],
    ['TEE', snp.teeSvn, minimum.tee],
    ['SNP firmware', snp.snpFirmwareSvn, minimum.snpFirmware],
    ['microcode', snp.microcodeSvn, minimum.microcode],
    ['guest', snp.guestSvn, minimum.guest],
  ] as const;
  for (const [what, actual, least] of pairs) {
    if (least !== undefined && (actual === undefined || actual < least)) {
      throw claimError(`${what} security version ${actual ?? 'missing'}, at least ${least} is required`);
    }
  }
}

function checkBinding(reportData: string | undefined, runtimeData: Uint8Array): void {
  const hash = createHash('sha256').update(runtimeData).digest();
  const valid = reportData !== undefined && /^[0-9a-f]{128}$/.test(reportData);
  if (!valid || !equalSecretBytes(fromHex(reportData.slice(0, 64)), hash)) {
    throw refused('ATTESTATION_TOKEN_BINDING', 'the report data is not the hash of the runtime data');
  }
}

function refused(code: string, message: string): VerificationError {
  return new VerificationError(code, `token: ${message}`);
}

function claimError(message: string): PolicyError {
  return new PolicyError('ATTESTATION_TOKEN_CLAIM', `token: ${message}`);
}
