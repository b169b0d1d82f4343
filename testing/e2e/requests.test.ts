import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLOUD_PORTS, freePortBase, HoldfastProcess, runHoldfast, waitFor } from '../src/index.ts';
import type { ReadyFile } from '../src/index.ts';
import { keepSeededHome } from './home-copy.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const envelope = join(repository, 'docs/guides/envelope.mjs');
const hasCurl = spawnSync('curl', ['--version']).status === 0;

const home = keepSeededHome();
let up: HoldfastProcess;
let ready: ReadyFile;

beforeAll(async () => {
  up = new HoldfastProcess({ home: home.folder, portBase: await freePortBase(CLOUD_PORTS) });
  ready = await up.ready();
});

afterAll(async () => {
  await up.stop();
  home.remove();
});

/** Seals `payload` with the documented script, sends it with curl and opens the reply, as the guide has it. */
function callByHand(path: string, payload: object): unknown {
  const pipeline = [
    `"${process.execPath}" "${envelope}" seal`,
    `curl -s "${ready.operator.url}${path}" -H "Authorization: Bearer $UID2_API_KEY" --data-binary @-`,
    `"${process.execPath}" "${envelope}" open`,
  ].join(' | ');
  const { stdout, stderr } = spawnSync('sh', ['-c', pipeline], {
    input: JSON.stringify(payload),
    encoding: 'utf8',
    env: { ...process.env, UID2_API_KEY: ready.client.apiKey, UID2_CLIENT_SECRET: ready.client.secret },
  });
  return JSON.parse(stdout === '' ? stderr : stdout);
}

async function uid2(...args: readonly string[]): Promise<unknown> {
  const result = await runHoldfast(['uid2', ...args, '--home', home.folder, '--json']);
  expect([result.code, result.stderr]).toEqual([0, expect.any(String)]);
  return JSON.parse(result.stdout);
}

describe.skipIf(!hasCurl)('curl with an envelope made by hand', () => {
  it('gets a token, and holdfast uid2 decrypt reads it back', async () => {
    const reply = callByHand('/v2/token/generate', { email: 'user@example.com' }) as {
      status: string;
      body: { advertising_token: string; refresh_token: string };
    };
    expect(reply.status).toBe('success');
    expect(reply.body.refresh_token).toHaveLength(388);
    const decrypted = (await uid2('decrypt', reply.body.advertising_token)) as { token: unknown };
    const mapped = callByHand('/v3/identity/map', { email: ['user@example.com'] }) as {
      body: { email: { u: string }[] };
    };
    expect(decrypted.token).toMatchObject({ siteId: ready.client.siteId, rawUid: mapped.body.email[0]?.u });
  });

  it('is told that an unsealed body is plain JSON', () => {
    const { stdout } = spawnSync(
      'curl',
      [
        '-s',
        '-w',
        ' %{http_code}',
        `${ready.operator.url}/v2/token/generate`,
        '-H',
        `Authorization: Bearer ${ready.client.apiKey}`,
        '-d',
        '{"email":"a@b.c"}',
      ],
      { encoding: 'utf8' },
    );
    expect(stdout).toMatch(
      /^\{"status":"client_error","message":"Invalid body: The request body is unencrypted JSON\..* 400$/,
    );
  });

  it('an opt-out written while everything runs reaches the operator at its next sync', async () => {
    const email = 'leaving@example.com';
    expect(callByHand('/v2/token/generate', { email })).toMatchObject({ status: 'success' });
    expect(callByHand('/v2/token/logout', { email })).toEqual({ body: { optout: 'OK' }, status: 'success' });
    await waitFor(
      () => (callByHand('/v2/token/generate', { email }) as { status: string }).status === 'optout',
      90_000,
      () => 'the operator still issues tokens',
    );
    // Serving threads learn of it one after the other.
    const mapped = (): unknown =>
      (callByHand('/v3/identity/map', { email: [email] }) as { body: { email: [unknown] } }).body.email[0];
    await waitFor(
      () => isDeepStrictEqual(mapped(), { e: 'optout' }),
      90_000,
      () => 'the operator still maps',
    );
    expect(callByHand('/v2/token/generate', { email: 'staying@example.com' })).toMatchObject({ status: 'success' });
  });
});

describe('the running cloud', () => {
  it('shows on /ops/status what it measured, and metrics on their own port', async () => {
    const status = (await (await fetch(`${ready.operator.url}/ops/status`)).json()) as Record<string, unknown>;
    expect(status).toMatchObject({ ready: true, policyDigest: ready.enclaveId, attestation: { attested: true } });
    const metrics = await (await fetch(`${ready.operator.metricsUrl}/metrics`)).text();
    expect(metrics).toContain('uid2_http_requests_total');
    const health = await fetch(`${ready.operator.url}/ops/healthcheck`);
    expect([health.status, await health.text(), health.headers.get('content-type')]).toEqual([200, 'OK', null]);
  });

  it('writes no secret into a log', () => {
    const credentials = readFileSync(join(home.folder, 'credentials.json'), 'utf8');
    const secrets = [...credentials.matchAll(/"(?:apiKey|secret|operatorKey|optoutKey|key)": *"([^"]+)"/g)].map(
      (match) => match[1] ?? '',
    );
    expect(secrets.length).toBeGreaterThanOrEqual(3);
    const logs = spawnSync('sh', ['-c', `cat "${home.folder}"/logs/*.log "${home.folder}"/logs/*/*.log`], {
      encoding: 'utf8',
    }).stdout;
    expect(logs.length).toBeGreaterThan(1000);
    expect(secrets.filter((secret) => logs.includes(secret))).toEqual([]);
  });

  it('shows no secret in a process list', () => {
    const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    expect(stdout).toContain('serve');
    expect(stdout).not.toContain(ready.client.secret);
    expect(stdout).not.toContain(ready.client.apiKey);
  });
});
