import { randomBytes } from 'node:crypto';

import { Secret } from '@holdfast/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createBlobStore } from '../src/index.ts';
import type { BlobStoreOptions, ObjectStore } from '../src/index.ts';
import { startFakeBlobService } from '../testing/index.ts';
import type { FakeBlobService } from '../testing/index.ts';

const ACCOUNT_KEY = randomBytes(32).toString('base64');

function open(accountUrl: string, options: Partial<BlobStoreOptions> = {}): ObjectStore {
  return createBlobStore({
    accountUrl,
    container: 'bucket',
    credential: { kind: 'shared-key', accountName: 'account', accountKey: new Secret(ACCOUNT_KEY) },
    clock: Date.now,
    ...options,
  });
}

describe('a blob store in trouble', () => {
  let service: FakeBlobService;
  beforeEach(async () => {
    service = await startFakeBlobService();
  });
  afterEach(async () => service.close());

  const operations = (store: ObjectStore): Promise<unknown>[] => [
    store.read('a'),
    store.readStream('a'),
    store.exists('a'),
    store.list(''),
    store.write('a', 'x'),
    store.delete('a'),
  ];

  it('ends every call at its deadline when the account does not answer', async () => {
    service.silent = true;
    const store = open(service.accountUrl, { timeoutMs: 300, transferTimeoutMs: 300 });
    const outcomes = await Promise.allSettled(operations(store));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'STORAGE_FAILED',
          retryable: true,
          message: expect.stringContaining('no answer within 300 ms'),
        },
      });
    }
  });

  it('says that the account refuses it, in one line, and that asking again is useless', async () => {
    service.failWith = { status: 403, code: 'AuthorizationPermissionMismatch' };
    for (const outcome of await Promise.allSettled(operations(open(service.accountUrl)))) {
      expect(outcome).toMatchObject({ reason: { code: 'STORAGE_FAILED', retryable: false } });
      expect(String((outcome as PromiseRejectedResult).reason.message)).not.toMatch(/\n|RequestId/);
    }
  });

  it('does not take a missing container for a missing object', async () => {
    service.failWith = { status: 404, code: 'ContainerNotFound' };
    await expect(open(service.accountUrl).read('a')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    service.failWith = { status: 404, code: 'BlobNotFound' };
    await expect(open(service.accountUrl).read('a')).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
  });

  it('tries again when the account is busy for a moment', async () => {
    const store = open(service.accountUrl);
    await store.write('a', 'x');
    service.failWith = { status: 503, code: 'ServerBusy' };
    const reading = store.read('a');
    while (service.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    service.failWith = undefined;
    expect(Buffer.from(await reading).toString()).toBe('x');
  });

  it('does not show the account key', async () => {
    service.failWith = { status: 403, code: 'AuthenticationFailed' };
    const failure = await open(service.accountUrl)
      .read('a')
      .catch((error: unknown) => error);
    expect(JSON.stringify(failure) + String(failure)).not.toContain(ACCOUNT_KEY);
  });
});

describe('links of a shared key', () => {
  it('are for reading one blob until their time is over, and over TLS only where the account has it', async () => {
    const now = Date.UTC(2026, 2, 1, 12);
    const link = async (accountUrl: string): Promise<URL> =>
      new URL(await open(accountUrl, { clock: () => now }).presign('salts/salts.txt.1', 1800));
    const url = await link('https://account.blob.core.windows.net');
    expect(url.origin + url.pathname).toBe('https://account.blob.core.windows.net/bucket/salts/salts.txt.1');
    const query = Object.fromEntries(url.searchParams);
    expect(query).toMatchObject({ sp: 'r', sr: 'b', spr: 'https', se: '2026-03-01T12:30:00Z' });
    expect((await link('http://127.0.0.1:1/account')).searchParams.get('spr')).toBe('https,http');
  });
});

describe('links of a workload identity', () => {
  type HttpClient = NonNullable<BlobStoreOptions['httpClient']>;
  let now = Date.UTC(2026, 2, 1, 12);
  const asked: string[] = [];

  /** Answers only the request for a user delegation key. */
  const httpClient: HttpClient = {
    async sendRequest(request) {
      const body = String(request.body);
      asked.push(body);
      expect(request.url).toContain('comp=userdelegationkey');
      expect(request.headers.get('authorization')).toBe('Bearer entra-token');
      const text = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(body)?.[1] ?? '';
      return {
        request,
        status: 200,
        headers: request.headers.clone(),
        bodyAsText:
          '<?xml version="1.0" encoding="utf-8"?><UserDelegationKey><SignedOid>object-id</SignedOid><SignedTid>tenant-id</SignedTid>' +
          `<SignedStart>${text('Start')}</SignedStart><SignedExpiry>${text('Expiry')}</SignedExpiry><SignedService>b</SignedService>` +
          `<SignedVersion>2021-01-01</SignedVersion><Value>${ACCOUNT_KEY}</Value></UserDelegationKey>`,
      };
    },
  };

  it('are signed with a delegation key that is fetched once a day and outlives every link', async () => {
    const store = open('https://account.blob.core.windows.net', {
      clock: () => now,
      credential: {
        kind: 'token',
        credential: { getToken: async () => ({ token: 'entra-token', expiresOnTimestamp: Date.now() + 3_600_000 }) },
      },
      httpClient,
    });
    const links = await Promise.all([store.presign('a/b', 1800), store.presign('a/c', 3600)]);
    expect(asked).toHaveLength(1);
    const query = Object.fromEntries(new URL(links[0] ?? '').searchParams);
    expect(query).toMatchObject({ sp: 'r', sr: 'b', skoid: 'object-id', se: '2026-03-01T12:30:00Z' });
    expect(Date.parse(query['ske'] ?? '')).toBeGreaterThan(now + 3600 * 1000);

    now += 22 * 3_600_000;
    await store.presign('a/b', 1800);
    expect(asked).toHaveLength(1);
    now += 3_600_000 + 1;
    await store.presign('a/b', 3600);
    expect(asked).toHaveLength(2);
  });
});
