import { Buffer } from 'node:buffer';
import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  createTokenSigner,
  issueAttestationToken,
  jwksFor,
  parseAttestationJwks,
  verifyAttestationToken,
  verifyAttestationTokenSignature,
} from '../../src/index.ts';
import type { AttestationExpectations, JsonObject, VerifyAttestationTokenOptions } from '../../src/index.ts';
import { codeOf, flipBit, NOW } from '../support/chain.ts';
import { haveVectors, vectorText } from '../support/vectors.ts';

const ISSUER = 'https://sharedeus.eus.attest.azure.net';
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const life = { serial: Uint8Array.of(1), notBefore: NOW, notAfter: NOW + 1e10 };
const { certificate, kid } = createTokenSigner({ issuer: ISSUER, ...pair, ...life });
const jwks = jwksFor(certificate);
const now = NOW / 1000;
const runtimeData = Buffer.from('{"a":1}');
const claims: JsonObject = {
  iss: ISSUER,
  iat: now,
  nbf: now,
  exp: now + 28_800,
  jti: 'id',
  nonce: '7394904505194784658',
  'x-ms-ver': '1.0',
  'x-ms-attestation-type': 'sevsnpvm',
  'x-ms-compliance-status': 'azure-compliant-uvm',
  'x-ms-policy-hash': 'hash',
  'x-ms-runtime': { a: 1 },
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-sevsnpvm-hostdata': 'ab'.repeat(32),
  'x-ms-sevsnpvm-launchmeasurement': 'cd'.repeat(48),
  'x-ms-sevsnpvm-reportdata': createHash('sha256').update(runtimeData).digest('hex') + '0'.repeat(64),
  'x-ms-sevsnpvm-vmpl': 0,
  'x-ms-sevsnpvm-guestsvn': 2,
  'x-ms-sevsnpvm-microcode-svn': 115,
};

function issue(changes: Readonly<Record<string, unknown>> = {}, signingKey = pair.privateKey): string {
  const changed = Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined);
  return issueAttestationToken(Object.fromEntries(changed) as JsonObject, { signingKey, kid, jku: `${ISSUER}/certs` });
}

/** A token with any header and payload text, signed with RS256 unless told otherwise. */
function forge(header: object, payload: string = JSON.stringify(claims), signer?: (input: string) => Buffer): string {
  const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  const signature = signer?.(input) ?? sign('sha256', Buffer.from(input), pair.privateKey);
  return `${input}.${signature.toString('base64url')}`;
}

function verify(token: string, changes: Partial<VerifyAttestationTokenOptions> = {}) {
  return verifyAttestationToken(token, {
    keys: parseAttestationJwks(JSON.stringify(jwks)),
    issuers: [ISSUER],
    now: () => NOW,
    expect: {},
    ...changes,
  });
}

function code(token: string, changes: Partial<VerifyAttestationTokenOptions> = {}): string {
  return codeOf(() => verify(token, changes));
}

function codeOfExpectation(changes: Readonly<Record<string, unknown>>, expectations: AttestationExpectations): string {
  return code(issue(changes), { expect: expectations });
}

const header = { alg: 'RS256', kid, typ: 'JWT' };

describe('issueAttestationToken', () => {
  it('writes header members in the order of the service and claims in ordinal order', () => {
    const [head = '', payload = ''] = issue().split('.');
    expect(Buffer.from(head, 'base64url').toString()).toBe(
      `{"alg":"RS256","jku":"${ISSUER}/certs","kid":"${kid}","typ":"JWT"}`,
    );
    const names = Object.keys(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object);
    expect(names).toEqual(Object.keys(claims).toSorted());
  });
});

