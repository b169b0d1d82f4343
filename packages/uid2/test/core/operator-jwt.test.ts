import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

import { fromBase64Url, fromUtf8, InternalError, PlatformError, toBase64Url, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  mintOperatorJwt,
  operatorJwtClaims,
  operatorJwtSubject,
  operatorVersionClaim,
  parseJwtPublicKeys,
  verifyOperatorJwt,
} from '../../src/core/operator-jwt.ts';
import type { OperatorJwtClaims, OperatorJwtExpectation } from '../../src/core/operator-jwt.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

interface JwtVector {
  readonly public_key_spki_base64: string;
  readonly audience: string;
  readonly issuer: string;
  readonly valid_token: string;
  readonly valid_token_claims: Readonly<Record<string, string | number>>;
  readonly expired_token: string;
  readonly expected: Readonly<Record<string, string | number>>;
}

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const NOW = 1_800_000_000;
const claims: OperatorJwtClaims = {
  expiresAt: NOW + 100,
  issuedAt: NOW,
  issuer: 'http://core',
  subject: operatorJwtSubject('hash'),
  audience: 'http://optout',
  name: 'Operator',
  roles: ['OPERATOR', 'OPTOUT'],
  siteId: 999,
  enclaveId: 'enclave',
  enclaveType: 'azure-cc',
  operatorVersion: 'contact|holdfast|1',
  jwtId: 'id-1',
};
const expected: OperatorJwtExpectation = {
  publicKeys: [publicKey],
  audience: claims.audience,
  issuer: claims.issuer,
  nowMs: NOW * 1000,
};

function codeOf(token: string, expectation = expected): string | undefined {
  try {
    verifyOperatorJwt(token, expectation);
  } catch (error) {
    if (error instanceof PlatformError) return error.code;
    throw error;
  }
  return undefined;
}

function signed(header: object, body: object): string {
  const text = [header, body].map((part) => toBase64Url(toUtf8(JSON.stringify(part)))).join('.');
  return `${text}.${toBase64Url(sign('sha256', toUtf8(text), privateKey))}`;
}

function bodyOf(token: string): Record<string, unknown> {
  return JSON.parse(fromUtf8(fromBase64Url(token.split('.')[1] ?? ''))) as Record<string, unknown>;
}

describe.skipIf(!hasVectors)('operator JWTs, known answers', () => {
  it('accepts and refuses the tokens of the reference tests', () => {
    const vector = coreVector<JwtVector>('jwt-operator');
    const unreadable: number[] = [];
    const pem = `-----BEGIN PUBLIC KEY-----\n${vector.public_key_spki_base64}\n-----END PUBLIC KEY-----`;
    const keys = parseJwtPublicKeys(`AAAA,${pem},${vector.public_key_spki_base64}`, (position) => {
      unreadable.push(position);
    });
    expect(keys).toHaveLength(2);
    expect(unreadable).toEqual([0]);
    const { audience, issuer } = vector;
    const expectation = { publicKeys: keys, audience, issuer, nowMs: NOW * 1000 };
    const result = verifyOperatorJwt(vector.valid_token, expectation);
    expect(result).toMatchObject({
      audience: vector.expected['audience'],
      enclaveId: vector.expected['enclaveId'],
      enclaveType: vector.expected['enclaveType'],
      siteId: vector.expected['siteId'],
      operatorVersion: vector.expected['operatorVersion'],
      jwtId: vector.expected['jti'],
      subject: vector.valid_token_claims['sub'],
      expiresAt: vector.valid_token_claims['exp'],
    });
    expect(codeOf(vector.expired_token, expectation)).toBe('OPERATOR_JWT_EXPIRED');
    expect(codeOf(vector.valid_token, { ...expectation, audience: 'http://other' })).toBe('OPERATOR_JWT_INVALID');
    expect(codeOf(vector.valid_token, { ...expectation, issuer: 'http://other' })).toBe('OPERATOR_JWT_INVALID');
    expect(codeOf(vector.valid_token, { ...expectation, publicKeys: [publicKey] })).toBe('OPERATOR_JWT_INVALID');
  });

  it('writes header and claims in the order of the reference', () => {
    const vector = coreVector<{ header_json: string; claims_order: string[] }>('jwt-minting');
    const token = mintOperatorJwt(claims, privateKey);
    expect(fromUtf8(fromBase64Url(token.split('.')[0] ?? ''))).toBe(vector.header_json);
    expect(Object.keys(bodyOf(token)).slice(0, 2)).toEqual(vector.claims_order.slice(0, 2));
    expect(
      Object.values(bodyOf(token))
        .slice(2)
        .every((value) => typeof value === 'string'),
    ).toBe(true);
  });

  it.each(coreVector<{ cases?: { key_hash: string; sub: string }[] }>('jwt-subject').cases ?? [])(
    'derives the subject of $key_hash',
    ({ key_hash: keyHash, sub }) => {
      expect(operatorJwtSubject(keyHash)).toBe(sub);
    },
  );
});

