import { randomBytes } from 'node:crypto';

import { Secret } from '@holdfast/base';
import type { FakeCore } from '@holdfast/core-client/testing';
import { exitCodeOf } from '@holdfast/process';
import { encodeDeltaFile, encryptCloudFile, parseCloudEncryptionKeys } from '@holdfast/uid2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { errorCodes, exitCodes, service } from '../src/index.ts';
import { publishOptOutFiles } from '../testing/index.ts';
import { DELTA, OperatorProcess, publishSalts } from './operator-process.ts';

const HOUR = 3_600_000;
/** Stores look every hour, so that a virtual day does not mean a hundred thousand requests. */
const HOURLY = Object.fromEntries(
  ['auth', 'keyset', 'keysetkey', 'salt'].map((store) => [`${store}_refresh_ms`, String(HOUR)]),
);
const RARE = { ...HOURLY, config_scan_period_ms: String(HOUR), cloud_refresh_interval: '3600' };

let operator: OperatorProcess;

beforeEach(async () => {
  operator = await OperatorProcess.create();
});

afterEach(async () => {
  await operator.stop();
});

const failureCodes = (): string[] => operator.failures.map(({ code }) => code);

describe('start-up', () => {
  it('attests, loads everything, and only then opens the service port', async () => {
    const gate = Promise.withResolvers<{ body: string }>();
    const salts = operator.core.routes.get('/files/salts');
    operator.core.routes.set('/files/salts', () => gate.promise);
    await operator.start(RARE);
    await operator.until(() => operator.core.count('/files/salts') === 1);
    expect(operator.listening).toBe(false);
    expect((await operator.get('/ops/healthcheck', 'metrics')).body).toContain('salt-rotator: still starting');
    expect(await operator.status('metrics')).toMatchObject({ ready: false, phase: 'loading' });
    gate.resolve({ body: String((await salts?.(operator.core.requests[0] as never))?.body) });
    await operator.until(() => operator.listening);
    expect(await operator.get('/ops/healthcheck')).toEqual({ status: 200, body: 'OK' });
    expect(await operator.status()).toMatchObject({
      ready: true,
      phase: 'serving',
      reason: null,
      shutdown: null,
      attestation: { attested: true, secondsUntilExpiry: 48 * 3600, lastError: null, shutdown: null },
      stores: { salt: { loaded: true, version: 1, entries: 2, ageSeconds: 0 }, auth: { loaded: true, entries: 0 } },
      salts: { size: 2, expired: false, secondsUntilExpiry: 48 * 3600 },
      optOut: { synced: true, files: 1, records: 0, stale: false, secondsUntilStale: 43_200 },
    });
  });

  it('counts its duration from the beginning of the process, loading included', async () => {
    await operator.start(RARE, { startedAtMs: operator.time.now() - 1_234 });
    await operator.until(() => operator.listening);
    await operator.until(() => operator.log.some((line) => line.includes('Startup in 1234 ms')));
  });

  it('asks for metadata in order, attesting once, and never for what private operators may not read', async () => {
    await operator.startServing(RARE);
    const paths = operator.core.requests.map(({ path }) => path);
    expect(paths.slice(0, 5)).toEqual([
      '/attest',
      '/clients/refresh',
      '/key/keyset-keys/refresh',
      '/key/keyset/refresh',
      '/salt/refresh',
    ]);
    expect(paths.filter((path) => path === '/attest')).toHaveLength(1);
    expect(paths.filter((path) => /sites|services|service_links|keypairs|cloud_enc/.test(path))).toEqual([]);
  });

  it.for([401, 403])('ends at once when Core refuses with %i, and says what Core said', async (status) => {
    operator.core.attest = () => ({ status, body: '{"status":"forbidden enclave"}' });
    await operator.start();
    await operator.running.started;
    expect(failureCodes()).toEqual(['ATTESTATION_REFUSED']);
    expect(operator.failures[0]?.message).toContain('forbidden enclave');
    expect(operator.listening).toBe(false);
  });

  it('ends when the metadata of a store cannot be had', async () => {
    operator.core.status('/key/keyset/refresh', 500);
    await operator.start();
    await operator.running.started;
    expect(failureCodes()).toEqual(['STARTUP_METADATA_FAILED']);
    expect(operator.failures[0]?.message).toContain('E12');
  });

  it('ends when Core is down', async () => {
    await operator.core.stop();
    await operator.start();
    await operator.running.started;
    expect(failureCodes()).toEqual(['STARTUP_METADATA_FAILED']);
    expect(operator.failures[0]?.message).toContain('no answer');
  });

  it('tries the first content of a store forever', async () => {
    operator.core.status('/files/keysets', 500);
    await operator.start();
    await operator.until(() => operator.log.some((line) => line.includes('Failed keyset loading')));
    await operator.advance(30_000);
    expect([operator.listening, failureCodes()]).toEqual([false, []]);
    expect((await operator.get('/ops/healthcheck', 'metrics')).status).toBe(503);
    operator.core.json('/files/keysets', []);
    await operator.advance(10_000);
    await operator.until(() => operator.listening);
  });

  it.for<[string, (core: FakeCore) => void]>([
    ['cannot be had', (core) => core.status('/optout/refresh', 404)],
    ['names a file that cannot be had', (core) => core.status(DELTA, 500)],
  ])('stays not ready, and says so, while the opt-out list %s', async ([, spoil]) => {
    const delta = operator.core.routes.get(DELTA);
    spoil(operator.core);
    await operator.start(RARE);
    await operator.until(() => operator.log.some((line) => line.includes('stays not ready')));
    await operator.advance(20_000);
    expect([operator.listening, failureCodes()]).toEqual([false, []]);
    const { body } = await operator.get('/ops/healthcheck', 'metrics');
    expect(body).toMatch(/^cloudsync-optout: .*E12/m);
    expect(await operator.status('metrics')).toMatchObject({ ready: false, optOut: { synced: false } });
    publishOptOutFiles(operator.core, [DELTA]);
    if (delta !== undefined) operator.core.routes.set(DELTA, delta);
    await operator.advance(5_000);
    await operator.until(() => operator.listening);
  });

  it('fails in one sentence when the service port is taken', async () => {
    await operator.start({ http_port: String(operator.core.port) });
    await operator.running.started;
    expect(failureCodes()).toEqual(['LISTEN_FAILED']);
    expect(operator.failures[0]?.message).toBe(`port ${operator.core.port} on 127.0.0.1 is already in use`);
  });

  it('rejects at once on a bad configuration', async () => {
    await expect(operator.start({ core_attest_url: 'nonsense' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('reads encrypted files with the keys it is given', async () => {
    const keys = parseCloudEncryptionKeys(
      JSON.stringify([{ id: 7, siteId: 42, activates: 1, created: 1, secret: randomBytes(32).toString('base64') }]),
    );
    const [key] = keys;
    if (key === undefined) throw new Error('no key');
    const { core } = operator;
    for (const path of ['/files/client_keys', '/files/keysets', '/files/keyset_keys', '/files/salts']) {
      const clear = (await core.routes.get(path)?.(core.requests[0] as never))?.body ?? '';
      core.bytes(
        path,
        encryptCloudFile(Buffer.from(clear), key, (length) => randomBytes(length)),
      );
    }
    core.json('/cloud_encryption_keys/retrieve', {
      cloud_encryption_keys: [
        { id: 7, siteId: 42, activates: 1, created: 1, secret: key.secret.export().toString('base64') },
      ],
    });
    await operator.startServing({ ...RARE, encrypted_files: 'true' });
    expect(await operator.status()).toMatchObject({ stores: { salt: { entries: 2 }, keyset: { entries: 3 } } });
    expect(core.requests.find(({ path }) => path === '/salt/refresh')?.headers['encrypted']).toBe('true');
  });

  it('gets its key from the vault, waits for the sidecar and attests with its token', async () => {
    const { core } = operator;
    core.routes.set('/attest/maa', () => ({ body: '{"token":"maa-token"}' }));
    const asked: string[] = [];
    await operator.start(
      {
        ...RARE,
        core_api_token: '',
        VAULT_NAME: 'my-vault',
        OPERATOR_KEY_SECRET_NAME: 'my-key',
        DEPLOYMENT_ENVIRONMENT: 'integ',
        CORE_BASE_URL: core.url,
        OPTOUT_BASE_URL: core.url,
        SKIP_VALIDATIONS: 'true',
        attestation_sidecar_url: core.url,
      },
      {
        fetchSecret: ({ vaultUrl, secretName }) => {
          asked.push(`${vaultUrl}/${secretName}`);
          return Promise.resolve({ value: new Secret('vault-key'), version: undefined, expiresAt: undefined });
        },
      },
    );
    await operator.until(() => operator.listening);
    expect(asked).toEqual(['https://my-vault.vault.azure.net/my-key']);
    const attest = core.requests.find(({ path }) => path === '/attest');
    expect(attest?.headers.authorization).toBe('Bearer vault-key');
    const evidence = (JSON.parse(attest?.body ?? '{}') as { attestation_request: string }).attestation_request;
    expect(Buffer.from(evidence, 'base64').toString()).toBe('maa-token');
    expect(attest?.headers['uid-instance-id']).toMatch(/^azr-[0-9a-f]{6}-unknown-[0-9a-f]+$/);
  });
});

describe('a serving operator', () => {
  it('ends at once when its key is revoked, at the next renewal', async () => {
    operator.core.expiresAtMs = operator.time.now() + 2 * HOUR;
    await operator.startServing(RARE);
    operator.core.attest = () => ({ status: 401, body: '{"reason":"key_disabled"}' });
    await operator.advance(2 * HOUR - 600_000);
    expect(failureCodes()).toEqual([]);
    await operator.advance(60_000);
    await operator.until(() => operator.failures.length > 0);
    expect(failureCodes()).toEqual(['ATTESTATION_REFUSED']);
  });

  it('renews before its token expires', async () => {
    operator.core.expiresAtMs = operator.time.now() + 2 * HOUR;
    await operator.startServing(RARE);
    operator.core.expiresAtMs = operator.time.now() + 4 * HOUR;
    await operator.advance(2 * HOUR - 540_000);
    await operator.until(() => operator.core.count('/attest') === 2);
    expect(await operator.status()).toMatchObject({ attestation: { attested: true } });
  });

  it('bears a failing Core for 12 hours, counting down, then ends', async () => {
    operator.core.expiresAtMs = operator.time.now() + 600_000;
    await operator.startServing({
      ...RARE,
      store_refresh_stale_shutdown_hours: '100',
      optout_stale_limit_seconds: '360000',
    });
    operator.core.attest = () => ({ status: 500, body: 'down' });
    await operator.advance(60_000);
    await operator.until(() => operator.core.count('/attest') === 2);
    const limitSeconds = 12 * 3600;
    expect(await operator.status()).toMatchObject({
      ready: true,
      shutdown: { cause: 'attestation_failing', secondsLeft: limitSeconds },
      attestation: { shutdown: { secondsLeft: limitSeconds } },
    });
    operator.time.jump(12 * HOUR - 60_000);
    await operator.advance(60_000);
    expect(failureCodes()).toEqual([]);
    expect(await operator.get('/ops/healthcheck')).toEqual({ status: 200, body: 'OK' });
    await operator.advance(60_000);
    await operator.until(() => operator.failures.length > 0);
    expect(failureCodes()).toEqual(['ATTESTATION_FAILED_TOO_LONG']);
  });

  it('goes on serving when Core is gone, counts down, and ends when its stores are too old', async () => {
    await operator.startServing({ ...RARE, optout_stale_limit_seconds: '360000' });
    await operator.core.stop();
    await operator.advance(2 * HOUR);
    expect(await operator.get('/ops/healthcheck')).toEqual({ status: 200, body: 'OK' });
    expect(await operator.status()).toMatchObject({
      ready: true,
      shutdown: { cause: 'store_stale', secondsLeft: 10 * 3600 },
      stores: { auth: { ageSeconds: 2 * 3600 } },
    });
    expect((await operator.get('/metrics', 'metrics')).body).toMatch(
      /uid2_operator_shutdown_seconds_left\{cause="store_stale",subject="auth".*\} 36000/,
    );
    await operator.advance(10 * HOUR);
    expect(failureCodes()).toEqual([]);
    await operator.advance(HOUR);
    expect(failureCodes()).toEqual(['STORE_STALE_TOO_LONG']);
  });

  it('serves opt-outs that were added while it runs', async () => {
    await operator.startServing({ ...HOURLY, config_scan_period_ms: String(HOUR) });
    const added = DELTA.replace('00.00.00Z_00000001', '00.05.00Z_00000002');
    const person = new Uint8Array(32).fill(7);
    const record = { identityHash: person, rawUid: person, optedOutAt: 1_767_225_600 };
    operator.core.bytes(added, encodeDeltaFile({ windowStart: 1, windowEnd: 2, records: [record] }));
    publishOptOutFiles(operator.core, [DELTA, added]);
    await operator.advance(60_000);
    await operator.until(() =>
      operator.log.some((line) => line.includes('opt-outs synced') && line.includes('"records":1')),
    );
    expect(await operator.status()).toMatchObject({ optOut: { files: 2, records: 1 } });
  });

  it('closes its gate when the opt-out list is older than its limit, says so, and opens it again', async () => {
    await operator.startServing({ ...HOURLY, config_scan_period_ms: String(HOUR), optout_stale_limit_seconds: '300' });
    operator.core.status('/optout/refresh', 500);
    await operator.advance(300_000);
    expect(await operator.get('/ops/healthcheck')).toEqual({ status: 200, body: 'OK' });
    await operator.advance(60_000);
    const health = await operator.get('/ops/healthcheck');
    expect([health.status, health.body]).toEqual([
      503,
      'cloudsync-optout: the opt-out list is 360 seconds old, its limit is 300',
    ]);
    expect(await operator.status()).toMatchObject({
      ready: false,
      phase: 'refusing',
      reason: expect.stringContaining('360 seconds old') as unknown,
      optOut: { stale: true, ageSeconds: 360, lastError: expect.stringContaining('E12') as unknown },
    });
    const answer = await fetch(`${operator.running.addresses['http']}/v2/token/generate`, {
      method: 'POST',
      body: 'x',
    });
    expect(answer.status).toBe(503);
    expect(failureCodes()).toEqual([]);
    publishOptOutFiles(operator.core, [DELTA]);
    await operator.advance(60_000);
    expect(await operator.get('/ops/healthcheck')).toEqual({ status: 200, body: 'OK' });
  });

  it('takes new salts without losing the old ones when the new are damaged', async () => {
    await operator.startServing(RARE);
    publishSalts(operator.core, operator.time.now() + 96 * HOUR, operator.time.now(), 2);
    operator.core.bytes('/files/salts', '1,damaged\n');
    await operator.advance(HOUR);
    expect(await operator.status()).toMatchObject({
      ready: true,
      stores: { salt: { version: 1, consecutiveFailures: 1 } },
      salts: { secondsUntilExpiry: 47 * 3600 },
    });
    publishSalts(operator.core, operator.time.now() + 96 * HOUR, operator.time.now(), 2);
    await operator.advance(HOUR);
    expect(await operator.status()).toMatchObject({ stores: { salt: { version: 2, consecutiveFailures: 0 } } });
  });

  it('stops completely: no port, no timer', async () => {
    await operator.startServing(RARE);
    const { http, metrics } = operator.running.addresses;
    await operator.running.stop();
    await expect(fetch(`${http}/ops/healthcheck`)).rejects.toThrow('fetch failed');
    await expect(fetch(`${metrics}/metrics`)).rejects.toThrow('fetch failed');
    expect([operator.time.pending, failureCodes()]).toEqual([0, []]);
  });

  it('stops while it is still waiting for its stores', async () => {
    operator.core.status('/files/keysets', 500);
    await operator.start();
    await operator.until(() => operator.log.some((line) => line.includes('Failed keyset loading')));
    await operator.running.stop();
    expect([operator.time.pending, failureCodes()]).toEqual([0, []]);
  });

  it('writes neither its key nor its tokens nor signed links anywhere', async () => {
    operator.core.token = 'canary-token';
    operator.core.extras = { ...operator.core.extras, attestation_jwt_core: 'canary-jwt' };
    await operator.startServing(RARE);
    operator.core.status('/files/client_keys', 500);
    operator.core.json('/clients/refresh', {
      version: 2,
      client_keys: { location: `${operator.core.url}/files/client_keys?canary-signature` },
    });
    await operator.advance(HOUR);
    const seen = [
      operator.log.join(''),
      (await operator.get('/ops/status')).body,
      (await operator.get('/metrics', 'metrics')).body,
    ];
    expect(seen.join('')).toContain('E12');
    expect(seen.join('')).not.toContain('canary');
  });
});

describe('exit codes', () => {
  it('are distinct, not zero, and each belongs to a documented error', () => {
    const codes = Object.values(exitCodes);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.every((code) => code > 1 && code < 126 && code !== 64 && code !== 78)).toBe(true);
    const known = new Set([...Object.keys(errorCodes), 'LISTEN_FAILED']);
    expect(Object.keys(exitCodes).filter((code) => !known.has(code))).toEqual([]);
  });

  it('tell a refusal from a bad configuration', async () => {
    operator.core.attest = () => ({ status: 403, body: 'no' });
    await operator.start();
    await operator.running.started;
    expect(exitCodeOf(operator.failures[0], service.exitCodes)).toBe(40);
  });
});
