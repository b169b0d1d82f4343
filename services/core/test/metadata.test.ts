import { loadVectors } from '@holdfast/base/testing';
import { scopedMetadataPath } from '@holdfast/uid2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { scopeFor } from '../src/metadata/scope.ts';
import { signLocations } from '../src/metadata/sign-locations.ts';
import { cloudKey, createWorld, get, writeStore } from './world.ts';
import type { World } from './world.ts';

let plain: World;
let perSite: World;
beforeAll(async () => {
  plain = await createWorld();
  perSite = await createWorld({ config: { provide_private_site_data: true } });
});
afterAll(async () => {
  await plain.close();
  await perSite.close();
});

const ENCRYPTED = { encrypted: 'True' };

async function locationOf(world: World, path: string, member: string, operator: string, headers = {}): Promise<string> {
  const { status, json } = await get(world, path, world.keys[operator], headers);
  expect([path, status]).toEqual([path, 200]);
  const entry = Array.isArray(json[member]) ? json[member][0] : json[member];
  return new URL(entry.location).pathname.replace('/objects/', '');
}

describe('which copy an operator gets', () => {
  it('follows operator type, Encrypted header and the setting for private site data', async () => {
    const clients = (world: World, operator: string, headers = {}) =>
      locationOf(world, '/clients/refresh', 'client_keys', operator, headers);
    for (const world of [plain, perSite]) {
      expect(await clients(world, 'public')).toBe('clients/clients.json');
      expect(await clients(world, 'public', { encrypted: 'yes' })).toBe('clients/clients.json');
      expect(await clients(world, 'public', ENCRYPTED)).toBe('clients/encrypted/11_public/clients.json');
    }
    expect(await clients(plain, 'private')).toBe('clients/clients.json');
    expect(await clients(plain, 'private', ENCRYPTED)).toBe('clients/encrypted/22_public/clients.json');
    expect(await clients(perSite, 'private')).toBe('clients/site/22/clients.json');
    expect(await clients(perSite, 'private', ENCRYPTED)).toBe('clients/encrypted/22_private/clients.json');
  });

  it('does not depend on that setting for salts', async () => {
    for (const world of [plain, perSite]) {
      const salts = (operator: string, headers = {}) => locationOf(world, '/salt/refresh', 'salts', operator, headers);
      expect(await salts('public')).toBe('salts/salts.txt.1');
      expect(await salts('private')).toBe('salts/salts.txt.1');
      expect(await salts('public', ENCRYPTED)).toBe('salts/encrypted/11_public/salts.txt.1');
      expect(await salts('private', ENCRYPTED)).toBe('salts/encrypted/22_private/salts.txt.1');
    }
  });

  it('is the one global file for services, links, operators and partners', async () => {
    const routes = [
      ['/services/refresh', 'services', 'public', 'services/services.json'],
      ['/service_links/refresh', 'service_links', 'public', 'service_links/service_links.json'],
      ['/operators/refresh', 'operators', 'optout', 'operators/operators.json'],
      ['/partners/refresh', 'partners', 'optout', 'partners/partners.json'],
    ] as const;
    for (const [path, member, operator, location] of routes) {
      expect(await locationOf(perSite, path, member, operator, ENCRYPTED)).toBe(location);
    }
  });

  it('exists for every store', async () => {
    const routes = [
      ['/sites/refresh', 'sites', 'sites'],
      ['/client_side_keypairs/refresh', 'client_side_keypairs', 'client_side_keypairs'],
      ['/key/refresh', 'keys', 'keys'],
      ['/key/acl/refresh', 'keys_acl', 'keys_acl'],
      ['/key/keyset/refresh', 'keysets', 'keysets'],
      ['/key/keyset-keys/refresh', 'keyset_keys', 'keyset_keys'],
    ] as const;
    for (const [path, member, folder] of routes) {
      expect(await locationOf(plain, path, member, 'public')).toBe(`${folder}/${folder}.json`);
      expect(await locationOf(plain, path, member, 'public', ENCRYPTED)).toContain('encrypted/11_public/');
    }
  });
});

