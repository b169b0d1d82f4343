import { constants, generateKeyPairSync, publicEncrypt } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { SimulatedPlatform } from '@holdfast/attestation';
import { toHex, toUtf8 } from '@holdfast/base';
import { deriveDiskKey, sealSecret } from '@holdfast/key-release';
import type { PublicJwk } from '@holdfast/key-release';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createAttestedSecrets, createSecretFolder, readConfig } from '../src/index.ts';
import type { AttestedSecretFile, AttestedSecrets, Pause } from '../src/index.ts';
import { answerOf, attestationService, buildPod, HOST_DATA, random, simulatedPlatform } from './pod.ts';
import type { Pod, Send } from './pod.ts';
import { fakeVault, VAULT } from './vault.ts';

const MAA = 'sharedeus.eus.attest.azure.net';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const { n, e } = rsa.publicKey.export({ format: 'jwk' }) as { n: string; e: string };
const KEY: PublicJwk = { kty: 'RSA-HSM', n, e };
const MATERIAL = new Uint8Array(rsa.privateKey.export({ format: 'der', type: 'pkcs8' }));
const CANARY = 'canary-7d1c';

const sealed = (secret: string, publicKey = rsa.publicKey): string =>
  sealSecret({ publicKey, kid: 'wrapping', secret: toUtf8(secret), random });

