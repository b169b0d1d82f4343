import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { afterEach, beforeEach, describe, test } from 'vitest';

import { dockerCredentials } from '../../src/registry/docker-config.ts';
import type { RegistryCredential } from '../../src/registry/credentials.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-docker-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function credentialFor(host: string, config: unknown, timeoutMs = 10_000) {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  await writeFile(join(folder, 'config.json'), text);
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH']}` };
  return revealed(await dockerCredentials({ folder, helper: { timeoutMs, env } })(host));
}

function revealed(credential: RegistryCredential | undefined): unknown {
  if (credential === undefined) return undefined;
  return credential.kind === 'basic'
    ? [credential.kind, credential.username, credential.password.reveal()]
    : [credential.kind, credential.token.reveal()];
}

const auth = (text: string) => Buffer.from(text).toString('base64');

describe('dockerCredentials, from the file', () => {
  test('is anonymous without a file', async ({ expect }) => {
    expect(await dockerCredentials({ folder: join(folder, 'none') })('ghcr.io')).toBe(undefined);
  });

  test.for([
    ['ghcr.io', 'ghcr.io'],
    ['ghcr.io', 'https://ghcr.io'],
    ['ghcr.io', 'https://ghcr.io/v2/'],
    ['localhost:5000', 'localhost:5000'],
    ['docker.io', 'https://index.docker.io/v1/'],
    ['docker.io', 'registry-1.docker.io'],
  ] as const)('finds %s under the key %s', async ([host, key], { expect }) => {
    const config = { auths: { 'other.example': { auth: auth('x:y') }, [key]: { auth: auth('user:pa:ss\0\0') } } };
    expect(await credentialFor(host, config)).toEqual(['basic', 'user', 'pa:ss']);
    expect(await credentialFor('third.example', config)).toBe(undefined);
  });

  test('prefers an identity token to the user name beside it', async ({ expect }) => {
    const config = { auths: { 'a.azurecr.io': { auth: auth('00000000:'), identitytoken: 'refresh' } } };
    expect(await credentialFor('a.azurecr.io', config)).toEqual(['identityToken', 'refresh']);
  });

  test('refuses a damaged file without repeating what is in it', async ({ expect }) => {
    for (const config of [
      '{"auths": {"a.example": {"auth": "c2VjcmV0OnNlY3JldA==',
      { auths: { 'a.example': { auth: '*secret' } } },
    ]) {
      const failure = credentialFor('a.example', config);
      await expect(failure).rejects.toMatchObject({ code: 'REGISTRY_CREDENTIALS_INVALID' });
      await expect(failure).rejects.not.toThrow(/c2VjcmV0|secret/);
    }
  });
});

describe.skipIf(process.platform === 'win32')('dockerCredentials, from a helper', () => {
  async function helper(name: string, script: string): Promise<void> {
    const file = join(folder, `docker-credential-${name}`);
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
  }

  test('asks the helper of the registry, with the server on standard input', async ({ expect }) => {
    await helper('one', 'read server; echo "{\\"Username\\":\\"$1\\",\\"Secret\\":\\"$server\\"}"');
    const config = { credHelpers: { 'ghcr.io': 'one' }, credsStore: 'missing' };
    expect(await credentialFor('ghcr.io', config)).toEqual(['basic', 'get', 'ghcr.io']);
  });

  test('asks the store for everything else, Docker Hub under its old name', async ({ expect }) => {
    await helper('store', 'read server; echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"$server\\"}"');
    expect(await credentialFor('docker.io', { credsStore: 'store' })).toEqual([
      'identityToken',
      'https://index.docker.io/v1/',
    ]);
  });

  test('goes on to the file when the helper has nothing', async ({ expect }) => {
    await helper('empty', 'echo "credentials not found in native keychain"; exit 1');
    expect(await credentialFor('a.example', { credsStore: 'empty' })).toBe(undefined);
    const config = { credsStore: 'empty', auths: { 'a.example': { auth: auth('u:p') } } };
    expect(await credentialFor('a.example', config)).toEqual(['basic', 'u', 'p']);
  });

  test.for([
    ['fails', 'echo secret; exit 3', 'exit code 3'],
    ['answers no JSON', 'echo secret', 'not JSON'],
    ['never ends', 'exec sleep 100', 'within 200 ms'],
  ] as const)('names a helper that %s', async ([, script, message], { expect }) => {
    await helper('bad', script);
    const failure = credentialFor('a.example', { credsStore: 'bad' }, message.includes('200 ms') ? 200 : 10_000);
    await expect(failure).rejects.toMatchObject({
      code: 'REGISTRY_CREDENTIALS_INVALID',
      message: expect.stringContaining(message),
    });
    await expect(failure).rejects.not.toThrow('secret');
  });

  test('names a helper that is not installed, and refuses one that is no plain name', async ({ expect }) => {
    for (const name of ['missing', '../bad', 'a;b']) {
      await expect(credentialFor('a.example', { credsStore: name })).rejects.toMatchObject({
        code: 'REGISTRY_CREDENTIALS_INVALID',
      });
    }
  });
});
