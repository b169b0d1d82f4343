import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HttpClient } from '@holdfast/http';
import { encodeInitdata } from '@holdfast/initdata';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { openSimulatedPlatform } from '../../src/peer-pod/open-platform.ts';
import { sealVaultSecret } from '../../src/peer-pod/sealed-secret.ts';
import { startPeerPod } from '../../src/peer-pod/start-peer-pod.ts';
import type { RunningPeerPod, StartPeerPodOptions } from '../../src/peer-pod/start-peer-pod.ts';
import { FakeBroker, listenAsBroker } from './fake-broker.ts';
import { DOCUMENT, NOW } from './platform.ts';

const CANARY = 'canary-1b7c';
const PATH = 'default/database/password';
const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const http = new HttpClient();

let broker: FakeBroker;
let listener: Awaited<ReturnType<typeof listenAsBroker>>;
let folder: string;
let started: RunningPeerPod[];
let failures: unknown[];

beforeAll(async () => {
  broker = new FakeBroker();
  listener = await listenAsBroker(broker);
});
afterAll(async () => {
  await listener.stop();
  await http.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  started = [];
  failures = [];
  broker.resources.clear();
  broker.resources.set(PATH, CANARY);
});
afterEach(async () => {
  for (const running of started) await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

const pod = (document: string | undefined, password = 'plain'): string => `apiVersion: v1
kind: Pod
metadata:
  name: reader
  annotations: { ${document === undefined ? '' : `io.katacontainers.config.hypervisor.cc_init_data: ${encodeInitdata(document)}`} }
spec:
  runtimeClassName: kata-remote
  containers:
    - name: app
      env: [{ name: PASSWORD, value: ${password} }]
`;

async function start(options: Partial<StartPeerPodOptions> = {}): Promise<RunningPeerPod> {
  const running = await startPeerPod({
    pod: pod(DOCUMENT),
    platform: 'sample',
    kbsUrl: listener.url,
    port: 0,
    folder,
    clock: () => NOW,
    onFailure: (path, error) => failures.push(path, error),
    ...options,
  });
  started.push(running);
  return running;
}

async function get(url: string): Promise<string> {
  const { status, body } = await http.send({ url, timeoutMs: 10_000 });
  return `${status} ${Buffer.from(body).toString()}`;
}

describe('startPeerPod', () => {
  it('serves resources on loopback until it is stopped', async () => {
    const running = await start();
    expect(running.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await get(`${running.url}/cdh/resource/${PATH}`)).toBe(`200 ${CANARY}`);
    await running.stop();
    await expect(get(`${running.url}/info`)).rejects.toMatchObject({ code: 'HTTP_UNREACHABLE' });
  });

  it('leaves the files that a guest has after its first boot stage', async () => {
    await start();
    const file = (name: string): string => join(folder, 'run/peerpod', name);
    expect(readFileSync(file('initdata'), 'utf8')).toBe(encodeInitdata(DOCUMENT));
    expect(readFileSync(file('initdata.digest'), 'utf8')).toMatch(/^[0-9a-f]{64}$/);
    expect(readFileSync(file('aa.toml'), 'utf8')).toBe('[token_configs.kbs]\nurl = "http://kbs.example:8080"\n');
  });

  it('unseals variables of its containers with a key that is a resource', async () => {
    broker.resources.set('default/keys/sealing', JSON.stringify(signer.publicKey.export({ format: 'jwk' })));
    const keyId = 'kbs:///default/keys/sealing';
    const sealed = sealVaultSecret(`kbs:///${PATH}`, { key: signer.privateKey, keyId });
    const { containers } = await start({ pod: pod(DOCUMENT, sealed) });
    expect(containers[0]?.environment.get('PASSWORD')).toBe(CANARY);
    expect(containers[0]?.unsealed).toEqual(['PASSWORD']);
  });

  it('unseals with a key that is a file of the guest', async () => {
    const keys = join(folder, 'run/confidential-containers/cdh/sealed-secret');
    mkdirSync(keys, { recursive: true });
    writeFileSync(join(keys, 'team-red'), JSON.stringify(signer.publicKey.export({ format: 'jwk' })));
    const seal = (keyId: string): string => sealVaultSecret(`kbs:///${PATH}`, { key: signer.privateKey, keyId });
    const { containers } = await start({ pod: pod(DOCUMENT, seal('team-red')) });
    expect(containers[0]?.environment.get('PASSWORD')).toBe(CANARY);
    for (const keyId of ['team-blue', '../sealed-secret/team-red', '/etc/passwd']) {
      await expect(start({ pod: pod(DOCUMENT, seal(keyId)) })).rejects.toMatchObject({
        code: 'PEER_POD_SECRET_KEY_UNAVAILABLE',
      });
    }
  });

  it('does not start with a sealed secret that somebody else sealed, and leaves nothing listening', async () => {
    broker.resources.set('default/keys/sealing', JSON.stringify(signer.publicKey.export({ format: 'jwk' })));
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const sealed = sealVaultSecret(`kbs:///${PATH}`, { key: stranger, keyId: 'kbs:///default/keys/sealing' });
    await expect(start({ pod: pod(DOCUMENT, sealed) })).rejects.toMatchObject({
      code: 'PEER_POD_SECRET_SIGNATURE_INVALID',
    });
  });

  it('repeats nothing of a resource that should have been a key', async () => {
    const sealed = sealVaultSecret(`kbs:///${PATH}`, { key: signer.privateKey, keyId: `kbs:///${PATH}` });
    const error: unknown = await start({ pod: pod(DOCUMENT, sealed) }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PEER_POD_SECRET_KEY_UNAVAILABLE' });
    expect(chain(error)).not.toContain('canary');
  });

  it('fetches credentials into their folder', async () => {
    const credentials = `[[credentials]]\nresource_uri = "kbs:///${PATH}"\npath = "/run/confidential-containers/cdh/kbs/auth.json"\n`;
    await start({ pod: pod(DOCUMENT.replace('[kbc]', `${credentials}[kbc]`)) });
    const file = join(folder, 'run/confidential-containers/cdh/kbs/auth.json');
    expect(readFileSync(file, 'utf8')).toBe(CANARY);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('asks no broker but that of the initdata: without any it has no resources', async () => {
    const running = await start({ pod: pod(undefined) });
    expect(running.config.initdata.source).toBe('placeholder');
    expect(await get(`${running.url}/cdh/resource/${PATH}`)).toMatch(/^500 the initdata name no key broker/);
  });

  it('takes the global initdata for a pod without its own', async () => {
    const running = await start({ pod: pod(undefined), initdata: encodeInitdata(DOCUMENT) });
    expect(running.config.initdata.source).toBe('global');
    expect(await get(`${running.url}/cdh/resource/${PATH}`)).toBe(`200 ${CANARY}`);
  });

  it('shows no secret in what it reports about failures', async () => {
    const running = await start();
    broker.overrides.set(`GET resource/${PATH}`, [{ status: 500, body: Buffer.from(CANARY) }]);
    expect(await get(`${running.url}/cdh/resource/${PATH}`)).toMatch(/^500 the answer \(status 500\)/);
    expect(failures.map(chain).join('\n')).not.toContain('canary');
    expect(failures).toHaveLength(2);
  });
});

describe('openSimulatedPlatform', () => {
  it('makes hardware once, and opens the same again', async () => {
    const options = {
      clock: () => NOW,
      randomBytes: (length: number) => new Uint8Array(randomBytes(length)),
      rsaBits: 2048,
    };
    const made = await openSimulatedPlatform(join(folder, 'snp'), options);
    const opened = await openSimulatedPlatform(join(folder, 'snp'), options);
    expect([made.created, opened.created]).toEqual([true, false]);
    expect(opened.platform.rootPem).toBe(made.platform.rootPem);
    expect(readFileSync(made.rootFile, 'utf8')).toBe(made.platform.rootPem);
    expect(readFileSync(made.issuersFile, 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(statSync(join(folder, 'snp/platform.json')).mode & 0o777).toBe(0o600);
  });

  it('refuses a damaged record without repeating it', async () => {
    writeFileSync(join(folder, 'platform.json'), '{"keys": canary');
    const options = { clock: () => NOW, randomBytes: (length: number) => new Uint8Array(length) };
    const error: unknown = await openSimulatedPlatform(folder, options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SIMULATED_PLATFORM_RECORD_INVALID' });
    expect(chain(error)).not.toContain('canary');
  });
});

/** Everything that a log line could say about an error. */
function chain(thrown: unknown): string {
  const texts: string[] = [];
  for (let at: unknown = thrown; at instanceof Error; at = at.cause) texts.push(at.message, JSON.stringify(at));
  return texts.join('\n');
}
