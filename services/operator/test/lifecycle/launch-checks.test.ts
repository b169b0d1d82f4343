import { DependencyError, PlatformError, Secret } from '@holdfast/base';
import { loadVectors } from '@holdfast/base/testing';
import { FakeCore, VirtualTime } from '@holdfast/core-client/testing';
import { describe, expect, it } from 'vitest';

import { checkCoreReachable, checkOperatorKey } from '../../src/lifecycle/launch-checks.ts';
import { obtainOperatorKey } from '../../src/lifecycle/operator-key.ts';
import type { FetchSecret } from '../../src/lifecycle/operator-key.ts';
import { waitForSidecar } from '../../src/lifecycle/wait-for-sidecar.ts';

interface KeyCase {
  readonly operator_key: string;
  readonly environment: string;
  readonly debug_mode: boolean;
  readonly result: string;
}
const vectors = (
  loadVectors('uid2-core.json') as { readonly vectors: readonly { id: string; cases?: KeyCase[] }[] } | undefined
)?.vectors;

async function failure(work: Promise<unknown>): Promise<PlatformError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PlatformError)) throw new Error(`not one of our errors: ${String(error)}`);
  return error;
}

describe.skipIf(vectors === undefined)('checkOperatorKey', () => {
  const cases = vectors?.find(({ id }) => id === 'startup-operator-key-check')?.cases ?? [];
  it.for(cases)('$operator_key in $environment, debug $debug_mode: $result', (known) => {
    const { operator_key: key, environment, debug_mode: debugMode, result } = known;
    const check = (): void => checkOperatorKey(key, { environment, debugMode });
    if (result !== 'E05') return check();
    expect(check).toThrow(expect.objectContaining({ code: 'OPERATOR_KEY_ENVIRONMENT' }));
    expect(check).toThrow(/^E05: /);
    expect(check).not.toThrow(key);
    return undefined;
  });
});

describe('checkCoreReachable', () => {
  it('is content with any status, also at an address with a port', async () => {
    const core = await FakeCore.start();
    await expect(checkCoreReachable(core.url)).resolves.toBeUndefined();
    await core.stop();
  });

  it('says E06 with the address when nothing answers', async () => {
    const error = await failure(checkCoreReachable(SILENT));
    expect([error.code, error.message]).toEqual([
      'UID2_SERVICES_UNREACHABLE',
      expect.stringMatching(/^E06: .*127\.0\.0\.1/),
    ]);
  });

  it('says E06 when the name does not resolve', async () => {
    const error = await failure(checkCoreReachable('https://core.invalid'));
    expect([error.code, error.details['address']]).toEqual(['UID2_SERVICES_UNREACHABLE', '']);
  });
});

describe('obtainOperatorKey', () => {
  const signal = new AbortController().signal;
  const vault = { from: 'vault', vaultUrl: 'https://v.vault.azure.net', secretName: 'key' } as const;
  const failing =
    (code: string): FetchSecret =>
    () =>
      Promise.reject(new DependencyError(code, 'as the vault said', { retryable: false, action: 'do this' }));

  it('takes the key of the configuration without asking anybody', async () => {
    const key = new Secret('configured');
    expect(await obtainOperatorKey({ from: 'configuration', key }, signal, failing('UNUSED'))).toBe(key);
  });

  it('asks the vault for the secret', async () => {
    const asked: unknown[] = [];
    const fetch: FetchSecret = (options) => {
      asked.push([options.vaultUrl, options.secretName]);
      return Promise.resolve({ value: new Secret('from the vault'), version: undefined, expiresAt: undefined });
    };
    expect((await obtainOperatorKey(vault, signal, fetch)).reveal()).toBe('from the vault');
    expect(asked).toEqual([['https://v.vault.azure.net', 'key']]);
  });

  it.for([
    ['SECRET_NOT_FOUND', 'OPERATOR_KEY_NOT_FOUND', /^E02: /],
    ['AZURE_FORBIDDEN', 'OPERATOR_KEY_FORBIDDEN', /^E08: /],
    ['AZURE_CREDENTIAL_UNAVAILABLE', 'OPERATOR_KEY_FORBIDDEN', /^E08: /],
    ['AZURE_UNREACHABLE', 'OPERATOR_KEY_UNAVAILABLE', /as the vault said/],
  ] as const)('turns %s into %s', async ([vaultCode, code, message]) => {
    const error = await failure(obtainOperatorKey(vault, signal, failing(vaultCode)));
    expect([error.code, error.action, error.message]).toEqual([code, 'do this', expect.stringMatching(message)]);
  });
});

describe('waitForSidecar', () => {
  it('returns once the sidecar accepts connections', async () => {
    const sidecar = await FakeCore.start();
    const { port } = sidecar;
    await sidecar.stop();
    const time = new VirtualTime();
    let done = false;
    const waiting = waitForSidecar(`http://127.0.0.1:${port}`, time, new AbortController().signal).then(() => {
      done = true;
      return undefined;
    });
    await waitFor(() => time.pending === 1);
    expect(done).toBe(false);
    const late = await FakeCore.start(port);
    await time.advance(1000);
    await waiting;
    expect(done).toBe(true);
    await late.stop();
  });

  it('gives up after 15 attempts with pauses of 1 to 14 seconds', async () => {
    const time = new VirtualTime();
    const startMs = time.now();
    const outcome = failure(waitForSidecar(SILENT, time, new AbortController().signal));
    for (let second = 1; second <= 14; second++) {
      await waitFor(() => time.pending === 1);
      await time.advance(second * 1000);
    }
    expect((await outcome).code).toBe('SIDECAR_UNREACHABLE');
    expect(time.now() - startMs).toBe(105_000);
  });

  it('stops waiting when the operator is stopped', async () => {
    const abort = new AbortController();
    const time = new VirtualTime();
    const waiting = waitForSidecar(SILENT, time, abort.signal);
    await waitFor(() => time.pending === 1);
    abort.abort(new Error('stopping'));
    await expect(waiting).rejects.toThrow('stopping');
    expect(time.pending).toBe(0);
  });
});

/** Nothing listens on port 1 of this machine. */
const SILENT = 'http://127.0.0.1:1';

async function waitFor(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(condition()).toBe(true);
}
