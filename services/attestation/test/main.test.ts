import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { certificatesToPem, createTokenSigner } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { createLogger } from '@holdfast/process';
import type { RunningService } from '@holdfast/process';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createSigningKey, startAttestation } from '../src/index.ts';
import { NOW, random, rsaKeyPem, simulatedPlatform } from './instance.ts';

describe('startAttestation', () => {
  let platform: SimulatedPlatform;
  let folder: string;
  let running: RunningService | undefined;
  const keyPem = rsaKeyPem();

  beforeAll(async () => {
    platform = await simulatedPlatform();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-attestation-'));
    await writeFile(join(folder, 'key.pem'), keyPem);
    await writeFile(join(folder, 'root.pem'), platform.rootPem);
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    await rm(folder, { recursive: true });
  });

  const start = async (config: Record<string, unknown>): Promise<RunningService> => {
    const configFile = join(folder, 'config.json');
    const base = { host: '127.0.0.1', port: 0, environment: 'test', signing_key_file: join(folder, 'key.pem') };
    await writeFile(configFile, JSON.stringify({ ...base, ...config }));
    running = await startAttestation({
      env: {},
      configFile,
      logger: createLogger({ name: 'attestation', destination: new PassThrough() }),
      fail: () => undefined,
    });
    return running;
  };
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const selfSigned = (): string => {
    const { privateKey } = createSigningKey({
      keyPem,
      certificatePem: undefined,
      issuer: 'https://a',
      clock: () => NOW,
      random,
    });
    const publicKey = createPublicKey(privateKey);
    const validity = { notBefore: Date.now() - 1000, notAfter: Date.now() + 86_400_000 };
    const { certificate } = createTokenSigner({
      issuer: 'https://a',
      privateKey,
      publicKey,
      serial: random(16),
      ...validity,
    });
    return certificatesToPem([certificate]);
  };

  it('listens, takes its address as issuer, and serves metrics on a port of their own', async () => {
    const { addresses } = await start({ metrics_port: 0, simulated_root_file: join(folder, 'root.pem') });
    const document = await fetch(`${addresses['http']}/.well-known/openid-configuration`);
    expect(await document.json()).toMatchObject({ issuer: addresses['http'], jwks_uri: `${addresses['http']}/certs` });
    expect(await (await fetch(`${addresses['metrics']}/metrics`)).text()).toContain(
      'attestation_requests_total{outcome="issued",application="attestation"} 0',
    );
  });

  it('shows the configured issuer, and the configured certificate over https', async () => {
    const pem = selfSigned();
    const { addresses } = await start({
      issuer: 'https://attest.example',
      signing_certificate_file: await file('signer.pem', pem),
      tls_key_file: join(folder, 'key.pem'),
      tls_certificate_file: await file('tls.pem', pem),
    });
    expect(addresses['http']).toMatch(/^https:/);
    const body = await new Promise<string>((resolve, reject) => {
      const call = request(
        `${addresses['http']}/certs`,
        { ca: pem, checkServerIdentity: () => undefined },
        (answer) => {
          let text = '';
          answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
          answer.on('end', () => resolve(text));
        },
      );
      call.on('error', reject);
      call.end();
    });
    const der = pem.replaceAll(/-----[^-]+-----|\s/g, '');
    expect(JSON.parse(body)).toMatchObject({ keys: [{ x5c: [der] }] });
  });

  it.each(['simulated_root_file', 'simulated_uvm_endorsers'])('refuses %s in environment prod', async (key) => {
    const value =
      key === 'simulated_root_file' ? join(folder, 'root.pem') : [{ issuer: 'did:x509:0:sha256:x', feed: 'f' }];
    await expect(start({ environment: 'prod', [key]: value })).rejects.toMatchObject({ code: 'TEST_ROOT_IN_PROD' });
    await expect(start({ environment: undefined, [key]: value })).rejects.toMatchObject({ code: 'TEST_ROOT_IN_PROD' });
  });

  it('refuses a root that is not one of AMD under trusted_root_files', async () => {
    const config = { trusted_root_files: [join(folder, 'root.pem')] };
    await expect(start(config)).rejects.toMatchObject({ code: 'TRUSTED_ROOT_UNKNOWN', family: 'config' });
  });

  it.each([
    ['a small key', { signing_key_file: 'small.pem' }, 'SIGNING_KEY_INVALID'],
    ['a key that is none', { signing_key_file: 'root.pem' }, 'SIGNING_KEY_INVALID'],
    ['a missing key', { signing_key_file: 'none.pem' }, 'ATTESTATION_FILE_UNREADABLE'],
    ['a certificate of another key', { signing_certificate_file: 'root.pem' }, 'SIGNING_KEY_INVALID'],
    ['a certificate that is none', { signing_certificate_file: 'key.pem' }, 'SIGNING_KEY_INVALID'],
    ['half of TLS', { tls_key_file: 'key.pem' }, 'TLS_INCOMPLETE'],
    ['a simulated root that is none', { simulated_root_file: 'key.pem' }, 'SIMULATED_ROOT_INVALID'],
  ])('refuses %s before it listens', async (_what, files, code) => {
    await file('small.pem', rsaKeyPem(1024));
    const config = Object.fromEntries(Object.entries(files).map(([key, name]) => [key, join(folder, name)]));
    await expect(start(config)).rejects.toMatchObject({ code, family: 'config' });
  });

  it('names every wrong setting at once', async () => {
    const call = start({ issuer: 'https://a/', port: 70_000, environment: 'dev' });
    await expect(call).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: [
        expect.stringMatching(/^port:/),
        expect.stringMatching(/^issuer:/),
        expect.stringMatching(/^environment:/),
      ],
    });
  });

  it('says which port is taken', async () => {
    const { addresses } = await start({});
    const first = running;
    const port = Number(new URL(addresses['http'] ?? '').port);
    await expect(start({ port })).rejects.toMatchObject({ code: 'LISTEN_FAILED', details: { port } });
    running = first;
  });

  it('signs with a new key when the file changes, and goes on publishing the old one', async () => {
    const { addresses } = await start({ signing_key_reload_seconds: 1 });
    const kids = async (): Promise<string[]> => {
      const { keys } = (await (await fetch(`${addresses['http']}/certs`)).json()) as { keys: { kid: string }[] };
      return keys.map(({ kid }) => kid);
    };
    const [old] = await kids();
    await file('key.pem', 'not a key');
    await file('key.pem', rsaKeyPem());
    await expect.poll(kids, { timeout: 50_000 }).toHaveLength(2);
    expect((await kids())[1]).toBe(old);
  });
});
