import { constants, createPublicKey, publicEncrypt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ConfigError } from '@holdfast/base';
import { createApp, HttpClient, listen } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import { writeOperators } from '@holdfast/uid2';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { startOptOut } from '../src/main.ts';
import { createOperator, replicatePath, World } from './world.ts';
import type { TestOperator } from './world.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A Core that lets the trusted service attest and names `operators`; what it was asked is in `calls`. */
async function startFakeCore(operators: readonly TestOperator[]) {
  const app = createApp({ bodyLimitBytes: 65_536 });
  const calls: { readonly path: string; readonly body: Record<string, unknown>; readonly authorization: string }[] = [];
  app.post('/attest', (request, reply) => {
    const body = JSON.parse(String(request.body)) as Record<string, string>;
    calls.push({ path: '/attest', body, authorization: String(request.headers.authorization) });
    const key = createPublicKey({
      key: Buffer.from(body['public_key'] ?? '', 'base64'),
      format: 'der',
      type: 'spki',
    });
    const token = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from('token')).toString('base64');
    return reply.send({
      status: 'success',
      body: { attestation_token: token, expiresAt: new Date(Date.now() + 3_600_000).toISOString() },
    });
  });
  let url = '';
  app.get('/operators/refresh', (request, reply) => {
    calls.push({ path: '/operators/refresh', body: {}, authorization: String(request.headers.authorization) });
    return reply.send({ version: 1, generated: 1, operators: { location: `${url}/operators.json` } });
  });
  app.get('/operators.json', (_request, reply) => reply.send(writeOperators(operators.map(({ record }) => record))));
  url = await listen(app, { host: '127.0.0.1', port: 0 });
  closing.push(() => app.close());
  return { url, calls };
}

async function start(coreUrl: string, settings: Readonly<Record<string, unknown>> = {}) {
  const world = await World.create();
  closing.push(() => world.remove());
  const configFile = join(world.folder, 'main.json');
  const configuration = {
    ...world.configuration(),
    host: '127.0.0.1',
    port: 0,
    metrics_port: 0,
    core_attest_url: `${coreUrl}/attest`,
    operators_metadata_path: `${coreUrl}/operators/refresh`,
    optout_data_dir: join(world.folder, 'main-queue'),
    optout_delta_rotate_interval: 1,
    ...settings,
  };
  await writeFile(configFile, JSON.stringify(configuration));
  const logger = createLogger({ name: 'optout', destination: { write: () => undefined } });
  const running = await startOptOut({ env: {}, configFile, logger, fail: () => undefined });
  closing.push(() => running.stop());
  return { world, running };
}

async function get(url: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const http = new HttpClient();
  try {
    const answer = await http.send({ url, headers, timeoutMs: 5000 });
    return { status: answer.status, text: Buffer.from(answer.body).toString('utf8') };
  } finally {
    await http.close();
  }
}

describe('startOptOut', () => {
  it('attests to Core as a trusted public service, learns the operators, and publishes what they send', async () => {
    const operator = createOperator();
    const core = await startFakeCore([operator]);
    const { running, world } = await start(core.url);
    const base = running.addresses['http'] ?? '';
    await vi.waitFor(async () => expect((await get(`${base}/ops/healthcheck`)).status).toBe(200), 15_000);
    expect(core.calls[0]).toMatchObject({
      path: '/attest',
      authorization: 'Bearer service key',
      body: { attestation_request: 'AA==', application_name: 'uid2-optout', operator_type: 'public' },
    });

    const path = replicatePath(new Uint8Array(32).fill(1), new Uint8Array(33).fill(2));
    const accepted = await get(`${base}${path}`, { authorization: `Bearer ${operator.key}` });
    expect(accepted.status).toBe(200);
    world.nowMs = Date.now();
    await vi.waitFor(async () => {
      const list = await get(`${base}/optout/refresh`, world.attestedHeaders(operator));
      expect(list.status).toBe(200);
      expect(JSON.parse(list.text)).toMatchObject({ optout_logs: [{ type: 'delta' }] });
    }, 15_000);
    const metrics = await get(`${running.addresses['metrics'] ?? ''}/metrics`);
    expect(metrics.text).toMatch(/optout_replicate_total\{outcome="accepted"[^}]*\} 1/);
  });

  it('opens its port although Core is down, and stops at once', async () => {
    const { running } = await start('http://127.0.0.1:1');
    const health = await get(`${running.addresses['http'] ?? ''}/ops/healthcheck`);
    expect(health.status).toBe(503);
    expect(health.text).toContain('operators-rotator');
  });

  it('opens the next port for the production of deltas when there is a token and the settings can be read', async () => {
    const producer = async (settings: Readonly<Record<string, unknown>>): Promise<string | undefined> => {
      const { running } = await start('http://127.0.0.1:1', settings);
      return running.addresses['producer'];
    };
    const token = { optout_internal_api_token: 'internal-token' };
    const url = await producer(token);
    const status = await get(`${url}/optout/deltaproduce/status`, { authorization: 'Bearer internal-token' });
    expect(status.status).toBe(200);
    expect(await producer({})).toBeUndefined();
    expect(await producer({ ...token, optout_observe_only: true })).toBeUndefined();
    expect(await producer({ ...token, traffic_filter_config_path: '/does/not/exist.json' })).toBeUndefined();
  });

  it('makes the partition of the day by itself', async () => {
    const operator = createOperator();
    const core = await startFakeCore([operator]);
    const { running, world } = await start(core.url, { cloud_refresh_interval: 1, optout_producer_max_replicas: 1 });
    const base = running.addresses['http'] ?? '';
    await vi.waitFor(async () => expect((await get(`${base}/ops/healthcheck`)).status).toBe(200), 15_000);
    const path = replicatePath(new Uint8Array(32).fill(1), new Uint8Array(33).fill(2));
    expect((await get(`${base}${path}`, { authorization: `Bearer ${operator.key}` })).status).toBe(200);
    world.nowMs = Date.now();
    await vi.waitFor(async () => {
      const list = await get(`${base}/optout/refresh`, world.attestedHeaders(operator));
      expect(list.text).toContain('/partition/optout-partition-000_');
    }, 15_000);
  });

  it('lists every missing setting at once', async () => {
    const logger = createLogger({ name: 'optout', destination: { write: () => undefined } });
    const failure = await startOptOut({ env: {}, configFile: undefined, logger, fail: () => undefined }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ConfigError);
    expect(String(failure)).toMatch(/core_attest_url.*core_api_token.*optout_url.*storage_folder/s);
  });
});
