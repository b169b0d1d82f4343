import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { buildApp, configSchema, createSigningKey, loadTrust } from '@holdfast/attestation-service';
import { listen } from '@holdfast/http';
import { describe, expect, it } from 'vitest';

import { CLOUD_PORTS, failedUp, freePortBase, HoldfastProcess, runHoldfast, waitFor } from '../src/index.ts';
import type { FailedUp } from '../src/index.ts';
import { copySeededHome, editFile, editStore } from './home-copy.ts';

/** What takes part in an attestation. */
const PARTS = ['--only', 'azure,attestation,core,operator'];

const ATTESTATION_REFUSED_EXIT = 40;

function expectRefusal({ code, error }: FailedUp, reason: string): void {
  expect([code, error.code]).toEqual([1, 'OPERATOR_EXITED']);
  expect(error.message).toContain(`uid2-operator ended with exit code ${ATTESTATION_REFUSED_EXIT}`);
  expect(error.message).toContain(reason);
}

describe('Core refuses, and the operator ends with a code of its own and says why', () => {
  it('when one byte of the policy in the manifest was changed', async () => {
    const home = copySeededHome();
    editFile(home, 'operator.yaml', (text) =>
      text.replace(
        /(virtualnode\.ccepolicy: *(?:>-|\|-?)?\s*"?)([A-Za-z0-9+/=]+)/,
        (_all, key: string, policy: string) => {
          const bytes = Buffer.from(policy, 'base64');
          const last = bytes.length - 2;
          bytes[last] = (bytes[last] ?? 0) ^ 1;
          return key + bytes.toString('base64');
        },
      ),
    );
    expectRefusal(await failedUp({ home, args: PARTS }), 'The enclave identifier is unknown');
  });

  it('when the enclave id is not registered', async () => {
    const home = copySeededHome();
    editStore(home, 'enclaves', () => []);
    expectRefusal(await failedUp({ home, args: PARTS }), 'The enclave identifier is unknown');
  });

  it('when the guest is debuggable', async () => {
    const home = copySeededHome();
    editFile(home, 'virtual-node.json', () => JSON.stringify({ guest: { debug: true } }));
    expectRefusal(await failedUp({ home, args: PARTS }), 'Not run in Azure Compliance Utility VM');
  });

  it('when the attestation token is signed by another key than the published one', async () => {
    const home = copySeededHome();
    const portBase = await freePortBase(CLOUD_PORTS);
    await using _impostor = await startImpostor(home, portBase + 4);
    expectRefusal(await failedUp({ home, portBase, args: ['--only', 'azure,core,operator'] }), 'Invalid signature');
  });

  it('when the operator key was revoked', async () => {
    const home = copySeededHome();
    editStore<{ protocol: string }>(home, 'operators', (operators) =>
      operators.map((operator) => (operator.protocol === 'azure-cc' ? { ...operator, disabled: true } : operator)),
    );
    expectRefusal(await failedUp({ home, args: PARTS }), 'disabled');
  });
});

/** The attestation service of `home` on its usual port, publishing the usual key and signing with another. */
async function startImpostor(home: string, port: number): Promise<AsyncDisposable> {
  const read = (path: string): string => readFileSync(join(home, path), 'utf8');
  const issuer = `https://127.0.0.1:${port}`;
  const clock = Date.now;
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const published = createSigningKey({
    keyPem: read('keys/attestation-signing-key.pem'),
    certificatePem: read('keys/attestation-signing-certificate.pem'),
    issuer,
    clock,
    random,
  });
  const config = configSchema.parse(JSON.parse(read('config/attestation.json')));
  // The copied configuration names files of the home folder it was copied from; their content is the same.
  const trust = await loadTrust({ ...config, simulated_root_file: 'snp/root.pem' }, async (file) =>
    readFileSync(join(home, file)),
  );
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const app = buildApp({
    trust,
    settings: { allowDebug: true, policyBitClaims: false },
    events: { tokenIssued() {}, evidenceRefused() {}, requestFailed() {} },
    clock,
    random,
    instance: () => ({ issuer, signingKey: { ...published, privateKey } }),
    tls: { key: read('tls/attestation-key.pem'), cert: read('tls/attestation.pem') },
  });
  await listen(app, { host: '127.0.0.1', port });
  return { [Symbol.asyncDispose]: () => app.close() };
}

describe('a running operator', () => {
  it('goes on serving when Core is gone, and /ops/status counts down', async () => {
    await using up = new HoldfastProcess({ home: copySeededHome(), portBase: await freePortBase(CLOUD_PORTS) });
    const ready = await up.ready();
    const status = async () =>
      (await (await fetch(`${ready.operator.url}/ops/status`)).json()) as {
        ready: boolean;
        shutdown: { secondsLeft: number } | null;
      };
    process.kill(ready.core.pid, 'SIGKILL');
    await waitFor(
      async () => (await status()).shutdown !== null,
      90_000,
      () => 'no countdown began',
    );
    const before = (await status()).shutdown?.secondsLeft ?? 0;
    expect(before).toBeGreaterThan(11 * 3600);
    expect(before).toBeLessThanOrEqual(12 * 3600);
    await waitFor(
      async () => ((await status()).shutdown?.secondsLeft ?? before) < before,
      90_000,
      () => 'the countdown does not move',
    );
    expect((await status()).ready).toBe(true);
    const token = await runHoldfast([
      'uid2',
      'token',
      '--home',
      ready.home,
      '--operator',
      ready.operator.url,
      '--email',
      'user@example.com',
      '--json',
    ]);
    expect([token.code, JSON.parse(token.stdout)]).toMatchObject([0, { status: 'success' }]);
  });
});