it('metadata keeps all other members and is compact JSON', async () => {
  const { text, headers } = await get(plain, '/salt/refresh', plain.keys['public']);
  expect(headers['content-type']).toBe('application/json');
  expect(text).toMatch(
    /^\{"version":7,"generated":1,"first_level":"first level","id_prefix":"b","id_secret":"id secret","salts":\[\{"effective":1,"expires":2,"location":"http:\/\/links\.test\/objects\/salts\/salts\.txt\.1\?expires=\d+&signature=[\w-]+","size":2\},/,
  );
});

it('a location leads to the object without any header, for as long as configured and no longer', async () => {
  const { json } = await get(plain, '/salt/refresh', plain.keys['public']);
  const link = json.salts[0].location.replace('http://links.test', '');
  expect((await get(plain, link, undefined)).text).toBe('first');
  plain.now += 1800 * 1000;
  expect((await get(plain, link, undefined)).status).toBe(403);
  plain.now -= 1800 * 1000;
  expect((await get(plain, '/objects/salts/salts.txt.1', plain.keys['public'])).status).toBe(403);
});

it('any failure is 500 with the words of the store', async () => {
  const broken = await createWorld();
  const words = [
    ['/sites/refresh', 'sites', 'sites', 'public'],
    ['/clients/refresh', 'client', 'clients', 'public'],
    ['/client_side_keypairs/refresh', 'client_side_keypairs', 'client_side_keypairs', 'public'],
    ['/services/refresh', 'services', 'services', 'public'],
    ['/service_links/refresh', 'service_links', 'service_links', 'public'],
    ['/key/refresh', 'key', 'keys', 'public'],
    ['/key/acl/refresh', 'key acl', 'keys_acl', 'public'],
    ['/key/keyset/refresh', 'keyset', 'keysets', 'public'],
    ['/key/keyset-keys/refresh', 'keyset key', 'keyset_keys', 'public'],
    ['/salt/refresh', 'salt', 'salts', 'public'],
    ['/operators/refresh', 'operator', 'operators', 'optout'],
    ['/partners/refresh', 'partner', 'partners', 'optout'],
  ] as const;
  for (const damage of [undefined, 'no JSON', '[]', '{}', `{"x":{"location":"a"}}`]) {
    for (const [path, word, folder, operator] of words) {
      if (damage === undefined) await broken.objects.delete(`${folder}/metadata.json`);
      else await broken.objects.write(`${folder}/metadata.json`, damage);
      const { status, json } = await get(broken, path, broken.keys[operator]);
      expect([path, status, json]).toEqual([
        path,
        500,
        { status: 'error', message: `error processing ${word} refresh` },
      ]);
    }
  }
  await broken.objects.write('clients/metadata.json', '{"client_keys":{"location":"../outside"}}');
  expect((await get(broken, '/clients/refresh', broken.keys['public'])).status).toBe(500);
  await broken.close();
});

it('an operator without a site gets 500 for what has copies per site', async () => {
  for (const path of ['/clients/refresh', '/salt/refresh']) {
    expect((await get(plain, path, plain.keys['siteless'])).status).toBe(500);
  }
});

describe('GET /cloud_encryption_keys/retrieve', () => {
  const PATH = '/cloud_encryption_keys/retrieve';

  it('answers all keys of the caller site and no others', async () => {
    const { status, json } = await get(plain, PATH, plain.keys['private']);
    expect([status, json]).toEqual([200, { cloud_encryption_keys: [cloudKey(2, 22)] }]);
  });

  it('answers 500 when the site has none, also when the store does not exist', async () => {
    const without = await createWorld({ withoutCloudKeys: true });
    const { status, json } = await get(without, PATH, without.keys['public']);
    expect([status, json]).toEqual([
      500,
      { status: 'No Cloud Encryption keys found', message: 'No Cloud Encryption keys found for siteId: 11' },
    ]);
    await writeStore(without.objects, 'cloud_encryption_keys', 'cloud_encryption_keys', [cloudKey(5, 11)], 1);
    await without.context.refreshSeeds();
    expect((await get(without, PATH, without.keys['public'])).json.cloud_encryption_keys).toHaveLength(1);
    await without.close();
  });
});

describe('GET /operator/config', () => {
  it('answers the file as pretty-printed JSON', async () => {
    const { status, text, headers } = await get(plain, '/operator/config', plain.keys['public']);
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(text).toBe('{\n  "version": 3,\n  "runtime_config": {\n    "identity_environment": "test"\n  }\n}');
  });

  it('answers 500 as text when the file is missing or no JSON', async () => {
    const broken = await createWorld();
    await broken.objects.write('operator/operator-config.json', '{');
    const unparsable = await get(broken, '/operator/config', broken.keys['public']);
    expect([unparsable.status, unparsable.text.split(':', 1)[0]]).toEqual([500, 'Failed to parse configuration']);
    await broken.objects.delete('operator/operator-config.json');
    const missing = await get(broken, '/operator/config', broken.keys['public']);
    expect([missing.status, missing.text.split(':', 1)[0]]).toEqual([500, 'Failed to retrieve configuration']);
    await broken.close();
  });
});

const vectors = (loadVectors('uid2-core.json') as { vectors: Record<string, unknown>[] } | undefined)?.vectors;
const casesOf = (id: string) => vectors?.find((vector) => vector['id'] === id)?.['cases'] as Record<string, string>[];

describe.skipIf(vectors === undefined)('known answers', () => {
  it('metadata-path', () => {
    for (const { operator_type, encrypted, path } of casesOf('metadata-path')) {
      const scope = scopeFor({
        operator: { siteId: 42, operatorType: operator_type as 'PUBLIC' | 'PRIVATE' },
        encrypted: Boolean(encrypted),
        privateSiteData: true,
        salts: false,
      });
      expect(scopedMetadataPath('s3://test-bucket/folder/', scope)).toBe(path);
    }
  });

  it('metadata-presign', async () => {
    for (const { input = '', key = '', presigned = '', output } of casesOf('metadata-presign')) {
      const member = key.split(' ', 1)[0] ?? '';
      expect(JSON.stringify(await signLocations(input, member, async () => presigned))).toBe(output);
    }
  });
});
