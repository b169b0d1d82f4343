import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';

import { fromBase64 } from '@holdfast/base';
import { encodeRequestEnvelope, prepareSecret } from '@holdfast/uid2';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLOUD_PORTS, editStore, freePortBase, HoldfastProcess, ServiceProcess, waitFor } from '../src/index.ts';
import type { ReadyFile } from '../src/index.ts';
import { keepSeededHome } from './home-copy.ts';

const THREADS = 3;
const CONNECTIONS = 30;
const MAP = '/v3/identity/map';

interface ClientFileRecord {
  key_id: string;
  disabled?: boolean;
}

const home = keepSeededHome();
let up: HoldfastProcess;
let ready: ReadyFile;
let operator: ServiceProcess;
let url: string;
let metricsUrl: string;

beforeAll(async () => {
  up = new HoldfastProcess({ home: home.folder, portBase: await freePortBase(CLOUD_PORTS) });
  ready = await up.ready();
  const credentials = JSON.parse(readFileSync(join(home.folder, 'credentials.json'), 'utf8')) as {
    publicOperatorKey: string | { key?: string; apiKey?: string };
  };
  const key = credentials.publicOperatorKey;
  const configFile = join(home.folder, 'operator-threads.json');
  writeFileSync(
    configFile,
    JSON.stringify({
      service_instances: THREADS,
      http_host: '127.0.0.1',
      http_port: 0,
      metrics_port: 0,
      core_attest_url: `${ready.core.url}/attest`,
      core_api_token: typeof key === 'string' ? key : (key.apiKey ?? key.key),
      operator_type: 'public',
      optout_metadata_path: `${ready.optout.url}/optout/refresh`,
      optout_api_uri: `${ready.optout.url}/optout/replicate`,
      auth_refresh_ms: 200,
    }),
  );
  operator = new ServiceProcess('operator', configFile);
  const found = (pattern: RegExp): string | undefined => pattern.exec(operator.output)?.[1];
  const opened = /"url":"(http[^"]+)","msg":"Startup in/;
  await waitFor(
    () => found(opened) !== undefined || operator.exitCode !== undefined,
    90_000,
    () => operator.output,
  );
  url = found(opened) ?? '';
  metricsUrl = found(/"metrics":"(http[^"]+)"/) ?? '';
});

afterAll(async () => {
  await operator.stop();
  await up.stop();
  home.remove();
});

function sealedMap(emails: number): Uint8Array {
  const payload = { email: Array.from({ length: emails }, (_, i) => `user.${i}@example.com`) };
  return encodeRequestEnvelope(
    { nowMs: Date.now(), nonce: randomBytes(8), json: JSON.stringify(payload) },
    prepareSecret(fromBase64(ready.client.secret)),
    (length) => randomBytes(length),
  );
}

function headers(): Record<string, string> {
  return { authorization: `Bearer ${ready.client.apiKey}`, 'content-type': 'application/octet-stream' };
}

/** Sends one map request on a connection of its own; answers the HTTP status. */
async function map(emails: number): Promise<number> {
  const agent = new Agent({ connections: 1 });
  try {
    const body = sealedMap(emails);
    const reply = await request(`${url}${MAP}`, { method: 'POST', headers: headers(), body, dispatcher: agent });
    await reply.body.dump();
    return reply.statusCode;
  } finally {
    await agent.close();
  }
}

/** The values of one metric by the text of their labels. */
async function metric(name: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return new Map(
    lines.map((line) => [line.slice(name.length, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

/** A map request that a thread has begun to read: it has answered the head with 100 Continue. Resolves to the HTTP status. */
async function begunMap(emails: number): Promise<{ readonly status: Promise<number> }> {
  const body = sealedMap(emails);
  const sent = httpRequest(`${url}${MAP}`, {
    method: 'POST',
    agent: false,
    headers: { ...headers(), 'content-length': body.length, expect: '100-continue' },
  });
  const status = once(sent, 'response').then(([answer]) => {
    (answer as IncomingMessage).resume();
    return (answer as IncomingMessage).statusCode ?? 0;
  });
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.end(body);
  return { status };
}

const many = (count: number, emails = 1): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, () => map(emails)));

describe.skipIf(process.platform !== 'linux')('an operator with several serving threads', () => {
  it('answers on one port with all of them and sums their metrics', async () => {
    expect(new Set(await many(CONNECTIONS))).toEqual(new Set([200]));
    const perThread = await metric('uid2_operator_serving_thread_requests_total');
    expect(perThread.size).toBe(THREADS);
    expect([...perThread.values()].filter((requests) => requests > 0).length).toBeGreaterThan(1);
    const sum = [...perThread.values()].reduce((total, requests) => total + requests, 0);
    expect(sum).toBe(CONNECTIONS);
    const served = await metric('uid2_http_requests_total');
    expect([...served].filter(([labels]) => labels.includes(MAP)).map(([, value]) => value)).toEqual([CONNECTIONS]);
    expect((await metric('uid2_operator_ready')).values().next().value).toBe(1);
  });

  it('is healthy, and tells its status, on each of them', async () => {
    const replies = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const agent = new Agent({ connections: 1 });
        const health = await request(`${url}/ops/healthcheck`, { dispatcher: agent });
        const status = await request(`${url}/ops/status`, { dispatcher: agent });
        const ended = [await health.body.text(), ((await status.body.json()) as { phase: string }).phase];
        await agent.close();
        return ended.join(' ');
      }),
    );
    expect(new Set(replies)).toEqual(new Set(['OK serving']));
  });

  it('stops serving a client on all of them when Core disables its key, and serves it again when Core enables it', async () => {
    const setDisabled = (disabled: boolean): void =>
      editStore<ClientFileRecord>(home.folder, 'clients', (clients) =>
        clients.map((client) => (ready.client.apiKey.startsWith(client.key_id) ? { ...client, disabled } : client)),
      );
    const allAnswer = async (status: number): Promise<boolean> => {
      const statuses = new Set(await many(CONNECTIONS));
      return statuses.size === 1 && statuses.has(status);
    };
    setDisabled(true);
    await waitFor(
      () => allAnswer(401),
      90_000,
      () => operator.output,
    );
    setDisabled(false);
    await waitFor(
      () => allAnswer(200),
      90_000,
      () => operator.output,
    );
  });

  it('finishes every request under way when it is asked to stop, and exits with 0', async () => {
    const underWay = await Promise.all(Array.from({ length: 9 }, () => begunMap(10_000)));
    await operator.stop();
    expect(new Set(await Promise.all(underWay.map(({ status }) => status)))).toEqual(new Set([200]));
    expect([operator.exitCode, /"level":"(error|fatal)"/.exec(operator.output)]).toEqual([0, null]);
  });
});
