import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

import { createTokenSigner, issueAttestationToken, jwksFor, parseAttestationJwks } from '@holdfast/attestation';
import type { AttestationKeySet, JsonObject } from '@holdfast/attestation';
import { beforeAll, describe, expect, it } from 'vitest';

import { appraiseRelease, findEncryptionKey, findReleaseCandidates, parseReleasePolicy } from '../src/index.ts';
import type { ReleaseGrant } from '../src/index.ts';
import { NOW, random } from './support/web-server.ts';

const ISSUER = 'https://attest.test';
const SECONDS = NOW / 1000;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ephemeral = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }) as JsonObject;
const KEY: JsonObject = { ...ephemeral, kid: 'ephemeral', key_ops: ['encrypt'] };
const POLICY = parseReleasePolicy(
  JSON.stringify({
    version: '1.0.0',
    anyOf: [{ authority: `${ISSUER}/`, allOf: [{ claim: 'x-ms-sevsnpvm-hostdata', equals: 'aa' }] }],
  }),
);

const CLAIMS: JsonObject = {
  iss: ISSUER,
  iat: SECONDS,
  nbf: SECONDS,
  exp: SECONDS + 3600,
  jti: 'id',
  'x-ms-ver': '1.0',
  'x-ms-attestation-type': 'sevsnpvm',
  'x-ms-sevsnpvm-hostdata': 'aa',
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-runtime': { keys: [KEY] },
};

