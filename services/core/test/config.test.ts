import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HttpClient } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { createContext, loadCoreConfig, service } from '../src/index.ts';
import { createWorld, get } from './world.ts';

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-core-config-')));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

const BASE = {
  storage_folder: '/bucket',
  link_signing_key_file: '/link.key',
  att_token_enc_key: 'canary-passphrase',
  att_token_enc_salt: 'canary-salt',
  core_public_url: 'https://core.example.com',
};

async function load(settings: object) {
  const file = join(folder, 'core.json');
  await writeFile(file, JSON.stringify({ ...BASE, ...settings }));
  return loadCoreConfig({ env: {}, configFile: file });
}

it('the defaults are those of the reference, and production', async () => {
  const config = await load({});
  expect(config).toMatchObject({
    port: 8088,
    metrics_port: 9088,
    environment: 'prod',
    pre_signed_url_expiry: 1800,
    att_token_lifetime_seconds: 7200,
    provide_private_site_data: false,
    enforceJwt: false,
    allow_list_poll_seconds: 60,
    maa_server_base_url: 'https://sharedeus.eus.attest.azure.net',
    trust_simulated_root: false,
  });
  expect(JSON.stringify(config)).not.toContain('canary');
});

it('production refuses everything made for tests, all problems at once', async () => {
  const settings = {
    trust_simulated_root: true,
    enable_test_endpoints: true,
    maa_server_base_url: 'http://127.0.0.1:8445',
  };
  await expect(load({ ...settings, environment: 'prod' })).rejects.toMatchObject({
    code: 'TEST_ROOT_IN_PROD',
    problems: [
      expect.stringContaining('trust_simulated_root'),
      expect.stringContaining('enable_test_endpoints'),
      expect.stringContaining('https'),
      expect.stringContaining('this machine'),
    ],
  });
  expect((await load({ ...settings, environment: 'test' })).trust_simulated_root).toBe(true);
  for (const maa of ['https://localhost:8445', 'https://[::1]', 'https://127.1.2.3']) {
    await expect(load({ maa_server_base_url: maa })).rejects.toMatchObject({ code: 'TEST_ROOT_IN_PROD' });
  }
});

it('missing settings are named together', () => {
  expect(() => loadCoreConfig({ env: {}, configFile: undefined })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      problems: expect.arrayContaining([
        expect.stringContaining('att_token_enc_key'),
        expect.stringContaining('core_public_url'),
        expect.stringContaining('storage_folder'),
      ]),
    }),
  );
});

it('key files that hold no usable key are refused before anything listens', async () => {
  await writeFile(join(folder, 'link.key'), 'c0'.repeat(32));
  await writeFile(join(folder, 'bad.pem'), 'no key');
  const config = await load({
    link_signing_key_file: join(folder, 'link.key'),
    jwt_signing_key_file: join(folder, 'bad.pem'),
  });
  const http = new HttpClient();
  const create = () =>
    createContext({
      config,
      logger: createLogger({ name: 'core', destination: { write: () => {} } }),
      metrics: new Registry(),
      http,
      clock: Date.now,
      randomBytes: (length) => new Uint8Array(length),
    });
  expect(create).toThrow(expect.objectContaining({ code: 'CORE_JWT_KEY_UNUSABLE' }));
  await http.close();
});

it('the service listens once its seeds are loaded, and not before', async () => {
  const world = await createWorld();
  const file = join(world.folder, 'core.json');
  const settings = JSON.stringify({
    ...BASE,
    environment: 'test',
    host: '127.0.0.1',
    port: 0,
    metrics_port: 0,
    storage_folder: join(world.folder, 'bucket'),
    link_signing_key_file: join(world.folder, 'link.key'),
  });
  await writeFile(file, settings);
  const host = {
    env: {},
    configFile: file,
    logger: createLogger({ name: 'core', destination: { write: () => {} } }),
    fail: () => {},
  };
  const running = await service.start(host);
  const http = new HttpClient();
  try {
    const health = await http.send({ url: `${running.addresses['http']}/ops/healthcheck`, timeoutMs: 5000 });
    expect(Buffer.from(health.body).toString()).toBe('OK');
    const metrics = await http.send({ url: `${running.addresses['metrics']}/metrics`, timeoutMs: 5000 });
    expect(Buffer.from(metrics.body).toString()).toContain('core_seed_version{store="operators"');
  } finally {
    await running.stop();
    await http.close();
  }
  await world.close();
});