describe('verifyOperatorJwt', () => {
  const token = mintOperatorJwt(claims, privateKey);

  it('gives back what was minted', () => {
    expect(verifyOperatorJwt(token, expected)).toEqual(claims);
  });

  it('tries all keys', () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
    expect(codeOf(token, { ...expected, publicKeys: [other, publicKey] })).toBeUndefined();
    expect(codeOf(token, { ...expected, publicKeys: [] })).toBe('OPERATOR_JWT_INVALID');
  });

  it('refuses a token from its expiry on', () => {
    expect(codeOf(token, { ...expected, nowMs: claims.expiresAt * 1000 })).toBe('OPERATOR_JWT_EXPIRED');
    expect(codeOf(token, { ...expected, nowMs: claims.expiresAt * 1000 - 1 })).toBeUndefined();
  });

  it('refuses other algorithms, none included', () => {
    const body = bodyOf(token);
    expect(codeOf(signed({ alg: 'RS256' }, body))).toBeUndefined();
    for (const alg of ['none', 'HS256', 'ES256', 'RS512', undefined]) {
      expect(codeOf(signed({ alg }, body))).toBe('OPERATOR_JWT_INVALID');
    }
  });

  it('refuses a token without any one of its claims, or with an unknown role', () => {
    for (const name of [
      'exp',
      'iss',
      'sub',
      'aud',
      'roles',
      'siteId',
      'enclaveId',
      'enclaveType',
      'operatorVersion',
      'jti',
    ]) {
      const body = bodyOf(token);
      delete body[name];
      expect(codeOf(signed({ alg: 'RS256' }, body))).toBe('OPERATOR_JWT_INVALID');
    }
    expect(codeOf(signed({ alg: 'RS256' }, { ...bodyOf(token), roles: 'OPERATOR,operator' }))).toBe(
      'OPERATOR_JWT_INVALID',
    );
    expect(codeOf(signed({ alg: 'RS256' }, { ...bodyOf(token), siteId: 'x' }))).toBe('OPERATOR_JWT_INVALID');
  });

  it('refuses every changed character and every truncation', () => {
    for (let at = 0; at < token.length; at++) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      expect(codeOf(changed)).toBe('OPERATOR_JWT_INVALID');
      expect(codeOf(token.slice(0, at))).toBe('OPERATOR_JWT_INVALID');
    }
  });

  it('is an internal error where audience or issuer are not configured', () => {
    expect(() => verifyOperatorJwt(token, { ...expected, audience: ' ' })).toThrow(InternalError);
    expect(() => verifyOperatorJwt(token, { ...expected, issuer: '' })).toThrow(InternalError);
  });

  it('lets only our errors escape from any text', () => {
    fc.assert(
      fc.property(fc.array(fc.base64String(), { maxLength: 4 }), (parts) => {
        expect(codeOf(parts.join('.'))).toBe('OPERATOR_JWT_INVALID');
      }),
    );
  });
});

describe('operatorJwtClaims', () => {
  it('takes the identity from the record and the rest from the attestation', () => {
    const record = {
      keyHash: 'hash',
      keySalt: new Uint8Array(32),
      name: claims.name,
      contact: 'contact',
      protocol: claims.enclaveType,
      created: 0,
      disabled: false,
      siteId: claims.siteId,
      roles: claims.roles,
      operatorType: 'PRIVATE',
      keyId: 'id',
    } as const;
    expect(operatorJwtClaims(record, claims)).toEqual(claims);
  });
});

describe('operatorVersionClaim', () => {
  it('reads the first name and version of the header', () => {
    expect(operatorVersionClaim('c', undefined)).toBe('unknown client version');
    expect(operatorVersionClaim('c', 'uid2-operator=5.1;uid2-shared=2')).toBe('c|uid2-operator|5.1');
    expect(operatorVersionClaim('c', 'nonsense')).toBe('c|null client key');
  });
});

describe('parseJwtPublicKeys', () => {
  it('leaves out keys that are not RSA', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
    const rsa = publicKey.export({ type: 'spki', format: 'der' });
    const unreadable: number[] = [];
    const keys = parseJwtPublicKeys(`${ec.toString('base64')},,${rsa.toString('base64')}`, (at) => unreadable.push(at));
    expect(unreadable).toEqual([0]);
    expect(keys.map((key) => key.export({ type: 'spki', format: 'pem' }))).toEqual([
      createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })).export({ type: 'spki', format: 'pem' }),
    ]);
  });
});