describe('verifyAttestationToken', () => {
  it('yields typed claims of a token that holds', () => {
    const verified = verify(issue());
    expect(verified).toMatchObject({ issuer: ISSUER, kid, issuedAt: now, expiresAt: now + 28_800, tokenId: 'id' });
    expect(verified.sevSnpVm).toMatchObject({
      debuggable: false,
      vmpl: 0,
      microcodeSvn: 115,
      teeSvn: undefined,
      runtime: { a: 1 },
    });
  });

  it('never verifies after one flipped bit', () => {
    const token = issue();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: token.length * 8 - 1 }), (bit) => {
        const changed = Buffer.from(flipBit(Buffer.from(token), bit)).toString('latin1');
        expect(code(changed)).toMatch(/^ATTESTATION_TOKEN_/);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses a token cut at any length', () => {
    const token = issue();
    for (let length = 0; length < token.length; length += 1)
      expect(code(token.slice(0, length))).toMatch(/^ATTESTATION_TOKEN_/);
  });

  it.each([
    ['four parts', `${issue()}.x`],
    ['padding', `${issue()}=`],
    ['an empty header', `.${issue().split('.').slice(1).join('.')}`],
    ['an empty signature', issue().replace(/[^.]*$/, '')],
    ['doubled claims', forge(header, `{"iss":"x",${JSON.stringify(claims).slice(1)}`)],
    ['a payload that is no object', forge(header, '[]')],
    ['more than 128 KiB', `${'a'.repeat(140_000)}.b.c`],
  ])('refuses %s as malformed', (_name, token) => {
    expect(code(token)).toBe('ATTESTATION_TOKEN_MALFORMED');
  });

  it('refuses every algorithm that is not configured, before any key is looked up', () => {
    const hmac = (input: string): Buffer =>
      createHmac('sha256', pair.publicKey.export({ format: 'pem', type: 'spki' }))
        .update(input)
        .digest();
    expect(code(forge({ ...header, alg: 'none' }, undefined, () => Buffer.alloc(0)))).toBe(
      'ATTESTATION_TOKEN_ALGORITHM',
    );
    expect(code(forge({ ...header, alg: 'HS256' }, undefined, hmac))).toBe('ATTESTATION_TOKEN_ALGORITHM');
    for (const alg of ['rs256', 'RS512', 'ES256', 'PS256', undefined, 5]) {
      expect(code(forge({ ...header, alg, kid: 'unknown' }))).toBe('ATTESTATION_TOKEN_ALGORITHM');
    }
    expect(code(forge({ ...header, crit: ['exp'] }))).toBe('ATTESTATION_TOKEN_ALGORITHM');
    expect(code(forge({ ...header, typ: 'at+jwt' }))).toBe('ATTESTATION_TOKEN_ALGORITHM');
  });

  it('accepts ES256 only by configuration and only with its kind of key', () => {
    const signer = (input: string): Buffer =>
      sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' });
    const token = forge({ ...header, alg: 'ES256' }, undefined, signer);
    const algorithms = ['RS256', 'ES256'] as const;
    expect(code(token, { algorithms, keys: [{ kid, publicKey: ec.publicKey }] })).toBe('nothing');
    expect(code(token, { algorithms })).toBe('ATTESTATION_TOKEN_KEY');
    expect(code(token, { keys: [{ kid, publicKey: ec.publicKey }] })).toBe('ATTESTATION_TOKEN_ALGORITHM');
  });

  it.each([
    `${ISSUER}.evil`,
    ISSUER.toUpperCase(),
    ISSUER.replace('https', 'http'),
    `${ISSUER}/`,
    `${ISSUER}.`,
    undefined,
    5,
  ])('refuses the issuer %s', (iss) => {
    expect(code(issue({ iss }))).toBe('ATTESTATION_TOKEN_ISSUER');
  });

  it.each(['https://evil.example/certs', `${ISSUER}/other`, `${ISSUER}/certs/`, 5])(
    'refuses the key set address %s',
    (jku) => {
      expect(code(forge({ ...header, jku }))).toBe('ATTESTATION_TOKEN_JKU');
    },
  );

  it('never takes a key from the header', () => {
    const forged = (input: string): Buffer => sign('sha256', Buffer.from(input), other.privateKey);
    const jwk = other.publicKey.export({ format: 'jwk' });
    expect(code(forge({ ...header, jwk }, undefined, forged))).toBe('ATTESTATION_TOKEN_SIGNATURE');
    expect(code(forge({ ...header, jwk, kid: undefined }, undefined, forged))).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
  });

  it('refuses a key id that is unknown or stands twice', () => {
    expect(code(forge({ ...header, kid: 'other' }))).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
    const [entry] = jwks.keys;
    expect(code(issue(), { keys: parseAttestationJwks(JSON.stringify({ keys: [entry, entry] })) })).toBe(
      'ATTESTATION_TOKEN_KID_UNKNOWN',
    );
  });

  it.each([
    ['for encryption', { ...jwks.keys[0], use: 'enc' }],
    ['for another algorithm', { ...jwks.keys[0], alg: 'RS512' }],
    ['of another type', { ...jwks.keys[0], kty: 'EC' }],
    ['RSA of 1024 bits', { kid, ...weak.publicKey.export({ format: 'jwk' }) }],
    ['an EC key', { kid, ...ec.publicKey.export({ format: 'jwk' }) }],
    [
      'with numbers of another key than its certificate',
      { ...jwks.keys[0], ...other.publicKey.export({ format: 'jwk' }) },
    ],
    ['without any key', { kid, kty: 'RSA' }],
    ['with a broken certificate', { kid, kty: 'RSA', x5c: ['AAAA'] }],
  ])('refuses a key %s', (_name, entry) => {
    expect(code(issue(), { keys: parseAttestationJwks(JSON.stringify({ keys: [entry] })) })).toBe(
      'ATTESTATION_TOKEN_KEY',
    );
  });

  it('refuses a token signed by another key', () => {
    expect(code(issue({}, other.privateKey))).toBe('ATTESTATION_TOKEN_SIGNATURE');
  });

  it('allows 300 seconds of clock skew and not one more', () => {
    const token = issue();
    expect(code(token, { now: () => NOW + (28_800 + 299) * 1000 })).toBe('nothing');
    expect(code(token, { now: () => NOW + (28_800 + 300) * 1000 })).toBe('ATTESTATION_TOKEN_EXPIRED');
    expect(code(token, { now: () => NOW - 300_000 })).toBe('nothing');
    expect(code(token, { now: () => NOW - 301_000 })).toBe('ATTESTATION_TOKEN_NOT_YET_VALID');
    expect(code(token, { now: () => NOW - 400_000, clockSkewSeconds: 9999 })).toBe('ATTESTATION_TOKEN_NOT_YET_VALID');
  });

  it.each([
    [{ exp: undefined }, 'ATTESTATION_TOKEN_EXPIRED'],
    [{ exp: String(now + 10) }, 'ATTESTATION_TOKEN_EXPIRED'],
    [{ exp: now + 10.5 }, 'ATTESTATION_TOKEN_EXPIRED'],
    [{ exp: now + 10 * 365 * 86_400 }, 'ATTESTATION_TOKEN_EXPIRED'],
    [{ nbf: undefined }, 'ATTESTATION_TOKEN_NOT_YET_VALID'],
    [{ nbf: now + 301 }, 'ATTESTATION_TOKEN_NOT_YET_VALID'],
    [{ iat: now + 301 }, 'ATTESTATION_TOKEN_NOT_YET_VALID'],
    [{ 'x-ms-ver': '2.0' }, 'ATTESTATION_TOKEN_TYPE'],
    [{ 'x-ms-attestation-type': 'azurevm' }, 'ATTESTATION_TOKEN_TYPE'],
    [{ 'x-ms-sevsnpvm-is-debuggable': true }, 'ATTESTATION_TOKEN_CLAIM'],
    [{ 'x-ms-sevsnpvm-is-debuggable': 'false' }, 'ATTESTATION_TOKEN_CLAIM'],
    [{ 'x-ms-sevsnpvm-is-debuggable': undefined }, 'ATTESTATION_TOKEN_CLAIM'],
    [{ 'x-ms-sevsnpvm-microcode-svn': '115' }, 'ATTESTATION_TOKEN_CLAIM'],
    [{ 'x-ms-sevsnpvm-vmpl': 0.5 }, 'ATTESTATION_TOKEN_CLAIM'],
    [{ 'x-ms-runtime': 'text' }, 'ATTESTATION_TOKEN_CLAIM'],
    [{ 'x-ms-test-root': true }, 'ATTESTATION_TOKEN_TEST_ROOT'],
    [{ 'x-ms-sevsnpvm-is-debuggable': undefined, 'x-ms-isolation-tee': claims }, 'ATTESTATION_TOKEN_CLAIM'],
  ])('refuses a token with %j', (changes, expected) => {
    expect(code(issue(changes))).toBe(expected);
  });

  it.each<[string, AttestationExpectations, AttestationExpectations, string]>([
    ['the nonce', { nonce: '7394904505194784658' }, { nonce: '7394904505194784800' }, 'NONCE'],
    ['an empty nonce', {}, { nonce: '' }, 'NONCE'],
    ['the policy hash', { policyHash: 'hash' }, { policyHash: 'x' }, 'POLICY_HASH'],
    [
      'the compliance status',
      { complianceStatus: 'azure-compliant-uvm' },
      { complianceStatus: 'azure-compliant-cvm' },
      'CLAIM',
    ],
    ['the privilege level', { allowedVmpls: [0] }, { allowedVmpls: [1] }, 'CLAIM'],
    ['the host data', { hostData: ['ab'.repeat(32)] }, { hostData: [] }, 'CLAIM'],
    ['the measurement', { launchMeasurements: ['x', 'cd'.repeat(48)] }, { launchMeasurements: ['x'] }, 'CLAIM'],
    ['a security version', { minimumSvn: { microcode: 115 } }, { minimumSvn: { microcode: 116 } }, 'CLAIM'],
    ['a missing security version', { minimumSvn: { guest: 2 } }, { minimumSvn: { tee: 0 } }, 'CLAIM'],
    ['the runtime data', { runtimeData }, { runtimeData: Buffer.from('{}') }, 'BINDING'],
    ['the attestation type', { attestationType: null }, { attestationType: 'azurevm' }, 'TYPE'],
  ])('compares %s with what the relying party expects', (_name, holds, fails, problem) => {
    expect(codeOfExpectation({}, holds)).toBe('nothing');
    expect(codeOfExpectation({}, fails)).toBe(`ATTESTATION_TOKEN_${problem}`);
  });

  it('leaves debug and test root to a relying party that says so', () => {
    const changes = { 'x-ms-sevsnpvm-is-debuggable': true, 'x-ms-test-root': true };
    expect(codeOfExpectation(changes, { allowDebug: true, allowTestRoot: true })).toBe('nothing');
  });

  it('refuses a token that was used before when replays are watched, and counts only tokens that hold', () => {
    const seen = new Set<string>();
    const rememberTokenId = (issuer: string, id: string): boolean => {
      const fresh = !seen.has(`${issuer} ${id}`);
      seen.add(`${issuer} ${id}`);
      return fresh;
    };
    expect(code(issue({ 'x-ms-ver': '2.0' }), { rememberTokenId })).toBe('ATTESTATION_TOKEN_TYPE');
    expect(code(issue(), { rememberTokenId })).toBe('nothing');
    expect(code(issue(), { rememberTokenId })).toBe('ATTESTATION_TOKEN_REPLAYED');
    expect(code(issue({ jti: undefined }), { rememberTokenId })).toBe('ATTESTATION_TOKEN_REPLAYED');
  });

  it('lets only our errors escape, whatever text comes in', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json().map((text) => forge(header, text)),
        ),
        (token) => {
          expect(code(token)).toMatch(/^ATTESTATION_TOKEN_/);
        },
      ),
    );
  });
});