it('the service waits for seeds it cannot read: its port stays closed, its metrics port says why', async () => {
  const world = await createWorld();
  const metadata = await world.objects.read('enclaves/metadata.json');
  await world.objects.delete('enclaves/metadata.json');
  const file = join(world.folder, 'core.json');
  const settings = {
    ...BASE,
    environment: 'test',
    host: '127.0.0.1',
    port: 0,
    metrics_port: 0,
    storage_folder: join(world.folder, 'bucket'),
    link_signing_key_file: join(world.folder, 'link.key'),
  };
  await writeFile(file, JSON.stringify(settings));
  const failures: unknown[] = [];
  const running = await service.start({
    env: {},
    configFile: file,
    logger: createLogger({ name: 'core', destination: { write: () => {} } }),
    fail: (error) => failures.push(error),
  });
  const http = new HttpClient();
  const health = async (listener: string) => {
    const answer = await http.send({ url: `${running.addresses[listener]}/ops/healthcheck`, timeoutMs: 5000 });
    return { status: answer.status, text: Buffer.from(answer.body).toString() };
  };
  try {
    expect(running.addresses['http']).toBeUndefined();
    const { status, text } = await health('metrics');
    expect([status, text]).toEqual([503, expect.stringMatching(/^enclaves-rotator: OBJECT_NOT_FOUND: /)]);
    expect(text).not.toContain('\n'); // the operators have been read
    await world.objects.write('enclaves/metadata.json', metadata);
    await vi.waitFor(() => expect(running.addresses['http']).toBeDefined(), 10_000);
    expect([await health('http'), await health('metrics')]).toEqual(
      Array.from({ length: 2 }, () => ({ status: 200, text: 'OK' })),
    );
    expect(failures).toEqual([]);
  } finally {
    await running.stop();
    await http.close();
    await world.close();
  }
});

it('the service can be stopped while it waits for its seeds', async () => {
  await writeFile(join(folder, 'link.key'), 'c0'.repeat(32));
  const file = join(folder, 'waiting.json');
  const settings = { ...BASE, environment: 'test', metrics_port: -1, storage_folder: join(folder, 'no bucket') };
  await writeFile(file, JSON.stringify({ ...settings, link_signing_key_file: join(folder, 'link.key') }));
  const running = await service.start({
    env: {},
    configFile: file,
    logger: createLogger({ name: 'core', destination: { write: () => {} } }),
    fail: () => {},
  });
  expect(running.addresses).toEqual({});
  await running.stop();
});

it('port_offset of the environment shifts all ports, and the file cannot set it', async () => {
  const file = join(folder, 'core.json');
  await writeFile(file, JSON.stringify({ ...BASE, port_offset: 5 }));
  expect(loadCoreConfig({ env: {}, configFile: file })).toMatchObject({ port: 8088, metrics_port: 9088 });
  const shifted = loadCoreConfig({ env: { port_offset: '1000' }, configFile: file });
  expect(shifted).toMatchObject({ port: 9088, metrics_port: 10_088 });
});

it('a storage account serves as the bucket, without a key for links', async () => {
  const { storage_folder: _folder, link_signing_key_file: _key, ...base } = BASE;
  const account = { storage_account_url: 'https://acct.blob.core.windows.net', storage_container: 'core' };
  const file = join(folder, 'core.json');
  await writeFile(file, JSON.stringify({ ...base, ...account }));
  expect(loadCoreConfig({ env: {}, configFile: file })).toMatchObject(account);
  await writeFile(file, JSON.stringify({ ...BASE, ...account }));
  expect(() => loadCoreConfig({ env: {}, configFile: file })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', problems: [expect.stringContaining('not both')] }),
  );
});

it('a seed file that becomes unreadable leaves the last good one in use and is logged', async () => {
  const world = await createWorld();
  await world.objects.write('operators/metadata.json', '{"version":9,"operators":{"location":"operators/none.json"}}');
  await world.objects.write('enclaves/metadata.json', 'no JSON');
  await world.context.refreshSeeds();
  expect((await get(world, '/clients/refresh', world.keys['public'])).status).toBe(200);
  expect(world.log()).toContain('"store":"operators","code":"OBJECT_NOT_FOUND"');
  expect(world.log()).toContain('"store":"enclaves","code":"SEED_FILE_MALFORMED"');
  await world.close();
});
