import { createHash, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { fromBase64Url, fromUtf8, InternalError, toBase64Url, toUtf8, VerificationError } from '@holdfast/base';

import type { OperatorRecord } from '../api-keys/operator-record.ts';
import { exactRole } from '../api-keys/roles.ts';
import type { Role } from '../api-keys/roles.ts';
import { parseJsonObject } from '../envelope/lenient-json.ts';
import type { JsonObject } from '../envelope/lenient-json.ts';

/** What Core says about an operator that attested. */
export interface OperatorJwtClaims {
  /** Seconds since the epoch; equals the expiry of the attestation token. */
  readonly expiresAt: number;
  readonly issuedAt: number;
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly siteId: number;
  readonly enclaveId: string;
  /** The attestation protocol. */
  readonly enclaveType: string;
  readonly operatorVersion: string;
  readonly jwtId: string;
}

/** What a service demands of a JWT presented to it. */
export interface OperatorJwtExpectation {
  /** RSA keys of Core; the first that fits wins. */
  readonly publicKeys: readonly KeyObject[];
  readonly audience: string;
  readonly issuer: string;
  readonly nowMs: number;
}

const HEADER = toBase64Url(toUtf8('{"typ":"JWT","alg":"RS256"}'));

/** The `sub` of an operator: Base64 of SHA-512 over the Base64 text of its key hash. */
export function operatorJwtSubject(keyHash: string): string {
  return createHash('sha512').update(keyHash, 'utf8').digest('base64');
}

/**
 * The `operatorVersion` claim from the `X-UID2-AppVersion` header (`name=version;component=version;…`): contact, first
 * name and first version.
 */
export function operatorVersionClaim(contact: string, appVersion: string | undefined): string {
  if (appVersion === undefined) return 'unknown client version';
  const first = appVersion.split(';', 1)[0] ?? '';
  const equals = first.indexOf('=');
  if (equals < 0) return `${contact}|null client key`;
  return `${contact}|${first.slice(0, equals)}|${first.slice(equals + 1)}`;
}

/** The claims every JWT of one attestation has in common, from the operator's record. */
export function operatorJwtClaims(
  operator: OperatorRecord & { readonly siteId: number },
  attestation: Pick<
    OperatorJwtClaims,
    'expiresAt' | 'issuedAt' | 'issuer' | 'audience' | 'enclaveId' | 'operatorVersion' | 'jwtId'
  >,
): OperatorJwtClaims {
  return {
    ...attestation,
    subject: operatorJwtSubject(operator.keyHash),
    name: operator.name,
    roles: operator.roles,
    siteId: operator.siteId,
    enclaveType: operator.protocol,
  };
}

/** A signed JWT (RFC 7519, RS256) with the claims in the order the reference writes them. */
export function mintOperatorJwt(claims: OperatorJwtClaims, privateKey: KeyObject): string {
  const body = {
    exp: claims.expiresAt,
    iat: claims.issuedAt,
    iss: claims.issuer,
    sub: claims.subject,
    aud: claims.audience,
    name: claims.name,
    roles: claims.roles.join(','),
    siteId: String(claims.siteId),
    enclaveId: claims.enclaveId,
    enclaveType: claims.enclaveType,
    operatorVersion: claims.operatorVersion,
    jti: claims.jwtId,
  };
  const signed = `${HEADER}.${toBase64Url(toUtf8(JSON.stringify(body)))}`;
  return `${signed}.${toBase64Url(sign('sha256', toUtf8(signed), privateKey))}`;
}

/**
 * Checks signature (RS256), audience, issuer, expiry and the presence of every claim. Unlike the reference it refuses a
 * token without `exp`.
 * @throws VerificationError OPERATOR_JWT_INVALID when no key fits or a claim is missing, wrong or unknown
 * @throws VerificationError OPERATOR_JWT_EXPIRED
 * @throws InternalError OPERATOR_JWT_UNCONFIGURED when this service does not know its own audience or issuer
 */
export function verifyOperatorJwt(token: string, expected: OperatorJwtExpectation): OperatorJwtClaims {
  if (expected.audience.trim() === '' || expected.issuer.trim() === '') {
    throw new InternalError('OPERATOR_JWT_UNCONFIGURED', 'audience and issuer of operator JWTs are not configured');
  }
  const { header, claims, signed, signature } = split(token);
  if (header['alg'] !== 'RS256') throw invalid('its algorithm is not RS256');
  if (expected.publicKeys.length === 0) throw invalid('no public key is configured');
  if (!expected.publicKeys.some((key) => isSignedBy(key, signed, signature))) throw invalid('no configured key fits');
  return checkClaims(claims, expected);
}

/**
 * The RSA keys of a comma-separated list, each SPKI in PEM or bare Base64. What cannot be read is left out and reported to
 * `onUnreadable` by its position.
 */
export function parseJwtPublicKeys(
  list: string,
  onUnreadable: (position: number, cause: unknown) => void,
): KeyObject[] {
  const keys: KeyObject[] = [];
  list.split(',').forEach((entry, position) => {
    const base64 = entry.replaceAll(/-----(?:BEGIN|END) PUBLIC KEY-----/g, '').replaceAll(/\s/g, '');
    if (base64 === '') return;
    try {
      const key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
      if (key.asymmetricKeyType !== 'rsa') throw new Error('not an RSA key');
      keys.push(key);
    } catch (cause) {
      onUnreadable(position, cause);
    }
  });
  return keys;
}

function checkClaims(claims: JsonObject, expected: OperatorJwtExpectation): OperatorJwtClaims {
  const audience = text(claims, 'aud');
  const issuer = text(claims, 'iss');
  if (audience !== expected.audience) throw invalid('its audience is another service');
  if (issuer !== expected.issuer) throw invalid('its issuer is not the configured one');
  const expiresAt = claims['exp'];
  if (typeof expiresAt !== 'number') throw invalid('exp is missing');
  if (expiresAt * 1000 <= expected.nowMs) {
    throw new VerificationError('OPERATOR_JWT_EXPIRED', 'the operator JWT has expired', { details: { expiresAt } });
  }
  const siteId = text(claims, 'siteId');
  if (!/^-?\d{1,10}$/.test(siteId)) throw invalid('siteId is not a number');
  return {
    expiresAt,
    issuedAt: typeof claims['iat'] === 'number' ? claims['iat'] : 0,
    issuer,
    subject: text(claims, 'sub'),
    audience,
    name: typeof claims['name'] === 'string' ? claims['name'] : '',
    roles: text(claims, 'roles')
      .split(',')
      .map((name) => {
        const role = exactRole(name);
        if (role === undefined) throw invalid('it names an unknown role');
        return role;
      }),
    siteId: Number(siteId),
    enclaveId: text(claims, 'enclaveId'),
    enclaveType: text(claims, 'enclaveType'),
    operatorVersion: text(claims, 'operatorVersion'),
    jwtId: text(claims, 'jti'),
  };
}

function split(token: string): {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
} {
  const parts = token.split('.');
  const [header, claims, signature] = parts;
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined) {
    throw invalid('it does not have three parts');
  }
  try {
    return {
      header: parseJsonObject(fromUtf8(fromBase64Url(header))),
      claims: parseJsonObject(fromUtf8(fromBase64Url(claims))),
      signed: toUtf8(`${header}.${claims}`),
      signature: fromBase64Url(signature),
    };
  } catch (cause) {
    throw new VerificationError('OPERATOR_JWT_INVALID', 'the operator JWT is malformed', { cause });
  }
}

function isSignedBy(key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  return key.asymmetricKeyType === 'rsa' && verify('sha256', signed, key, signature);
}

function text(claims: JsonObject, name: string): string {
  const value = claims[name];
  if (typeof value !== 'string') throw invalid(`${name} is missing`);
  return value;
}

function invalid(problem: string): VerificationError {
  return new VerificationError('OPERATOR_JWT_INVALID', `the operator JWT is refused: ${problem}`);
}
