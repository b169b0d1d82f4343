import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { formatThimCertificates, parseSnpReport } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { fromHex, toHex } from '@holdfast/base';
import { createApp, listen } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import type { RunningService } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { readConfig, startSkr } from '../src/index.ts';
import { HOST_DATA, simulatedPlatform } from './pod.ts';

describe('readConfig', () => {
  const config = (env: Record<string, string>) => readConfig({ env, configFile: undefined });
  const args = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

  it('takes the port of the reference, listens on this machine, and asks the default certificate service', () => {
    expect(config({ Port: '9001' })).toMatchObject({
      host: '127.0.0.1',
      port: 9001,
      reportSource: { kind: 'tsm', folder: '/sys/kernel/config/tsm/report' },
      thimUrl: 'http://169.254.169.254/metadata/THIM/amd/certification',
      userAgent: 'ConfidentialSkrContainer',
      allowedMaaHosts: undefined,
    });
    expect(config({}).port).toBe(9000);
  });

  it('reads the arguments of the reference sidecar', () => {
    const SkrSideCarArgs = args({
      certcache: { endpoint_type: 'LocalTHIM', endpoint: 'host.test/thim' },
      maaconfig: { user_agent: 'agent' },
      identity: {},
    });
    expect(config({ SkrSideCarArgs })).toMatchObject({ thimUrl: 'http://host.test/thim', userAgent: 'agent' });
    expect(config({ SkrSideCarArgs: '' }).userAgent).toBe('ConfidentialSkrContainer');
  });

  it.each([
    ['arguments that are no Base64', { SkrSideCarArgs: '***' }],
    ['arguments that are no JSON', { SkrSideCarArgs: 'AAAA' }],
    ['a certificate cache that is not served', { SkrSideCarArgs: args({ certcache: { endpoint_type: 'AMD' } }) }],
    ['a simulated source without its address', { snp_report_source: 'simulated' }],
    ['a simulated source elsewhere', { snp_report_source: 'simulated', snp_simulated_url: 'http://10.0.0.1/report' }],
  ])('refuses %s', (_what, env) => {
    expect(() => config(env)).toThrow(
      expect.objectContaining({ code: 'SKR_SETTINGS_INVALID', family: 'config' }) as Error,
    );
  });
});

