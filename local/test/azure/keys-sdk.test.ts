import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { toHex } from '@holdfast/base';
import { releasedJwk, unwrapKeyMaterial, verifyReleaseResponse } from '@holdfast/key-release';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { environmentKey } from './attestation-service.ts';
import { APPLICATION, TENANT } from './cloud.ts';
import { openKeyCloud } from './key-cloud.ts';
import type { KeyCloud } from './key-cloud.ts';

const HOST_DATA = 'aa'.repeat(32);

describe('the unmodified key SDK, each case in a process of its own', { timeout: 90_000 }, () => {
  let cloud: KeyCloud;
  beforeAll(async () => {
    cloud = await openKeyCloud();
  });
  afterAll(async () => cloud.close());

  const policy = (claim = 'x-ms-sevsnpvm-hostdata', equals: unknown = HOST_DATA): string =>
    JSON.stringify({ version: '1.0.0', anyOf: [{ authority: cloud.attestation.url, allOf: [{ claim, equals }] }] });
  const run = async (over: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> => {
    const script = fileURLToPath(new URL('../../../adapters/azure/testing/keys-client.ts', import.meta.url));
    const given = {
      vaultUrl: cloud.vaultUrl,
      tenantId: TENANT,
      clientId: APPLICATION.clientId,
      secret: 'sec~ret',
      ...over,
    };
    const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(given)], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        AZURE_AUTHORITY_HOST: cloud.entraUrl,
        NODE_EXTRA_CA_CERTS: cloud.caFile,
      },
      timeout: 60_000,
    });
    return JSON.parse(stdout) as Record<string, unknown>;
  };

  it('does the whole life of a key', async () => {
    expect(await run({ operation: 'lifecycle', name: 'life', policy: policy() })).toMatchObject({
      ok: {
        first: { type: 'RSA-HSM', tags: { use: 'test' }, bits: 2048 },
        second: { type: 'EC-HSM', curve: 'P-384', exportable: true, policy: policy() },
        versions: 2,
        listed: 31,
        oldType: 'RSA-HSM',
        updated: { enabled: false, expiresOn: 2e12 },
        rotated: { type: 'EC-HSM', exportable: true },
        deleted: 'life',
        gone: { code: 'KeyNotFound', statusCode: 404 },
        recovered: true,
        restored: 'life',
      },
    });
  });

  it('imports keys, stores them in hardware, and never answers private parts', async () => {
    const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    const key = { ...jwk, kty: 'RSA', keyOps: ['decrypt'] };
    const b64 = (name: keyof typeof jwk): Buffer => Buffer.from(jwk[name] as string, 'base64url');
    // The SDK takes bytes; JSON carries them to the other process as arrays.
    const bytes = Object.fromEntries(
      (['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const).map((name) => [name, [...b64(name)]]),
    );
    const answer = await run({ operation: 'import', name: 'imported', key: { ...key, ...bytes }, policy: policy() });
    expect(answer).toMatchObject({ ok: { type: 'RSA-HSM' } });
    const { members } = answer['ok'] as { members: string[] };
    expect(members).toEqual(expect.arrayContaining(['n', 'e', 'kid', 'kty']));
    expect(cloud.store.getKey('imported').material.secret.length).toBeGreaterThan(1000);
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(members).not.toContain(secret);
  });

  it('wraps, unwraps, encrypts and decrypts', async () => {
    expect(await run({ operation: 'crypto', name: 'crypto' })).toMatchObject({
      ok: { unwrapped: 'key material', decrypted: 'text', wrong: { code: 'BadParameter', statusCode: 400 } },
    });
  });

  it('surfaces the rules of exportable keys with their numbers', async () => {
    const answer = await run({ operation: 'refusals', name: 'refused', policy: policy() });
    expect(answer).toMatchObject({
      ok: {
        noPolicy: { code: 'BadParameter', message: 'AKV.SKR.1004: Exportable keys must have release policy.' },
        notExportable: { message: 'AKV.SKR.1005: Non-exportable keys must not have release policy.' },
        software: { message: expect.stringMatching(/^AKV\.SKR\.1006/) as string },
        missing: { code: 'KeyNotFound', statusCode: 404 },
      },
    });
  });

  it('releases a key to the environment that the policy names, and to no other', async () => {
    const released = await cloud.store.createKey('released', {
      kty: 'oct-HSM',
      exportable: true,
      releasePolicy: { data: Buffer.from(policy()).toString('base64url') },
    });
    const { privateKey, runtime, kid } = environmentKey();
    const token = (hostData: string): string =>
      cloud.attestation.token({ 'x-ms-sevsnpvm-hostdata': hostData, 'x-ms-runtime': runtime });
    const answer = await run({ operation: 'release', name: 'released', token: token(HOST_DATA), nonce: 'my-nonce' });
    const { value } = answer['ok'] as { value: string };
    const response = verifyReleaseResponse(value, {
      vaultHost: new URL(cloud.vaultUrl).host,
      keyName: 'released',
      nonce: 'my-nonce',
      algorithm: 'CKM_RSA_AES_KEY_WRAP',
      encryptionKeyId: kid,
      trustedRoots: [cloud.ca],
      now: Date.now(),
    });
    const material = unwrapKeyMaterial({
      privateKey,
      ciphertext: response.ciphertext,
      algorithm: response.request.algorithm,
    });
    expect(toHex(material)).toBe(toHex(released.material.secret));
    expect(releasedJwk(material, response.key)).toMatchObject({ kty: 'oct' });

    const refused = await run({ operation: 'release', name: 'released', token: token('bb'.repeat(32)) });
    expect(refused).toMatchObject({
      error: {
        code: 'Forbidden',
        statusCode: 403,
        message: 'Target environment attestation does not meet key release policy requirements.',
      },
    });
  });

  it('lets an identity with the release role release and nothing else', async () => {
    cloud.roles = ['Key Vault Crypto Service Release User'];
    try {
      expect(await run({ operation: 'get', name: 'released' })).toMatchObject({ error: { statusCode: 403 } });
      const { runtime } = environmentKey();
      const token = cloud.attestation.token({ 'x-ms-sevsnpvm-hostdata': HOST_DATA, 'x-ms-runtime': runtime });
      expect(await run({ operation: 'release', name: 'released', token })).toHaveProperty('ok.value');
    } finally {
      cloud.roles = ['Key Vault Crypto Officer'];
    }
  });

  it('works against a managed HSM, whose challenge and roles are its own', async () => {
    const hsm = await openKeyCloud({ kind: 'managed-hsm' });
    const vault = cloud;
    cloud = hsm;
    try {
      hsm.roles = ['Managed HSM Crypto User'];
      expect(await run({ operation: 'crypto', name: 'crypto' })).toHaveProperty('ok.unwrapped', 'key material');
      expect(hsm.store.getKey('crypto').material.kty).toBe('RSA-HSM');
    } finally {
      cloud = vault;
      await hsm.close();
    }
  });
});
