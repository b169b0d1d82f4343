import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  createSimulatedPlatform,
  formatThimCertificates,
  generateSimulatedPlatformKeys,
  restoreSimulatedPlatform,
} from '@holdfast/attestation';
import type { SimulatedKeyPair, SimulatedPlatform, SimulatedPlatformRecord } from '@holdfast/attestation';
import { createApp, HttpClient, listen } from '@holdfast/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLOUD_PORTS, freePortBase, HoldfastProcess, runHoldfast, ServiceProcess } from '../src/index.ts';
import type { ReadyFile } from '../src/index.ts';
import { keepSeededHome } from './home-copy.ts';

const REFUSED_BY_POLICY = 'Target environment attestation does not meet key release policy requirements.';

describe('a key is released to the pod that its policy names', { timeout: 120_000 }, () => {
  const home = keepSeededHome();
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-e2e-'));
  let up: HoldfastProcess;
  let ready: ReadyFile;
  let sidecarUrl = '';

  beforeAll(async () => {
    const portBase = await freePortBase(CLOUD_PORTS);
    up = new HoldfastProcess({ home: home.folder, portBase });
    ready = await up.ready();
    sidecarUrl = `http://127.0.0.1:${portBase + 8}`;
    const { code, stderr } = await holdfast('create', 'e2e', '--host-data', ready.enclaveId, ...attestation());
    if (code !== 0) throw new Error(stderr);
  }, 120_000);
  afterAll(async () => {
    await up.stop();
    home.remove();
    rmSync(scratch, { recursive: true, force: true });
  }, 60_000);

  const attestation = (): string[] => ['--attestation', ready.azure.attestationUrl];
  const holdfast = (...args: readonly string[]) => runHoldfast(['key', ...args, '--home', home.folder]);
  const release = async (
    url: string,
    over: object = {},
  ): Promise<{ status: number; body: { key?: string; error?: string } }> => {
    const answer = await fetch(`${url}/key/release`, {
      method: 'POST',
      body: JSON.stringify({
        maa_endpoint: new URL(ready.azure.attestationUrl).host,
        akv_endpoint: new URL(ready.azure.vaultUrl).host,
        kid: 'e2e',
        ...over,
      }),
    });
    return { status: answer.status, body: (await answer.json()) as { key?: string; error?: string } };
  };
  const vaultLog = (): readonly Record<string, unknown>[] =>
    readFileSync(join(home.folder, 'logs', 'vault.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  /** A sidecar in a process of its own, in a guest of `platform`; it has no identity, so requests bring a token. */
  const sidecarOf = async (platform: SimulatedPlatform, debug: boolean): Promise<AsyncDisposable & { url: string }> => {
    const folder = mkdtempSync(join(scratch, 'guest-'));
    const certificates = Buffer.from(formatThimCertificates(platform.thimCertificates())).toString('base64');
    writeFileSync(join(folder, 'host-amd-cert-base64'), certificates);
    writeFileSync(join(folder, 'reference-info-base64'), Buffer.from(platform.uvmEndorsement()).toString('base64'));
    const firmware = createApp({ bodyLimitBytes: 1024 });
    const hostData = new Uint8Array(Buffer.from(ready.enclaveId, 'hex'));
    firmware.post('/', async (request, reply) => {
      const report = platform.attester.report({ reportData: request.body as Uint8Array, hostData, debug });
      return reply.type('application/octet-stream').send(Buffer.from(report));
    });
    const config = join(folder, 'skr.json');
    const settings = {
      port: 0,
      UVM_SECURITY_CONTEXT_DIR: folder,
      snp_report_source: 'simulated',
      snp_simulated_url: await listen(firmware, { host: '127.0.0.1', port: 0 }),
    };
    writeFileSync(config, JSON.stringify(settings));
    const service = new ServiceProcess('skr', config, { NODE_EXTRA_CA_CERTS: ready.azure.caFile });
    return {
      url: await service.listening(),
      [Symbol.asyncDispose]: async () => {
        await service.stop();
        await firmware.close();
      },
    };
  };
  /** A token of the administrator for the vault. */
  const vaultToken = async (): Promise<string> => {
    const file = readFileSync(join(home.folder, 'azure', 'administrator.json'), 'utf8');
    const { tenantId, clientId, clientSecret } = JSON.parse(file) as Record<
      'tenantId' | 'clientId' | 'clientSecret',
      string
    >;
    const client = new HttpClient({ ca: readFileSync(ready.azure.caFile, 'utf8') });
    try {
      const answer = await client.send({
        method: 'POST',
        url: `${ready.azure.authorityUrl}/${tenantId}/oauth2/v2.0/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          client_id: clientId,
          client_secret: clientSecret,
          grant_type: 'client_credentials',
          scope: 'https://vault.azure.net/.default',
        }).toString(),
        timeoutMs: 10_000,
      });
      return (JSON.parse(Buffer.from(answer.body).toString()) as { access_token: string }).access_token;
    } finally {
      await client.close();
    }
  };
  const ownPlatform = async (): Promise<SimulatedPlatform> => {
    const record = JSON.parse(
      readFileSync(join(home.folder, 'snp', 'platform.json'), 'utf8'),
    ) as SimulatedPlatformRecord;
    return restoreSimulatedPlatform(record, { now: Date.now, random: (length) => new Uint8Array(randomBytes(length)) });
  };

  it('inside: the sidecar of the pod answers the private key of the public one in the vault', async () => {
    const { status, body } = await release(sidecarUrl);
    expect([status, body.error]).toEqual([200, undefined]);
    const { n, e } = JSON.parse(body.key ?? '') as { n: string; e: string };
    const shown = JSON.parse((await holdfast('show', 'e2e', '--json')).stdout) as { key: { publicKey: { n: string } } };
    expect(shown.key.publicKey.n).toBe(n);
    const publicKey = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
    expect(publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
    await expect
      .poll(() => vaultLog().at(-1))
      .toMatchObject({ msg: 'key released', issuer: ready.azure.attestationUrl });
    expect(readFileSync(join(home.folder, 'logs', 'vault.log'), 'utf8')).not.toContain(n);

    const { stdout } = await holdfast(
      'release',
      'e2e',
      '--sidecar',
      sidecarUrl,
      '--vault',
      ready.azure.vaultUrl,
      ...attestation(),
    );
    expect((JSON.parse(stdout) as { n: string }).n).toBe(n);
  });

  it('a changed policy digest: refused outside without a reason, with the claim in the log', async () => {
    const other = ready.enclaveId.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    expect((await holdfast('create', 'other', '--host-data', other, ...attestation())).code).toBe(0);
    const { status, body } = await release(sidecarUrl, { kid: 'other' });
    expect([status, body.error]).toEqual([403, expect.stringMatching(/^VAULT_RELEASE_FAILED: /)]);
    expect(body.error).toContain(REFUSED_BY_POLICY);
    expect(body.error).not.toContain('hostdata');
    await expect
      .poll(() => vaultLog().at(-1))
      .toMatchObject({
        msg: 'key release refused',
        code: 'RELEASE_POLICY_UNMET',
        details: { claims: [`x-ms-sevsnpvm-hostdata: different, expected ${other}`] },
      });
  });

  it('a debug report: refused outside with the same words, with the claims in the log', async () => {
    await using sidecar = await sidecarOf(await ownPlatform(), true);
    const { status, body } = await release(sidecar.url, { access_token: await vaultToken() });
    expect([status, body.error]).toEqual([403, expect.stringContaining(REFUSED_BY_POLICY)]);
    await expect
      .poll(() => vaultLog().at(-1))
      .toMatchObject({
        code: 'RELEASE_POLICY_UNMET',
        details: {
          claims: [
            'x-ms-compliance-status: missing, expected azure-compliant-uvm',
            'x-ms-sevsnpvm-is-debuggable: different, expected false',
          ],
        },
      });
  });

  it('a platform under another root: the attestation service refuses its evidence, and no vault is asked', async () => {
    const asked = vaultLog().length;
    const keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
    const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
    await using sidecar = await sidecarOf(createSimulatedPlatform({ random, now: Date.now, keys }), false);
    const { status, body } = await release(sidecar.url, { access_token: await vaultToken() });
    expect([status, body.error]).toEqual([403, expect.stringMatching(/^ATTESTATION_SERVICE_FAILED: /)]);
    expect(vaultLog()).toHaveLength(asked);
  });

  it('an expired chain under the right root: the attestation service says so, and no vault is asked', async () => {
    const asked = vaultLog().length;
    const record = (await ownPlatform()).toRecord();
    const keyPair = (role: keyof typeof record.keys): SimulatedKeyPair => {
      const privateKey = createPrivateKey(record.keys[role]);
      return { privateKey, publicKey: createPublicKey(privateKey) };
    };
    const [ark, ask, vcek] = [keyPair('ark'), keyPair('ask'), keyPair('vcek')];
    const keys = { ark, ask, vcek, uvmRoot: keyPair('uvmRoot'), uvmLeaf: keyPair('uvmLeaf') };
    // The same keys, certified so long ago that the VCEK (seven years) is out of date and the ARK and ASK are not.
    const platform = createSimulatedPlatform({
      random: (length) => new Uint8Array(randomBytes(length)),
      now: () => Date.now() - 10 * 365 * 86_400_000,
      keys,
    });
    await using sidecar = await sidecarOf(platform, false);
    const { status, body } = await release(sidecar.url, { access_token: await vaultToken() });
    expect([status, body.error]).toEqual([403, expect.stringMatching(/^ATTESTATION_SERVICE_FAILED: .*SNP_EXPIRED/)]);
    expect(vaultLog()).toHaveLength(asked);
  });

  it('a recorded token with the nonce of an earlier request: the sidecar refuses it, and no vault is asked', async () => {
    const read = (path: string): string => readFileSync(join(home.folder, path), 'utf8');
    const client = new HttpClient({ ca: readFileSync(ready.azure.caFile, 'utf8') });
    const replaying = createApp({
      bodyLimitBytes: 1024 * 1024,
      tls: { key: read('tls/attestation-key.pem'), cert: read('tls/attestation.pem') },
    });
    let recorded: Buffer | undefined;
    replaying.post('/attest/SevSnpVm', async (request, reply) => {
      if (recorded === undefined) {
        const url = `${ready.azure.attestationUrl}${request.url}`;
        const headers = { 'content-type': 'application/json' };
        const body = (request.body as Buffer).toString('utf8');
        recorded = Buffer.from((await client.send({ method: 'POST', url, headers, body, timeoutMs: 10_000 })).body);
      }
      return reply.type('application/json').send(recorded);
    });
    const endpoint = new URL(await listen(replaying, { host: '127.0.0.1', port: 0 })).host;
    await using sidecar = await sidecarOf(await ownPlatform(), false);
    try {
      const access = { access_token: await vaultToken(), maa_endpoint: endpoint };
      expect((await release(sidecar.url, access)).status).toBe(200);
      const asked = vaultLog().length;
      const { status, body } = await release(sidecar.url, access);
      expect([status, body.error]).toEqual([403, expect.stringMatching(/^ATTESTATION_TOKEN_UNBOUND: /)]);
      expect(vaultLog()).toHaveLength(asked);
    } finally {
      await replaying.close();
      await client.close();
    }
  });

  it('a token that binds no key of the environment: refused, although all its claims are right', async () => {
    await using sidecar = await sidecarOf(await ownPlatform(), false);
    const { status, body } = await release(sidecar.url, { access_token: await vaultToken() });
    expect([status, body.error]).toEqual([200, undefined]);
    // A token without a bound key, of the same genuine guest.
    const answer = await fetch(`${sidecar.url}/attest/maa`, {
      method: 'POST',
      body: JSON.stringify({ maa_endpoint: new URL(ready.azure.attestationUrl).host, runtime_data: 'e30=' }),
    });
    const { token } = (await answer.json()) as { token: string };
    const file = join(scratch, 'token');
    writeFileSync(file, token);
    const result = await holdfast('release', 'e2e', '--token', file, '--json');
    expect([result.code, JSON.parse(result.stdout)]).toMatchObject([1, { error: { code: 'AZURE_FORBIDDEN' } }]);
    await expect.poll(() => vaultLog().at(-1)).toMatchObject({ code: 'RELEASE_NO_ENCRYPTION_KEY' });
  });
});