describe('startSkr', () => {
  let platform: SimulatedPlatform;
  let folder: string;
  let running: RunningService | undefined;
  const apps: FastifyInstance[] = [];
  let failed: PromiseWithResolvers<unknown>;

  beforeAll(async () => {
    platform = await simulatedPlatform();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-skr-'));
    failed = Promise.withResolvers();
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    await Promise.all(apps.splice(0).map(async (app) => app.close()));
    await rm(folder, { recursive: true });
  });

  const start = async (env: Record<string, string>): Promise<string> => {
    running = await startSkr({
      env: { Port: '0', UVM_SECURITY_CONTEXT_DIR: folder, ...env },
      configFile: undefined,
      logger: createLogger({ name: 'skr', destination: new PassThrough() }),
      fail: (error) => failed.resolve(error),
    });
    return running.addresses['http'] ?? '';
  };
  const serve = async (build: (app: FastifyInstance) => void): Promise<string> => {
    const app = createApp({ bodyLimitBytes: 1024 });
    build(app);
    apps.push(app);
    return listen(app, { host: '127.0.0.1', port: 0 });
  };
  const firmware = async (): Promise<string> =>
    serve((app) =>
      app.post('/report', async (request, reply) => {
        const report = platform.attester.report({ reportData: request.body as Uint8Array, hostData: HOST_DATA });
        return reply.type('application/octet-stream').send(Buffer.from(report));
      }),
    );
  const postRaw = async (url: string): Promise<Response> =>
    fetch(`${url}/attest/raw`, { method: 'POST', body: JSON.stringify({ runtime_data: 'AA==' }) });

  it('gives reports of the simulated firmware, and counts what it does', async () => {
    const certificates = Buffer.from(formatThimCertificates(platform.thimCertificates())).toString('base64');
    await writeFile(join(folder, 'host-amd-cert-base64'), certificates);
    const url = await start({
      snp_report_source: 'simulated',
      snp_simulated_url: `${await firmware()}/report`,
      metrics_port: '0',
    });
    expect(await (await fetch(`${url}/status`)).json()).toEqual({ message: 'Status OK' });
    const { report } = (await (await postRaw(url)).json()) as { report: string };
    expect(toHex(parseSnpReport(fromHex(report)).hostData)).toBe(toHex(HOST_DATA));
    const metrics = await (await fetch(`${running?.addresses['metrics']}/metrics`)).text();
    expect(metrics).toContain('skr_requests_total{path="/attest/raw",outcome="answered",application="skr"} 1');
  });

  it('becomes ready with certificates from the host where the security context has none', async () => {
    const asked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const thim = await serve((app) =>
      app.get('/thim', async (_request, reply) => {
        asked.resolve();
        await release.promise;
        return reply.send(formatThimCertificates(platform.thimCertificates()));
      }),
    );
    const endpoint = `${thim.replace('http://', '')}/thim`;
    const url = await start({
      SkrSideCarArgs: Buffer.from(JSON.stringify({ certcache: { endpoint } })).toString('base64'),
    });
    await asked.promise;
    expect(await (await fetch(`${url}/status`)).json()).toEqual({ message: 'Status NOT OK' });
    release.resolve();
    await expect.poll(async () => (await fetch(`${url}/status`)).json()).toEqual({ message: 'Status OK' });
  });

  it('fails when nobody has certificates of the host', async () => {
    const thim = await serve((app) => app.get('/thim', async (_request, reply) => reply.code(404).send()));
    const endpoint = `${thim.replace('http://', '')}/thim`;
    await start({ SkrSideCarArgs: Buffer.from(JSON.stringify({ certcache: { endpoint } })).toString('base64') });
    expect(await failed.promise).toMatchObject({ code: 'HOST_CERTIFICATES_UNAVAILABLE' });
  });

  it('is not ready while AttestedSecrets cannot be provided, and still stops at once', async () => {
    const certificates = Buffer.from(formatThimCertificates(platform.thimCertificates())).toString('base64');
    await writeFile(join(folder, 'host-amd-cert-base64'), certificates);
    const refusing = await serve((app) => app.post('/*', async (_request, reply) => reply.code(403).send()));
    const settings = (maa: string): string =>
      Buffer.from(
        JSON.stringify({
          folder: join(folder, 'secrets'),
          maa_endpoint: maa,
          akv_endpoint: 'vault.test',
          files: [{ form: 'jwk', name: 'key.jwk', kid: 'key' }],
        }),
      ).toString('base64');
    const simulated = { snp_report_source: 'simulated', snp_simulated_url: `${await firmware()}/report` };
    const url = await start({ ...simulated, AttestedSecrets: settings(refusing.replace('http://', '')) });
    expect(await (await fetch(`${url}/status`)).json()).toEqual({ message: 'Status NOT OK' });
    await running?.stop();
    expect(await readdir(join(folder, 'secrets'))).toEqual([]);
    running = undefined;
    await expect(start({ ...simulated, AttestedSecrets: settings('host/path') })).rejects.toMatchObject({
      code: 'SKR_ENDPOINT_REFUSED',
    });
  });

  it('says outside a confidential guest that there is nothing to attest', async () => {
    const certificates = Buffer.from(formatThimCertificates(platform.thimCertificates())).toString('base64');
    await writeFile(join(folder, 'host-amd-cert-base64'), certificates);
    const url = await start({ tsm_report_folder: join(folder, 'no-such-folder', 'report') });
    const answer = await postRaw(url);
    const { error } = (await answer.json()) as { error: string };
    expect([answer.status, error.split(':', 1)[0]]).toEqual([403, 'SNP_DEVICE_UNAVAILABLE']);
  });

  it('does not start on a security context that is broken', async () => {
    await writeFile(join(folder, 'host-amd-cert-base64'), 'not base64');
    await expect(start({})).rejects.toMatchObject({ code: 'SECURITY_CONTEXT_MALFORMED' });
  });
});
