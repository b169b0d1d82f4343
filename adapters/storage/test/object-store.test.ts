import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Secret } from '@holdfast/base';
import { createApp, HttpClient, listen, useReferenceFallbacks } from '@holdfast/http';

import { createBlobStore, createDirectoryStore, useSignedLinks } from '../src/index.ts';
import { AZURITE_ACCOUNT, AZURITE_KEY, azuriteContainer, azuriteUrl, startFakeBlobService } from '../testing/index.ts';
import { describeObjectStore } from './object-store-suite.ts';
import type { StoreUnderTest } from './object-store-suite.ts';

async function get(url: string): Promise<{ status: number; body: Uint8Array }> {
  const http = new HttpClient();
  try {
    return await http.send({ url, timeoutMs: 10_000 });
  } finally {
    await http.close();
  }
}

describeObjectStore('a directory', async (): Promise<StoreUnderTest> => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-suite-'));
  const app = createApp({ bodyLimitBytes: 1024 });
  useReferenceFallbacks(app, () => undefined);
  const stores: { current?: ReturnType<typeof createDirectoryStore> } = {};
  const options = { folder: join(folder, 'bucket'), linkKey: new Secret(randomBytes(32)), clock: Date.now };
  useSignedLinks(app, createDirectoryStore({ ...options, linkBaseUrl: 'http://unused.test' }));
  const linkBaseUrl = await listen(app, { host: '127.0.0.1', port: 0 });
  stores.current = createDirectoryStore({ ...options, linkBaseUrl });
  return {
    store: stores.current,
    get,
    async close() {
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});

describeObjectStore('a blob container, the service played by a fake', async (): Promise<StoreUnderTest> => {
  const service = await startFakeBlobService();
  const store = createBlobStore({
    accountUrl: service.accountUrl,
    container: 'bucket',
    credential: {
      kind: 'shared-key',
      accountName: 'account',
      accountKey: new Secret(randomBytes(32).toString('base64')),
    },
    clock: Date.now,
  });
  return { store, get, close: () => service.close() };
});

describeObjectStore(
  'a blob container of the Azurite emulator (npm run test:azurite)',
  async (): Promise<StoreUnderTest> => {
    const azurite = await azuriteContainer();
    const store = createBlobStore({
      accountUrl: azuriteUrl ?? '',
      container: azurite.container,
      credential: { kind: 'shared-key', accountName: AZURITE_ACCOUNT, accountKey: new Secret(AZURITE_KEY) },
      clock: Date.now,
    });
    return { store, get, close: () => azurite.remove() };
  },
  azuriteUrl !== undefined,
);