describe('createAttestedSecrets', () => {
  let platform: SimulatedPlatform;
  let folder: string;
  /** How often the pod paused between two attempts. */
  let pauses: number[];

  beforeAll(async () => {
    platform = await simulatedPlatform();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
    pauses = [];
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const setting = (over: { readonly claims?: Record<string, string>; readonly sendVault?: Send } = {}): Pod => {
    const vault = fakeVault({
      key: KEY,
      material: MATERIAL,
      claims: over.claims ?? { 'x-ms-sevsnpvm-hostdata': toHex(HOST_DATA) },
    });
    const attest = attestationService(platform);
    const send: Send = (request) => {
      const { host } = new URL(request.url);
      if (host === 'imds.test') return answerOf(200, { access_token: 'pod-token', expires_in: '3599' });
      return host === MAA ? attest(request) : (over.sendVault ?? vault.send)(request);
    };
    return buildPod({ platform, send, trustedRoots: [vault.root] });
  };
  const provider = (
    pod: Pod,
    files: readonly AttestedSecretFile[],
    { pause, mode = 0o400 }: { readonly pause?: Pause; readonly mode?: number } = {},
  ): AttestedSecrets =>
    createAttestedSecrets({
      files: [...files],
      maaOrigin: `https://${MAA}`,
      vaultOrigin: `https://${VAULT}`,
      releaseKey: pod.context.releaseKey,
      folder: createSecretFolder(folder, mode),
      events: pod.context.events,
      pause:
        pause ??
        (async (ms) => {
          pauses.push(ms);
          return Promise.resolve();
        }),
    });
  const file = async (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

  it('writes sealed secrets, keys and volume keys as files that only their owner reads', async () => {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const bare = publicEncrypt({ key: rsa.publicKey, padding, oaepHash: 'sha256' }, toUtf8('short'));
    const pod = setting();
    const secrets = provider(pod, [
      { form: 'sealed', name: 'password', kid: 'wrapping', sealed: sealed('s'.repeat(5000)) },
      { form: 'sealed', name: 'token', kid: 'wrapping', sealed: bare.toString('base64') },
      { form: 'jwk', name: 'key.jwk', kid: 'wrapping' },
      { form: 'disk-key', name: 'data.key', kid: 'wrapping', salt: new Uint8Array(32).fill(3) },
    ]);
    expect(secrets.ready).toBe(false);
    await secrets.provide();
    expect(secrets.ready).toBe(true);
    expect([await file('password'), await file('token')]).toEqual(['s'.repeat(5000), 'short']);
    const jwk = JSON.parse(await file('key.jwk')) as Record<string, string>;
    expect(jwk).toMatchObject({ kty: 'RSA', n });
    expect(new Uint8Array(await readFile(join(folder, 'data.key')))).toEqual(
      deriveDiskKey(jwk, { salt: new Uint8Array(32).fill(3) }),
    );
    expect((await stat(join(folder, 'password'))).mode & 0o777).toBe(0o400);
    // One release serves all files of a key.
    expect(pod.requests.filter(({ url }) => url.includes('/release'))).toHaveLength(1);
  });

  it('removes the files when the pod stops', async () => {
    const secrets = provider(setting(), [{ form: 'sealed', name: 'a', kid: 'wrapping', sealed: sealed('x') }]);
    await secrets.provide();
    await secrets.stop();
    expect([await readdir(folder), secrets.ready]).toEqual([[], false]);
  });

  it('tries again with growing pauses while the vault refuses, and goes on when the policy was changed', async () => {
    let refusals = 8;
    const wrong = setting({ claims: { 'x-ms-sevsnpvm-hostdata': 'another' } });
    const right = setting();
    const pod: Pod = {
      ...right,
      context: {
        ...right.context,
        releaseKey: async (request) => {
          refusals -= 1;
          return (refusals >= 0 ? wrong : right).context.releaseKey(request);
        },
      },
    };
    const secrets = provider(pod, [{ form: 'sealed', name: 'a', kid: 'wrapping', sealed: sealed('x') }]);
    await secrets.provide();
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(await file('a')).toBe('x');
    expect(right.logged()).toContain('VAULT_RELEASE_FAILED');
  });

  it('writes no file at all when one secret was sealed to another key, and does not try again', async () => {
    const secrets = provider(setting(), [
      { form: 'sealed', name: 'a', kid: 'wrapping', sealed: sealed('x') },
      { form: 'sealed', name: 'b', kid: 'wrapping', sealed: sealed('x', other.publicKey) },
    ]);
    await expect(secrets.provide()).rejects.toMatchObject({ code: 'SEALED_SECRET_UNDECRYPTABLE' });
    expect([await readdir(folder), secrets.ready, pauses]).toEqual([[], false, []]);
  });

  it.each([
    ['not Base64', 'SEALED_SECRET_MALFORMED'],
    [Buffer.alloc(256).toString('base64'), 'SEALED_SECRET_UNDECRYPTABLE'],
    ['a.b.c', 'SEALED_SECRET_MALFORMED'],
  ])('refuses %s as a sealed secret', async (text, code) => {
    const secrets = provider(setting(), [{ form: 'sealed', name: 'a', kid: 'wrapping', sealed: text }]);
    await expect(secrets.provide()).rejects.toMatchObject({ code });
  });

  it('stops trying when the pod stops', async () => {
    const refusing = setting({ claims: { 'x-ms-sevsnpvm-hostdata': 'another' } });
    const secrets = provider(refusing, [{ form: 'sealed', name: 'a', kid: 'wrapping', sealed: sealed('x') }], {
      pause: async (_ms, signal) => {
        await secrets.stop();
        return signal.aborted ? Promise.reject(new Error('aborted')) : Promise.resolve();
      },
    });
    await secrets.provide();
    expect([secrets.ready, await readdir(folder)]).toEqual([false, []]);
  });

  it('logs the names of the files and nothing of their content', async () => {
    const pod = setting();
    await provider(pod, [{ form: 'sealed', name: 'a', kid: 'wrapping', sealed: sealed(CANARY) }]).provide();
    expect(pod.logged()).toContain('"names":["a"]');
    expect(pod.logged()).not.toContain(CANARY);
  });
});

describe('AttestedSecrets', () => {
  const read = (value: unknown) =>
    readConfig({
      env: { AttestedSecrets: Buffer.from(JSON.stringify(value)).toString('base64') },
      configFile: undefined,
    }).attestedSecrets;
  const good = {
    folder: '/run/secrets',
    maa_endpoint: MAA,
    akv_endpoint: VAULT,
    files: [{ form: 'disk-key', name: 'data.key', kid: 'disk', salt: '00ff' }],
  };

  it('is read from its variable, with a mode that only the owner reads', () => {
    expect(read(good)).toMatchObject({ mode: 0o400, files: [{ salt: Uint8Array.of(0, 255) }] });
    expect(readConfig({ env: {}, configFile: undefined }).attestedSecrets).toBeUndefined();
  });

  it.each([
    ['a path out of the folder', { files: [{ form: 'jwk', name: '../x', kid: 'k' }] }],
    ['a hidden temporary name', { files: [{ form: 'jwk', name: '.x', kid: 'k' }] }],
    ['a key that is a path', { files: [{ form: 'jwk', name: 'x', kid: '../k' }] }],
    ['a volume key without salt', { files: [{ form: 'disk-key', name: 'x', kid: 'k' }] }],
    ['a mode that everybody writes', { mode: '0666' }],
    ['a relative folder', { folder: 'secrets' }],
    ['no files', { files: [] }],
    ['two files of one name', { files: [good.files[0], good.files[0]] }],
    ['an unknown member', { retries: 3 }],
  ])('refuses %s', (_what, over) => {
    expect(() => read({ ...good, ...over })).toThrowError(expect.objectContaining({ code: 'SKR_SETTINGS_INVALID' }));
  });
});