describe('appraiseRelease', () => {
  let keys: AttestationKeySet;
  let kid = '';
  beforeAll(() => {
    const { certificate, ...signer } = createTokenSigner({
      issuer: ISSUER,
      privateKey,
      publicKey: createPublicKey(privateKey),
      serial: random(8),
      notBefore: NOW,
      notAfter: NOW + 1000,
    });
    kid = signer.kid;
    keys = parseAttestationJwks(JSON.stringify(jwksFor(certificate)));
  });

  const tokenOf = (over: JsonObject = {}, jku = `${ISSUER}/certs`): string =>
    issueAttestationToken({ ...CLAIMS, ...over }, { signingKey: privateKey, kid, jku });
  const appraise = (token: string, over: object = {}): ReleaseGrant =>
    appraiseRelease({
      token,
      candidates: findReleaseCandidates(POLICY, token),
      keys,
      keySetUrl: `${ISSUER}/certs`,
      now: () => NOW,
      ...over,
    });
  const thrown = (run: () => unknown): { code: string; details: { claims?: unknown } } => {
    try {
      run();
    } catch (error) {
      return error as never;
    }
    throw new Error('nothing was thrown');
  };

  it('matches integers by their text: 1.0 and 1e0 in a signed token are not 1', () => {
    const policy = parseReleasePolicy(
      JSON.stringify({
        version: '1.0.0',
        anyOf: [{ authority: ISSUER, allOf: [{ claim: 'x-ms-sevsnpvm-vmpl', equals: 1 }] }],
      }),
    );
    const release = (number: string): ReleaseGrant => {
      const header = { alg: 'RS256', kid, typ: 'JWT' };
      const payload = JSON.stringify({ ...CLAIMS, 'x-ms-sevsnpvm-vmpl': 'HERE' }).replace('"HERE"', number);
      const input = [JSON.stringify(header), payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
      const token = `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
      return appraise(token, { candidates: findReleaseCandidates(policy, token) });
    };
    expect(release('1').issuer).toBe(ISSUER);
    for (const number of ['1.0', '1e0', '10e-1'])
      expect(thrown(() => release(number)).code).toBe('RELEASE_POLICY_UNMET');
  });

  it('grants with the authority and the key of the environment', () => {
    expect(appraise(tokenOf())).toMatchObject({ issuer: ISSUER, tokenId: 'id', encryptionKey: { kid: 'ephemeral' } });
  });

  it.each<[string, JsonObject, string]>([
    ['another issuer', { iss: `${ISSUER}.evil` }, 'RELEASE_AUTHORITY_UNKNOWN'],
    ['an issuer that is a number', { iss: 1 }, 'RELEASE_AUTHORITY_UNKNOWN'],
    ['a changed claim', { 'x-ms-sevsnpvm-hostdata': 'ab' }, 'RELEASE_POLICY_UNMET'],
    ['a token from tomorrow', { nbf: SECONDS + 86_400 }, 'ATTESTATION_TOKEN_NOT_YET_VALID'],
    ['an expired token', { iat: SECONDS - 7200, exp: SECONDS - 3600 }, 'ATTESTATION_TOKEN_EXPIRED'],
    ['a simulated platform', { 'x-ms-test-root': true }, 'ATTESTATION_TOKEN_TEST_ROOT'],
    ['no encryption key', { 'x-ms-runtime': {} }, 'RELEASE_NO_ENCRYPTION_KEY'],
  ])('refuses %s', (_what, over, code) => {
    expect(thrown(() => appraise(tokenOf(over))).code).toBe(code);
  });

  it('refuses a token that points at another key set, another signature, and text', () => {
    expect(thrown(() => appraise(tokenOf({}, 'https://evil.test/certs'))).code).toBe('ATTESTATION_TOKEN_JKU');
    expect(thrown(() => appraise(`${tokenOf().split('.', 2).join('.')}.AAAA`)).code).toBe(
      'ATTESTATION_TOKEN_SIGNATURE',
    );
    expect(thrown(() => appraise('text')).code).toBe('RELEASE_TARGET_MALFORMED');
  });

  it('names the claim that failed for the log', () => {
    const { details } = thrown(() => appraise(tokenOf({ 'x-ms-sevsnpvm-hostdata': 'ab' })));
    expect(details.claims).toEqual(['x-ms-sevsnpvm-hostdata: different, expected aa']);
  });

  it('accepts the simulated platform, and a token once, only where that is asked for', () => {
    expect(appraise(tokenOf({ 'x-ms-test-root': true }), { allowTestRoot: true }).issuer).toBe(ISSUER);
    const seen = new Set<string>();
    const rememberTokenId = (issuer: string, id: string): boolean => seen.size !== seen.add(`${issuer} ${id}`).size;
    expect(appraise(tokenOf(), { rememberTokenId }).tokenId).toBe('id');
    expect(thrown(() => appraise(tokenOf(), { rememberTokenId })).code).toBe('RELEASE_TOKEN_REPLAYED');
  });
});

describe('findEncryptionKey', () => {
  const find = (...entries: readonly JsonObject[]): string =>
    findEncryptionKey({ 'x-ms-runtime': { keys: [...entries] } }).kid;
  const { key_ops: _, ...bare } = KEY;

  it('takes the first RSA key for encryption', () => {
    expect(
      find({ ...KEY, kid: 'HCLAkPub' }, { ...bare, kid: 's', key_ops: ['sign'] }, { ...bare, kid: 'u', use: 'enc' }),
    ).toBe('u');
    expect(find({ ...bare, kid: 'k', key_use: 'enc' }, KEY)).toBe('k');
  });

  it('does not take others', () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }) as JsonObject;
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }) as JsonObject;
    for (const entry of [
      { ...KEY, kid: '' },
      { ...KEY, kid: 1 },
      { ...KEY, kid: 'HCLAkPub' },
      { ...small, kid: 'small', key_ops: ['encrypt'] },
      { ...curve, kid: 'curve', key_ops: ['encrypt'] },
      { ...bare, kid: 'none' },
      { ...KEY, n: `${KEY['n'] as string}=` },
      { ...KEY, n: 1 },
    ]) {
      expect(() => find(entry as JsonObject)).toThrow(expect.objectContaining({ code: 'RELEASE_NO_ENCRYPTION_KEY' }));
    }
    const nested = { 'x-ms-isolation-tee': { 'x-ms-runtime': { keys: [KEY] } } };
    expect(() => findEncryptionKey(nested)).toThrow(expect.objectContaining({ code: 'RELEASE_NO_ENCRYPTION_KEY' }));
  });
});
