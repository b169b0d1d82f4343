import { createSecretKey, randomBytes } from 'node:crypto';

import { PlatformError } from '@holdfast/base';
import { loadVectors } from '@holdfast/base/testing';
import { decryptCloudFile, deriveScopedFiles, parseCloudEncryptionKeysResponse } from '@holdfast/uid2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { buildApp } from '../src/index.ts';
import { cloudKey, createWorld, get, writeStore } from './world.ts';
import type { World } from './world.ts';

const ENCRYPTED = { encrypted: 'true' };
const KEY_SITES = [11, 22, 33, 44, 55];

let world: World;
beforeAll(async () => {
  world = await createWorld({ config: { provide_private_site_data: true } });
  const { objects } = world;
  await writeStore(
    objects,
    'cloud_encryption_keys',
    'cloud_encryption_keys',
    KEY_SITES.map((siteId, index) => cloudKey(index + 1, siteId)),
    2,
  );
  const clients = [11, 22, 33].map((siteId) => ({ key_hash: `client ${siteId}`, site_id: siteId, roles: ['MAPPER'] }));
  await writeStore(objects, 'clients', 'client_keys', clients, 9);
  for (const folder of ['sites', 'keys', 'keys_acl', 'keysets', 'keyset_keys', 'client_side_keypairs']) {
    await writeStore(objects, folder, folder, [], 9);
  }
  await objects.write('salts/salts.txt.2', 'second');
  await world.context.refreshSeeds();
  await derive();
});
afterAll(async () => world.close());

async function derive(): Promise<void> {
  const { objects } = world;
  const files = deriveScopedFiles({
    read: async (path) =>
      objects.read(path).catch((error: unknown) => {
        if (error instanceof PlatformError && error.code === 'OBJECT_NOT_FOUND') return undefined;
        throw error;
      }),
    exists: (path) => objects.exists(path),
    now: world.now,
    randomBytes: (length) => randomBytes(length),
  });
  for await (const { path, content } of files) await objects.write(path, content);
}

/** What the operator gets behind the link of a store, decrypted with the keys that Core gives it. */
async function decrypted(operator: string, path: string, member: string): Promise<string> {
  const key = world.keys[operator];
  const keys = parseCloudEncryptionKeysResponse((await get(world, '/cloud_encryption_keys/retrieve', key)).text);
  const { json } = await get(world, path, key, ENCRYPTED);
  const { location } = Array.isArray(json[member]) ? json[member][0] : json[member];
  const link = new URL(location as string);
  const { text } = await get(world, link.pathname + link.search, undefined);
  const byId = new Map(keys.map(({ id, secret }) => [id, { secret }]));
  return Buffer.from(decryptCloudFile(text, byId, member)).toString();
}

describe('the views that an administrator derives', () => {
  it('give a private operator what concerns its site, encrypted with a key of its site', async () => {
    const clients = JSON.parse(await decrypted('private', '/clients/refresh', 'client_keys')) as object[];
    expect(clients).toMatchObject([{ site_id: 22 }]);
    const { json } = await get(world, '/clients/refresh', world.keys['private'], ENCRYPTED);
    expect(json.version).toBe(9);
    expect(json.client_keys.location).toContain('/clients/encrypted/22_private/clients.json?');
  });

  it('give a public operator everything, and both the same salts', async () => {
    const clients = JSON.parse(await decrypted('public', '/clients/refresh', 'client_keys')) as object[];
    expect(clients).toHaveLength(3);
    for (const operator of ['public', 'private']) {
      expect(await decrypted(operator, '/salt/refresh', 'salts')).toBe('first');
    }
    const { json } = await get(world, '/salt/refresh', world.keys['private'], ENCRYPTED);
    expect(json).toMatchObject({ first_level: 'first level', key_id: 2 });
  });

  it('give a private operator that cannot decrypt the clear view of its site', async () => {
    const { json } = await get(world, '/clients/refresh', world.keys['private']);
    const link = new URL(json.client_keys.location);
    const { text } = await get(world, link.pathname + link.search, undefined);
    expect(JSON.parse(text)).toMatchObject([{ site_id: 22 }]);
    expect(json.version).toBe(world.now);
  });
});

interface RetrieveCase {
  readonly keys: readonly { id: number; siteId: number; activates: number; created: number }[] | string;
  readonly code: number;
  readonly body: { cloud_encryption_keys?: readonly object[] };
}

const vectors = loadVectors('uid2-core.json') as { vectors: { id: string; cases?: RetrieveCase[] }[] } | undefined;

it.skipIf(vectors === undefined)('cloud-encryption-keys-endpoint', async () => {
  const cases = vectors?.vectors.find(({ id }) => id === 'cloud-encryption-keys-endpoint')?.cases ?? [];
  // The secrets of the known answers are no AES keys, which this Core refuses to load.
  const secret = createSecretKey(Buffer.alloc(32, 1));
  const text = secret.export().toString('base64');
  for (const { keys, code, body } of cases) {
    const context = {
      ...world.context,
      operators: Object.assign(Object.create(world.context.operators) as typeof world.context.operators, {
        find: () => ({ ...world.context.operators.find(world.keys['private']), siteId: 88 }),
      }),
      cloudEncryptionKeys: () => {
        if (typeof keys === 'string') throw new Error(keys);
        return keys.map((key) => ({ ...key, secret }));
      },
    };
    const app = buildApp(context);
    const answer = await get({ app }, '/cloud_encryption_keys/retrieve', 'any');
    const expected = body.cloud_encryption_keys?.map((key) => ({ ...key, secret: text }));
    expect([answer.status, answer.json]).toEqual([
      code,
      expected === undefined ? body : { cloud_encryption_keys: expected },
    ]);
    await app.close();
  }
  expect(cases.length).toBeGreaterThan(0);
});