describe('verifyAttestationTokenSignature', () => {
  const keys = parseAttestationJwks(JSON.stringify(jwks));

  it('yields the claims of a signed token, whatever they say', () => {
    const expired = issue({ exp: 1, iss: 'https://other' });
    expect(verifyAttestationTokenSignature(expired, { keys })).toMatchObject({ exp: 1, iss: 'https://other' });
  });

  it('refuses other keys, other algorithms and an empty signature', () => {
    const refusal = (token: string): string => codeOf(() => verifyAttestationTokenSignature(token, { keys }));
    expect(refusal(issue({}, other.privateKey))).toBe('ATTESTATION_TOKEN_SIGNATURE');
    expect(refusal(forge({ ...header, alg: 'none' }))).toBe('ATTESTATION_TOKEN_ALGORITHM');
    expect(refusal(forge({ ...header, kid: 'x' }))).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
    expect(refusal(issue().replace(/[^.]*$/, ''))).toBe('ATTESTATION_TOKEN_MALFORMED');
  });
});

describe('parseAttestationJwks', () => {
  it.each(['', '[]', '{}', '{"keys":1}', '{"keys":[1]}'])('refuses %s', (text) => {
    expect(codeOf(() => parseAttestationJwks(text))).toBe('ATTESTATION_JWKS_MALFORMED');
  });

  it.skipIf(!haveVectors)('reads a real key set, whose oldest key is too short to be used', () => {
    const text = vectorText('maa/certs-response.json');
    const set = parseAttestationJwks(text);
    const { keys } = JSON.parse(text) as { readonly keys: readonly { readonly kid: string }[] };
    const bits = keys.map((entry) => set.find(entry.kid)[0]?.key?.publicKey.asymmetricKeyDetails?.modulusLength);
    expect(bits).toEqual([1024, 2048, 2048, 2048, 2048]);
  });

  it.skipIf(!haveVectors)('has no key for the real sample token', () => {
    const token = vectorText('maa/sev-snp-jwt.txt');
    const keys = parseAttestationJwks(vectorText('maa/certs-response.json'));
    const issuers = ['https://sharedweu.weu.test.attest.azure.net'];
    expect(code(token, { keys, issuers })).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
  });
});
