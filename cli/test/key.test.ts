import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseCertificates } from '@holdfast/attestation';
import { HttpClient, listen } from '@holdfast/http';
import {
  buildEntraApp,
  buildKeyVaultApp,
  createAuthorityKeys,
  createKeyRelease,
  homeLayout,
  openAdministrator,
  openCertificateAuthority,
  openKeyStore,
  openKeyVault,
  openTokenIssuer,
} from '@holdfast/local';
import type { KeyStore } from '@holdfast/local';
import { temporaryFolder } from '@holdfast/local/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { capture } from './captured-io.ts';
import type { CapturedRun } from './captured-io.ts';

const HOST_DATA = 'ab'.repeat(32);
const TENANT = randomUUID();

describe('holdfast key', { timeout: 60_000 }, () => {
  let home = '';
  let store: KeyStore;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    const folder = await temporaryFolder();
    home = folder.path;
    closers.push(async () => folder[Symbol.asyncDispose]());
    const layout = homeLayout(home);
    const clock = Date.now;
    const authority = await openCertificateAuthority(layout.caFolder);
    const server = await authority.issueServerCertificate({ hosts: ['127.0.0.1'], keyType: 'rsa' });
    const tls = { key: server.keyPem, cert: server.certificatePem };
    const urls = { entra: '', vault: '' };
    const tokenIssuer = await openTokenIssuer({
      folder: layout.azureFolder,
      tenantId: TENANT,
      authorityUrl: () => urls.entra,
      clock,
    });
    const administrator = await openAdministrator(layout.administrator, TENANT);
    store = await openKeyStore({ file: layout.vaultKeysFile, clock });
    const applications = [{ ...administrator, secrets: [{ value: administrator.clientSecret }] }];
    const entra = buildEntraApp({ tokenIssuer, clock, tls, applications });
    const client = new HttpClient({ ca: authority.caPem });
    const release = createKeyRelease({
      authorityKeys: createAuthorityKeys({ client, clock }),
      signingKey: createPrivateKey(tls.key),
      chain: parseCertificates(tls.cert),
      clock,
    });
    const vault = buildKeyVaultApp({
      vault: await openKeyVault({ file: layout.vaultFile, clock }),
      keys: { store, clock, release },
      tokenIssuer,
      vaultUrl: () => urls.vault,
      properties: () => ({
        enableRbacAuthorization: true,
        roleAssignments: [{ principalId: administrator.objectId, role: 'Key Vault Administrator' }],
      }),
      tls,
    });
    urls.entra = await listen(entra, { host: '127.0.0.1', port: 0 });
    urls.vault = await listen(vault, { host: '127.0.0.1', port: 0 });
    closers.push(async () => Promise.all([vault.close(), entra.close(), client.close()]));
    const azure = { vaultUrl: urls.vault, authorityUrl: urls.entra, caFile: layout.caFile, attestationUrl: null };
    await writeFile(layout.readyFile, JSON.stringify({ version: 1, azure }));
  });
  afterAll(async () => {
    for (const close of closers) await close();
  });

  const key = async (args: readonly string[], stdin?: string): Promise<CapturedRun> =>
    capture(['key', ...args, '--home', home], stdin === undefined ? { cwd: home } : { cwd: home, stdin });
  const keyJson = async (args: readonly string[]): Promise<Record<string, never>> => {
    const { stdout } = await key([...args, '--json']);
    return JSON.parse(stdout) as Record<string, never>;
  };

  it('create makes a key that only pods with one policy get, and writes what workloads need', async () => {
    const { exitCode, stdout, stderr } = await key([
      'create',
      'made',
      '--attestation',
      'https://sharedeus.eus.attest.azure.net/certs',
      '--host-data',
      HOST_DATA.toUpperCase(),
      '--files',
      'files',
    ]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('exportable  yes, under its release policy')]);
    expect(stderr).not.toContain('warning');
    const stored = store.getKey('made');
    expect([stored.material.kty, stored.keyOps]).toEqual(['RSA-HSM', ['wrapKey', 'unwrapKey', 'encrypt', 'decrypt']]);
    const policy = JSON.parse(await readFile(join(home, 'files', 'made-release-policy.json'), 'utf8')) as unknown;
    expect(policy).toEqual({
      version: '1.0.0',
      anyOf: [
        {
          authority: 'https://sharedeus.eus.attest.azure.net',
          allOf: [
            { claim: 'x-ms-attestation-type', equals: 'sevsnpvm' },
            { claim: 'x-ms-sevsnpvm-hostdata', equals: HOST_DATA },
            { claim: 'x-ms-compliance-status', equals: 'azure-compliant-uvm' },
            { claim: 'x-ms-sevsnpvm-is-debuggable', equals: 'false' },
          ],
        },
      ],
    });
    const pem = await readFile(join(home, 'files', 'made-pub.pem'), 'utf8');
    expect(createPublicKey(pem).asymmetricKeyDetails?.modulusLength).toBe(3072);
    expect(JSON.parse(await readFile(join(home, 'files', 'made-info.json'), 'utf8'))).toEqual({
      public_key_path: join(home, 'files', 'made-pub.pem'),
      kms_endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      attester_endpoint: 'sharedeus.eus.attest.azure.net',
    });
  });

  it('create warns when the policy of the pod is left open', async () => {
    const { exitCode, stderr } = await key(['create', 'open', '--attestation', 'attest.test', '--kind', 'oct-HSM']);
    expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/^warning: without --host-data/)]);
  });

  it('import puts a PEM or JWK into hardware, with a policy file that set-up scripts wrote', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await mkdir(join(home, 'in'), { recursive: true });
    await writeFile(join(home, 'in', 'key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
    await writeFile(join(home, 'in', 'key.jwk'), JSON.stringify({ kty: 'oct', k: 'AQIDBAUGBwgJCgsMDQ4PEA' }));
    await writeFile(
      join(home, 'in', 'policy.json'),
      '{"version":"1.0.0","anyOf":[{"authority":"https://attest.test","allOf":[{"claim":"a","equals":"b"},],},]}',
    );
    const { key: curve } = await keyJson(['import', 'curve', 'in/key.pem', '--policy', 'in/policy.json']);
    expect(curve).toMatchObject({ kind: 'EC-HSM', exportable: true, publicKey: { crv: 'P-256' } });
    const { key: symmetric } = await keyJson(['import', 'symmetric', 'in/key.jwk']);
    expect(symmetric).toMatchObject({ kind: 'oct-HSM', exportable: false, releasePolicy: null });
    expect(JSON.stringify([curve, symmetric])).not.toContain('AQIDBAUGBwgJCgsMDQ4PEA');
    expect(
      Buffer.from(store.getKey('curve').material.secret).equals(privateKey.export({ format: 'der', type: 'pkcs8' })),
    ).toBe(true);
  });

  it('list and show let a key be seen to have arrived', async () => {
    const { stdout } = await key(['list']);
    expect(stdout).toContain('made\tRSA-HSM\tenabled\texportable\n');
    expect(stdout).toContain('symmetric\toct-HSM\tenabled\t-\n');
    expect(await keyJson(['list'])).toMatchObject({
      version: 1,
      keys: expect.arrayContaining([expect.objectContaining({ name: 'made', kind: 'RSA-HSM' })]) as unknown,
    });
    const shown = await keyJson(['show', 'made']);
    expect(shown).toMatchObject({
      version: 1,
      key: { name: 'made', releasePolicy: { immutable: false, policy: { version: '1.0.0' } } },
      versions: [{ enabled: true }],
    });
    expect((await key(['show', 'made'])).stdout).toMatch(/versions\n {2}[0-9a-f]{32} /);
  });

  it('policy writes the policy, and sets it until it is immutable', async () => {
    const policyFile = join(home, 'next.json');
    await writeFile(
      policyFile,
      '{"version":"1.0","anyOf":[{"authority":"https://b.test","anyOf":[{"claim":"a","equals":1}]}]}',
    );
    const set = await key(['policy', 'open', '--set', policyFile, '--immutable']);
    expect([set.exitCode, JSON.parse(set.stdout)]).toEqual([
      0,
      { version: '1.0.0', anyOf: [{ authority: 'https://b.test', anyOf: [{ claim: 'a', equals: 1 }] }] },
    ]);
    await writeFile(
      policyFile,
      '{"version":"1.0","anyOf":[{"authority":"https://c.test","anyOf":[{"claim":"a","equals":1}]}]}',
    );
    const again = await keyJson(['policy', 'open', '--set', policyFile]);
    expect(again).toMatchObject({
      error: { code: 'AZURE_KEY_REFUSED', message: expect.stringContaining('AKV.SKR.1020') as string },
    });
    expect(await keyJson(['policy', 'symmetric'])).toMatchObject({ error: { code: 'KEY_NOT_EXPORTABLE' } });
  });

  it('release passes the refusal of the vault on', async () => {
    const { exitCode, stdout } = await key(['release', 'made', '--token', '-', '--json'], 'a.b.c\n');
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([
      1,
      { error: { code: 'AZURE_FORBIDDEN', message: expect.stringContaining('cannot be verified') as string } },
    ]);
  });

  it.each([
    ['no vault at all', ['list', '--home', '/nowhere/at/all'], 'VAULT_NOT_NAMED', 64],
    ['a vault that is no address', ['list', '--vault', 'https://u:p@x/'], 'AZURE_VAULT_URL_INVALID', 78],
    [
      'host data that is none',
      ['create', 'k', '--attestation', 'a.test', '--host-data', 'xyz'],
      'KEY_OPTIONS_CONFLICT',
      64,
    ],
    ['two policies', ['create', 'k', '--attestation', 'a.test', '--policy', 'p'], 'KEY_OPTIONS_CONFLICT', 64],
    ['host data without a policy', ['create', 'k', '--host-data', HOST_DATA], 'KEY_OPTIONS_CONFLICT', 64],
    ['a policy file that is missing', ['create', 'k', '--policy', 'no-such'], 'INPUT_UNREADABLE', 64],
    ['a policy that is none', ['create', 'k', '--policy', 'ready.json'], 'RELEASE_POLICY_INVALID', 64],
    ['a key that is none', ['import', 'k', 'ready.json'], 'INPUT_UNREADABLE', 64],
    ['a key that is missing in the vault', ['show', 'no-such'], 'AZURE_KEY_NOT_FOUND', 1],
    ['a release of nothing', ['release', 'made'], 'KEY_OPTIONS_CONFLICT', 64],
    ['a sidecar without the rest', ['release', 'made', '--sidecar', 'http://127.0.0.1:1'], 'KEY_OPTIONS_CONFLICT', 64],
    [
      'a software key to be released',
      ['create', 'k', '--kind', 'RSA', '--attestation', 'a.test'],
      'AZURE_KEY_REFUSED',
      1,
    ],
  ])('fails as JSON with %s', async (_what, args, code, exitCode) => {
    const all = args.includes('--home') ? args : [...args, '--home', home];
    const result = await capture(['key', ...all, '--json'], { cwd: home });
    expect([result.exitCode, JSON.parse(result.stdout)]).toMatchObject([exitCode, { error: { code } }]);
  });
});
