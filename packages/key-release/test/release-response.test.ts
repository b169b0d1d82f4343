import { generateKeyPairSync, sign } from 'node:crypto';

import { toBase64, toBase64Url, toUtf8 } from '@holdfast/base';
import { beforeAll, describe, expect, it } from 'vitest';

import { formatReleaseResponse, verifyReleaseResponse } from '../src/index.ts';
import type { ReleaseResponse, VerifyReleaseResponseOptions } from '../src/index.ts';
import { DAY, NOW, webServer } from './support/web-server.ts';
import type { WebServer, WebServerOverrides } from './support/web-server.ts';

const VERSION = '0123456789abcdef0123456789abcdef';
const KEY_URL = 'https://my-vault.vault.azure.net/keys/my-key';
const RESPONSE: ReleaseResponse = {
  request: { kid: KEY_URL, nonce: 'n', algorithm: 'CKM_RSA_AES_KEY_WRAP' },
  key: { kty: 'oct-HSM', kid: `${KEY_URL}/${VERSION}`, key_ops: ['wrapKey'] },
  attributes: { exportable: true },
  releasePolicy: { data: 'e30' },
  encryptionKeyId: 'ephemeral',
  ciphertext: Uint8Array.of(1, 2, 3),
};

describe('verifyReleaseResponse', () => {
  let server: WebServer;
  beforeAll(() => {
    server = webServer();
  });

  const jwsOf = (over: Partial<ReleaseResponse> = {}, by = server): string =>
    formatReleaseResponse(
      { ...RESPONSE, ...over },
      { signingKey: by.signingKey, chain: [by.leaf, by.intermediate, by.root], apiVersion: '7.4' },
    );
  const check = (jws: string, over: Partial<VerifyReleaseResponseOptions> = {}): ReleaseResponse =>
    verifyReleaseResponse(jws, {
      vaultHost: 'my-vault.vault.azure.net',
      keyName: 'my-key',
      nonce: 'n',
      algorithm: 'CKM_RSA_AES_KEY_WRAP',
      encryptionKeyId: 'ephemeral',
      trustedRoots: [server.root],
      now: NOW,
      ...over,
    });
  const codeOf = (run: () => unknown): unknown => {
    try {
      run();
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
    return 'accepted';
  };
  /** The response with another header or payload, signed anew where `resign` is set. */
  const edited = (
    edit: (header: Record<string, unknown>, payload: Record<string, never>) => void,
    resign = true,
  ): string => {
    const [header = '', payload = '', signature = ''] = jwsOf().split('.');
    const parts = [header, payload].map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as never);
    edit(parts[0] as never, parts[1] as never);
    const input = parts.map((part) => toBase64Url(toUtf8(JSON.stringify(part)))).join('.');
    return `${input}.${resign ? toBase64Url(sign('sha256', toUtf8(input), server.signingKey)) : signature}`;
  };

  it('returns what formatReleaseResponse was given', () => {
    expect(check(jwsOf())).toEqual({ ...RESPONSE, tags: undefined });
  });

  it('accepts a vault at an address, and a version that was asked for', () => {
    const at = 'https://127.0.0.1:8444/keys/my-key';
    const over = {
      request: { ...RESPONSE.request, kid: `${at}/${VERSION}` },
      key: { ...RESPONSE.key, kid: `${at}/${VERSION}` },
    };
    expect(check(jwsOf(over), { vaultHost: '127.0.0.1:8444', keyVersion: VERSION }).key.kid).toContain(VERSION);
    expect(codeOf(() => check(jwsOf(over), { vaultHost: '127.0.0.1:8445' }))).toBe('RELEASE_RESPONSE_MISMATCH');
  });

  it.each<[string, WebServerOverrides]>([
    ['for another host', { dns: ['vault.azure.net', '*.vaultcore.azure.net'] }],
    ['with a wildcard of two labels', { dns: ['*.azure.net'] }],
    ['that is expired', { leafNotAfter: NOW - 1000 }],
    ['under an expired intermediate', { intermediateNotAfter: NOW - 1000 }],
    ['under an intermediate that may not issue', { intermediateIsAuthority: false }],
    ['under a root whose path is too short', { rootPathLength: 0 }],
    ['that is not for servers', { purposes: ['1.3.6.1.5.5.7.3.2'] }],
  ])('refuses a certificate %s', (_what, over) => {
    const other = webServer(over);
    expect(codeOf(() => check(jwsOf({}, other), { trustedRoots: [other.root] }))).toBe('RELEASE_RESPONSE_CHAIN');
  });

  it('does not trust the root that the response brings, nor a leaf without its intermediate', () => {
    expect(codeOf(() => check(jwsOf({}, webServer())))).toBe('RELEASE_RESPONSE_CHAIN');
    const alone = edited((header) => (header['x5c'] = [toBase64(server.leaf.der)]));
    expect(codeOf(() => check(alone))).toBe('RELEASE_RESPONSE_CHAIN');
    expect(codeOf(() => check(jwsOf(), { now: NOW + 2 * DAY }))).toBe('RELEASE_RESPONSE_CHAIN');
  });

  it('refuses algorithms other than RS256 before it looks at keys', () => {
    for (const alg of ['none', 'HS256', 'rs256', 'PS256', undefined]) {
      const jws = edited((header) => Object.assign(header, { alg, x5c: 'nothing' }));
      expect(codeOf(() => check(jws))).toBe('RELEASE_RESPONSE_ALGORITHM');
    }
    expect(codeOf(() => check(edited((header) => (header['crit'] = []))))).toBe('RELEASE_RESPONSE_ALGORITHM');
  });

  it('refuses certificates that cannot be the signer', () => {
    const small = webServer({ leafBits: 1024 });
    expect(codeOf(() => check(jwsOf({}, small), { trustedRoots: [small.root] }))).toBe('RELEASE_RESPONSE_CERTIFICATE');
    for (const x5c of [[], ['AAAA'], [1], undefined, Array.from({ length: 6 }, () => toBase64(server.leaf.der))]) {
      expect(codeOf(() => check(edited((header) => (header['x5c'] = x5c))))).toBe('RELEASE_RESPONSE_CERTIFICATE');
    }
    for (const name of ['x5t', 'x5t#S256']) {
      expect(codeOf(() => check(edited((header) => (header[name] = 'AAAA'))))).toBe('RELEASE_RESPONSE_CERTIFICATE');
    }
    const swapped = edited((header) => {
      header['x5c'] = [toBase64(webServer().leaf.der), toBase64(server.intermediate.der)];
      delete header['x5t'];
      delete header['x5t#S256'];
    });
    expect(codeOf(() => check(swapped))).toBe('RELEASE_RESPONSE_SIGNATURE');
  });

  it('refuses an answer to another request', () => {
    const { request, key } = RESPONSE;
    const cases: readonly (readonly [Partial<ReleaseResponse>, Partial<VerifyReleaseResponseOptions>])[] = [
      [{ request: { ...request, kid: `${KEY_URL}2` } }, {}],
      [{ request: { ...request, kid: KEY_URL.replace('my-vault', 'other') } }, {}],
      [{ key: { ...key, kid: `${KEY_URL}2/${VERSION}` } }, {}],
      [{ key: { ...key, kid: KEY_URL } }, {}],
      [{}, { keyVersion: VERSION }],
      [{ request: { ...request, kid: `${KEY_URL}/${'0'.repeat(32)}` } }, {}],
      [{ request: { ...request, nonce: undefined } }, {}],
      [{ request: { ...request, nonce: 'other' } }, {}],
      [{ request: { ...request, algorithm: 'RSA_AES_KEY_WRAP_256' } }, {}],
      [{ encryptionKeyId: 'another' }, {}],
    ];
    for (const [over, options] of cases) {
      expect(codeOf(() => check(jwsOf(over), options))).toBe('RELEASE_RESPONSE_MISMATCH');
    }
  });

  it('does not accept one flipped bit anywhere, nor a truncation', { timeout: 60_000 }, () => {
    const jws = jwsOf();
    for (let at = 0; at < jws.length; at += 7) {
      const flipped = `${jws.slice(0, at)}${String.fromCharCode(jws.charCodeAt(at) ^ 1)}${jws.slice(at + 1)}`;
      expect(codeOf(() => check(flipped))).toMatch(/^RELEASE_RESPONSE_/);
      expect(codeOf(() => check(jws.slice(0, at)))).toMatch(/^RELEASE_RESPONSE_/);
    }
  });

  it('refuses a signature by another key under the same certificate', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jws = formatReleaseResponse(RESPONSE, { signingKey: privateKey, chain: [server.leaf], apiVersion: '7.4' });
    expect(codeOf(() => check(jws))).toBe('RELEASE_RESPONSE_SIGNATURE');
  });
});
