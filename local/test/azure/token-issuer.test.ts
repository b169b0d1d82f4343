import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openTokenIssuer } from '../../src/azure/index.ts';
import type { TokenIssuer } from '../../src/azure/index.ts';

const AUDIENCE = 'https://vault.azure.net';
const REQUEST = {
  resource: AUDIENCE,
  clientId: 'c',
  objectId: 'o',
  lifeSeconds: 3600,
  clientAuthentication: '2',
} as const;

describe('openTokenIssuer', () => {
  let folder: string;
  let now = 1_700_000_000_000;
  let issuer: TokenIssuer;
  const open = async (tenantId = 't1', at = folder): Promise<TokenIssuer> =>
    openTokenIssuer({ folder: at, tenantId, authorityUrl: () => 'https://127.0.0.1:1///', clock: () => now });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-issuer-'));
    issuer = await open();
  });
  afterAll(async () => rm(folder, { recursive: true }));

  const problem = (token: string, by = issuer, audiences = [AUDIENCE]): unknown => {
    try {
      by.verifyAccessToken(token, audiences);
      return 'valid';
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      return error.details['problem'] ?? error.code;
    }
  };

  it('keeps its key, readable by its user alone, so that tokens survive a restart', async () => {
    const { accessToken } = issuer.issueAccessToken(REQUEST);
    expect(problem(accessToken, await open())).toBe('valid');
    expect((await stat(join(folder, 'token-signing-key.pem'))).mode & 0o777).toBe(0o600);
  });

  it('shows the authority without trailing slashes', () => {
    expect(issuer.authorityUrl).toBe('https://127.0.0.1:1');
  });

  it('refuses tokens of another tenant, another key, another audience and another time', async () => {
    const { accessToken } = issuer.issueAccessToken(REQUEST);
    const other = await mkdtemp(join(folder, 'other-'));
    expect(problem(accessToken, await open('t2'))).toBe('issuer');
    expect(problem(accessToken, await open('t1', other))).toBe('signature');
    expect(problem(accessToken, issuer, ['https://managedhsm.azure.net'])).toBe('audience');
    const start = now;
    now = start + 3_599_000;
    expect(problem(accessToken)).toBe('valid');
    now = start + 3_600_000;
    expect(problem(accessToken)).toBe('time');
    now = start - 301_000;
    expect(problem(accessToken)).toBe('time');
    now = start;
  });

  it('refuses an unsigned token and one that names another algorithm', () => {
    const [header = '', payload = '', signature = ''] = issuer.issueAccessToken(REQUEST).accessToken.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    expect(problem(`${none}.${payload}.`)).toBe('algorithm');
    expect(problem(`${header}.${payload}.`)).toBe('signature');
    expect(problem(`${header}.${payload}`)).toBe('ACCESS_TOKEN_MALFORMED');
    expect(problem(`${header}.${payload}.${signature}.`)).toBe('ACCESS_TOKEN_MALFORMED');
  });

  it('never accepts a token with one character changed, and only its own errors escape', () => {
    const { accessToken } = issuer.issueAccessToken(REQUEST);
    fc.assert(
      fc.property(fc.nat(accessToken.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        fc.pre(accessToken[at] !== character);
        expect(problem(accessToken.slice(0, at) + character + accessToken.slice(at + 1))).not.toBe('valid');
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(problem(text)).not.toBe('valid');
      }),
    );
  });

  it('says which file is broken when its key cannot be read, and leaves it alone', async () => {
    const broken = await mkdtemp(join(folder, 'broken-'));
    const file = join(broken, 'token-signing-key.pem');
    await writeFile(file, 'not a key');
    await expect(open('t1', broken)).rejects.toMatchObject({
      code: 'LOCAL_TOKEN_KEY_UNREADABLE',
      details: { file },
    });
    expect(await readFile(file, 'utf8')).toBe('not a key');
  });
});
