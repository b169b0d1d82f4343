import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Secret } from '@holdfast/base';
import { createApp, useReferenceFallbacks } from '@holdfast/http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { createDirectoryStore, readLinkKeyFile, useSignedLinks } from '../src/index.ts';

const BASE = 'http://storage.test';
let folder: string;
let now = 1_700_000_000_000;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-links-')));
  await writeFile(join(folder, 'outside'), 'must never be served');
  await storeWith(1).write('optout/delta/2026-01-01/a b+%.dat', 'content');
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

function storeWith(keyByte: number) {
  return createDirectoryStore({
    folder: join(folder, 'bucket'),
    linkBaseUrl: `${BASE}/`,
    linkKey: new Secret(new Uint8Array(32).fill(keyByte)),
    clock: () => now,
  });
}

function buildApp() {
  const app = createApp({ bodyLimitBytes: 1024 });
  useReferenceFallbacks(app, () => {});
  useSignedLinks(app, storeWith(1));
  return app;
}

const PATH = 'optout/delta/2026-01-01/a b+%.dat';
const link = async (path = PATH, ttl = 60) => (await storeWith(1).presign(path, ttl)).slice(BASE.length);

it('a link keeps the slashes of its path and gets the object with its length', async () => {
  expect(await link()).toContain('/objects/optout/delta/2026-01-01/a');
  const answer = await buildApp().inject(await link());
  expect([answer.statusCode, answer.body, answer.headers['content-length']]).toEqual([200, 'content', '7']);
});

it('a link is refused once its time is over', async () => {
  const url = await link(PATH, 60);
  now += 59_999;
  expect((await buildApp().inject(url)).statusCode).toBe(200);
  now += 1;
  expect((await buildApp().inject(url)).statusCode).toBe(403);
});

it('a link of another key, for another path, with another expiry or without signature is refused', async () => {
  const url = await link();
  const foreign = (await storeWith(2).presign(PATH, 60)).slice(BASE.length);
  const expires = /expires=(\d+)/.exec(url)?.[1] ?? '';
  const changed = [
    foreign,
    url.replace('2026-01-01', '2026-01-02'),
    url.replace(`expires=${expires}`, `expires=${Number(expires) + 1}`),
    url.replace(`expires=${expires}`, 'expires=1e99'),
    url.replace(/&signature=.*/, ''),
    url.replace(/&signature=.*/, '&signature='),
    url.split('?', 1)[0] ?? '',
  ];
  for (const target of changed) {
    expect([target, (await buildApp().inject(target)).statusCode]).toEqual([target, 403]);
  }
});

it('one changed bit of the signature never opens an object', async () => {
  const app = buildApp();
  const url = await link();
  const signature = Buffer.from(/signature=(.*)$/.exec(url)?.[1] ?? '', 'base64url');
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: signature.length * 8 - 1 }), async (bit) => {
      const changed = Buffer.from(signature);
      // oxlint-disable-next-line no-bitwise -- flips one bit
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const answer = await app.inject(url.replace(/signature=.*$/, `signature=${changed.toString('base64url')}`));
      expect(answer.statusCode).toBe(403);
    }),
    { numRuns: 40 },
  );
});

it('a valid link to an object that is gone gets 404', async () => {
  expect((await buildApp().inject(await link('optout/missing'))).statusCode).toBe(404);
});

it('paths that try to leave the folder are refused over a real socket', async () => {
  const app = buildApp();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const query = (await link()).split('?')[1] ?? '';
  const hostile = [
    '/objects/../outside',
    '/objects/..%2foutside',
    '/objects/%2e%2e/outside',
    '/objects/%2e%2e%2foutside',
    '/objects/optout/../../outside',
    '/objects/optout%00.dat',
    '/objects//etc/passwd',
    '/objects/%2fetc/passwd',
    '/objects/..%5coutside',
    '/objects/',
    '//objects/optout',
  ];
  try {
    for (const path of hostile) {
      const { status, body } = await rawGet((app.server.address() as AddressInfo).port, `${path}?${query}`);
      expect([path, [403, 404].includes(status), body.includes('never')]).toEqual([path, true, false]);
    }
  } finally {
    await app.close();
  }
});

function rawGet(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    call.on('error', reject);
    call.end();
  });
}

it('readLinkKeyFile takes 32 or more bytes of hexadecimal and nothing else', async () => {
  const file = join(folder, 'link.key');
  await writeFile(file, `${'ab'.repeat(32)}\n`);
  expect(readLinkKeyFile(file).reveal()).toHaveLength(32);
  for (const content of ['ab'.repeat(31), 'not hexadecimal', '']) {
    await writeFile(file, content);
    expect(() => readLinkKeyFile(file)).toThrow(expect.objectContaining({ code: 'LINK_KEY_UNUSABLE' }));
  }
  expect(() => readLinkKeyFile(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'LINK_KEY_UNUSABLE' }));
});
