import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  canonicalJson,
  createEarSigner,
  issueEarToken,
  readTrustVector,
  TRUST_CLAIMS,
  TRUST_TIERS,
  trustStatus,
  trustTier,
} from '../../src/index.ts';
import type { JsonValue } from '../../src/index.ts';

describe('canonicalJson', () => {
  it('orders members by UTF-16 units and escapes only what JSON requires', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': '/"\\\u000f' };
    expect(canonicalJson(value)).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":"/\\"\\\\\\u000f","\u20ac":1,"\u{1f600}":5,"\ufb33":3}',
    );
  });

  it('is the same for members in any order, and reads back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = canonicalJson(value as JsonValue);
        expect(canonicalJson(reversed(value) as JsonValue)).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('writes integers beyond 2^53 exactly', () => {
    expect(canonicalJson({ a: 18446744073709551615n })).toBe('{"a":18446744073709551615}');
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, reversed(member)]),
  );
}

describe('trustTier', () => {
  it.each([
    [-128, 'contraindicated'],
    [-97, 'contraindicated'],
    [-96, 'warning'],
    [-33, 'warning'],
    [-32, 'affirming'],
    [-2, 'affirming'],
    [-1, 'none'],
    [1, 'none'],
    [2, 'affirming'],
    [31, 'affirming'],
    [32, 'warning'],
    [95, 'warning'],
    [96, 'contraindicated'],
    [127, 'contraindicated'],
  ] as const)('puts %i into %s', (value, tier) => {
    expect(trustTier(value)).toBe(tier);
  });

  it('gives a vector the worst tier of its claims', () => {
    const int8 = fc.integer({ min: -128, max: 127 });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...TRUST_CLAIMS), int8), (claims) => {
        const vector = readTrustVector(claims);
        const ranks = Object.values(claims).map((value) => TRUST_TIERS.indexOf(trustTier(value)));
        expect(TRUST_TIERS.indexOf(trustStatus(vector))).toBe(Math.max(0, ...ranks));
      }),
    );
  });

  it('takes no claim it does not know and no value outside eight bits', () => {
    expect(() => readTrustVector({ trusty: 2 })).toThrow(expect.objectContaining({ code: 'EAR_CLAIM_UNKNOWN' }));
    for (const value of [128, -129, 1.5, '2', null]) {
      expect(() => readTrustVector({ hardware: value })).toThrow(
        expect.objectContaining({ code: 'EAR_CLAIM_OUT_OF_RANGE' }),
      );
    }
  });
});

describe('issueEarToken', () => {
  it('signs submodules in the order of their names, with the key in its header', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signer = createEarSigner(privateKey, { chain: [Uint8Array.of(1, 2)], url: 'https://certs' });
    const appraisal = { vector: { hardware: 2 }, policyId: 'default', evidence: { snp: {} } };
    const token = issueEarToken(
      signer,
      { gpu0: appraisal, cpu0: { ...appraisal, extensions: { 'ear.x': 1 } } },
      { issuer: 'i', profile: 'p', developer: 'd', build: 'b', issuedAt: 10, expiresAt: 20 },
    );
    const [header = '', claims = '', signature = ''] = token.split('.');
    const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(read(header)).toMatchObject({ typ: 'JWT', alg: 'ES256', jwk: { x5u: 'https://certs', x5c: ['AQI='] } });
    expect(Buffer.from(claims, 'base64url').toString()).toBe(
      '{"eat_profile":"p","iat":10,"exp":20,"iss":"i","ear.verifier-id":{"developer":"d","build":"b"},"submods":' +
        '{"cpu0":{"ear.status":"affirming","ear.trustworthiness-vector":{"hardware":2},"ear.appraisal-policy-id":"default","ear.veraison.annotated-evidence":{"snp":{}},"ear.x":1},' +
        '"gpu0":{"ear.status":"affirming","ear.trustworthiness-vector":{"hardware":2},"ear.appraisal-policy-id":"default","ear.veraison.annotated-evidence":{"snp":{}}}}}',
    );
    const key = { key: createPublicKey(privateKey), dsaEncoding: 'ieee-p1363' as const };
    const signed = Buffer.from(`${header}.${claims}`);
    expect(verify('sha256', signed, key, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  it('takes P-256 keys only', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    expect(() => createEarSigner(privateKey)).toThrow(expect.objectContaining({ code: 'EAR_SIGNER_INVALID' }));
  });
});
