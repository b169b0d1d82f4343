import { createHash, createSecretKey, randomBytes } from 'node:crypto';

import { fromUtf8, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decryptCloudFile, deriveScopedFiles, encryptCloudFile, PrivateViews } from '../../src/index.ts';
import type { ScopedFile } from '../../src/index.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

const NOW = Date.UTC(2026, 4, 1);
const SECONDS = NOW / 1000;

const record = (siteId: number | undefined, operatorType: string, disabled = false): object => ({
  key_hash: `hash ${siteId} ${operatorType}`,
  key_salt: 'AAAA',
  name: `operator ${siteId}`,
  protocol: 'azure-cc',
  disabled,
  operator_type: operatorType,
  ...(siteId === undefined ? {} : { site_id: siteId }),
});

const secrets = new Map<number, Uint8Array>([1, 2, 3, 4].map((id) => [id, randomBytes(32)]));
const cloudKey = (id: number, siteId: number, activates: number, created = activates): object => ({
  id,
  siteId,
  activates,
  created,
  secret: Buffer.from(secrets.get(id) ?? []).toString('base64'),
});
const byId = new Map([...secrets].map(([id, secret]) => [id, { secret: createSecretKey(secret) }]));

const client = (siteId: number, roles: readonly string[], more: object = {}): object => ({
  key_hash: `client ${siteId} ${roles.join()}`,
  site_id: siteId,
  roles,
  disabled: false,
  ...more,
});
const keyset = (id: number, siteId: number, allowedSites: readonly number[] | null): object => ({
  keyset_id: id,
  site_id: siteId,
  name: `keyset ${id}`,
  allowed_sites: allowedSites,
  created: 1,
  enabled: true,
  default: true,
});

/** Core's bucket with the global stores of a small world, and what has been derived into it. */
class TestBucket {
  readonly objects = new Map<string, Uint8Array>();

  store(directory: string, member: string, content: unknown, metadata: object = {}): void {
    const location = `${directory}/${directory}.json`;
    this.objects.set(location, toUtf8(JSON.stringify(content)));
    const text = JSON.stringify({ version: 100, generated: 1, ...metadata, [member]: { location } });
    this.objects.set(`${directory}/metadata.json`, toUtf8(text));
  }

  async derive(now = NOW): Promise<ScopedFile[]> {
    const files: ScopedFile[] = [];
    for await (const file of this.files(now)) {
      this.objects.set(file.path, toUtf8(file.content));
      files.push(file);
    }
    return files;
  }

  files(now = NOW): AsyncGenerator<ScopedFile> {
    return deriveScopedFiles({
      read: async (path) => this.objects.get(path),
      exists: async (path) => this.objects.has(path),
      now,
      randomBytes: (length) => randomBytes(length),
    });
  }

  text(path: string): string {
    return fromUtf8(this.objects.get(path) ?? expect.fail(`${path} is missing`));
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- tests compare parsed files as a whole
  json(path: string): any {
    return JSON.parse(this.text(path));
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- tests compare parsed files as a whole
  decrypted(path: string): any {
    return JSON.parse(fromUtf8(decryptCloudFile(this.text(path), byId, 'test')));
  }
}

function seed(): TestBucket {
  const bucket = new TestBucket();
  bucket.store('operators', 'operators', [
    record(3, 'PRIVATE', true),
    record(3, 'PRIVATE'),
    record(7, 'PUBLIC'),
    record(undefined, 'PUBLIC'),
  ]);
  bucket.store('cloud_encryption_keys', 'cloud_encryption_keys', [
    cloudKey(1, 3, SECONDS - 100),
    cloudKey(2, 3, SECONDS),
    cloudKey(3, 3, SECONDS + 3600),
    cloudKey(4, 7, SECONDS - 1),
  ]);
  bucket.store(
    'sites',
    'sites',
    [2, 3, 4, 7].map((id) => ({ id, name: `site ${id}`, note: 'kept' })),
  );
  bucket.store('clients', 'client_keys', [
    client(3, ['GENERATOR']),
    client(3, ['MAPPER'], { disabled: true }),
    client(4, ['ID_READER']),
    client(5, ['GENERATOR']),
    client(6, ['id_reader']),
    client(8, ['ID_READER']),
  ]);
  bucket.store('keysets', 'keysets', [
    keyset(-1, -1, null),
    keyset(-2, -2, null),
    keyset(2, 2, null),
    keyset(4, 3, []),
    keyset(5, 4, [3, 9]),
    keyset(6, 5, [9]),
    keyset(7, 6, null),
  ]);
  bucket.store(
    'keyset_keys',
    'keyset_keys',
    [-1, -2, 2, 4, 5, 6, 7].map((keysetId, index) => ({ id: index + 1, keyset_id: keysetId, secret: 'AA==' })),
    { max_key_id: 7, system_key_id: 1 },
  );
  bucket.store(
    'keys',
    'keys',
    [-1, -2, 2, 3, 4, 5, 6, 8].map((siteId, index) => ({ id: index + 1, site_id: siteId })),
  );
  bucket.store('keys_acl', 'keys_acl', [
    { site_id: 3, whitelist: [9] },
    { site_id: 4, whitelist: [3] },
    { site_id: 6, blacklist: [3] },
    { site_id: 8, blacklist: [9] },
    { site_id: 10, whitelist: [9] },
    { site_id: 11 },
  ]);
  bucket.store('client_side_keypairs', 'client_side_keypairs', [{ subscription_id: 'abc', site_id: 3 }]);
  const salts = [1, 2].map((effective) => ({
    effective,
    expires: 9,
    location: `salts/salts.txt.${effective}`,
    size: 1,
  }));
  for (const { location } of salts) bucket.objects.set(location, toUtf8(`${location}\n`));
  const metadata = { version: 5, generated: 1, first_level: 'f', id_prefix: 'a', id_secret: 's', salts };
  bucket.objects.set('salts/metadata.json', toUtf8(JSON.stringify(metadata)));
  return bucket;
}

const ids = (records: readonly { id?: number; site_id?: number; keyset_id?: number }[]): (number | undefined)[] =>
  records.map((entry) => entry.id ?? entry.keyset_id ?? entry.site_id);

describe('the private view of a site', () => {
  it('holds what belongs to the site, what every operator needs, and what others share with it', async () => {
    const bucket = seed();
    await bucket.derive();
    for (const view of ['site/3', 'encrypted/3_private']) {
      const read = (store: string): { [name: string]: unknown }[] => {
        const path = `${store}/${view}/${store}.json`;
        return view === 'site/3' ? bucket.json(path) : bucket.decrypted(path);
      };
      expect(ids(read('sites'))).toEqual([2, 3]);
      expect(read('sites')[0]).toEqual({ id: 2, name: 'site 2', note: 'kept' });
      expect(read('clients').map((entry) => entry['key_hash'])).toEqual(['client 3 GENERATOR']);
      expect(ids(read('keysets'))).toEqual([-1, -2, 2, 4, 5]);
      expect(read('keyset_keys').map((entry) => entry['keyset_id'])).toEqual([-1, -2, 2, 4, 5]);
      expect(read('keys').map((entry) => entry['site_id'])).toEqual([-1, -2, 2, 3, 4, 8]);
      expect(ids(read('keys_acl'))).toEqual([3, 4, 8]);
    }
  });

  it('leaves out a keyset that is open to everybody, as the reference does', () => {
    const views = new PrivateViews({ keysets: JSON.stringify([keyset(9, 9, null)]) });
    expect(JSON.parse(views.fileFor('keysets', 3) ?? '')).toEqual([]);
  });

  it('fails as a whole for a record that cannot be judged', () => {
    expect(() => new PrivateViews({ sites: '[{"id":3},{}]' })).toThrow(
      expect.objectContaining({ code: 'SEED_FILE_MALFORMED' }),
    );
    expect(() => new PrivateViews({ keys_acl: '[{"site_id":3,"whitelist":[],"blacklist":[]}]' })).toThrow(
      expect.objectContaining({ code: 'SEED_FILE_MALFORMED' }),
    );
  });

  it('never shows a record of another site that is not shared, whatever the world', () => {
    const site = fc.integer({ min: 3, max: 6 });
    fc.assert(
      fc.property(
        fc.array(fc.record({ siteId: site, allowed: fc.option(fc.array(site)) }), { maxLength: 8 }),
        site,
        (world, siteId) => {
          const keysets = world.map(({ siteId: owner, allowed }, index) => keyset(index + 10, owner, allowed));
          const keys = keysets.map((_, index) => ({ id: index, keyset_id: index + 10 }));
          const views = new PrivateViews({ keysets: JSON.stringify(keysets), keyset_keys: JSON.stringify(keys) });
          const shown = JSON.parse(views.fileFor('keyset_keys', siteId) ?? '') as { id: number }[];
          const expected = world.flatMap(({ siteId: owner, allowed }, index) =>
            owner === siteId || (allowed ?? []).includes(siteId) ? [index] : [],
          );
          expect(shown.map(({ id }) => id)).toEqual(expected);
        },
      ),
    );
  });
});

describe('deriveScopedFiles', () => {
  it('writes one encrypted view for each kind of operator of each site, and a clear one for private operators', async () => {
    const bucket = seed();
    const folders = new Set(
      (await bucket.derive()).map(({ path }) => path.replace(/^[^/]+\//, '').replace(/\/[^/]*$/, '')),
    );
    expect([...folders].toSorted()).toEqual(['encrypted/3_private', 'encrypted/7_public', 'site/3']);
    expect(bucket.decrypted('clients/encrypted/7_public/clients.json')).toEqual(bucket.json('clients/clients.json'));
    expect(bucket.objects.has('client_side_keypairs/encrypted/7_public/client_side_keypairs.json')).toBe(true);
    expect(bucket.objects.has('client_side_keypairs/encrypted/3_private/client_side_keypairs.json')).toBe(false);
  });

  it('encrypts with the active key of the site that was created last', async () => {
    const bucket = seed();
    await bucket.derive();
    expect(bucket.json('sites/encrypted/3_private/sites.json')['key_id']).toBe(2);
    await bucket.derive(NOW + 3_600_000);
    expect(bucket.json('sites/encrypted/3_private/sites.json')['key_id']).toBe(3);
  });

  it('gives encrypted views the version and the further members of the global metadata', async () => {
    const bucket = seed();
    await bucket.derive();
    expect(bucket.json('keyset_keys/encrypted/7_public/metadata.json')).toEqual({
      version: 100,
      generated: 1,
      max_key_id: 7,
      system_key_id: 1,
      keyset_keys: { location: 'keyset_keys/encrypted/7_public/keyset_keys.json' },
    });
  });

  it('raises the version of a private view when a store it is cut by has changed', async () => {
    const bucket = seed();
    bucket.store('keysets', 'keysets', [keyset(4, 3, [])], { version: 200 });
    await bucket.derive();
    expect(bucket.json('keyset_keys/encrypted/3_private/metadata.json').version).toBe(200);
    expect(bucket.json('keyset_keys/encrypted/7_public/metadata.json').version).toBe(100);
  });

  it('writes a clear view again only when it changed, with a version that grows', async () => {
    const bucket = seed();
    await bucket.derive();
    const clear = (files: ScopedFile[]): string[] =>
      files.map(({ path }) => path).filter((path) => path.includes('/site/3/'));
    expect(bucket.json('clients/site/3/metadata.json')).toMatchObject({ version: NOW, generated: SECONDS });
    expect(clear(await bucket.derive(NOW + 1))).toEqual([]);
    bucket.store('clients', 'client_keys', [client(3, ['MAPPER']), client(4, ['ID_READER']), client(8, ['ID_READER'])]);
    expect(clear(await bucket.derive(NOW - 500))).toEqual([
      'clients/site/3/clients.json',
      'clients/site/3/metadata.json',
    ]);
    expect(bucket.json('clients/site/3/metadata.json').version).toBe(NOW + 1);
  });

  it('finishes what a crash after any single write left undone', async () => {
    const whole = seed();
    await whole.derive();
    const total = (await seed().derive()).length;
    for (let writes = 0; writes < total; writes++) {
      const bucket = seed();
      let done = 0;
      for await (const { path, content } of bucket.files()) {
        if (done++ === writes) break;
        bucket.objects.set(path, toUtf8(content));
      }
      await bucket.derive(NOW + 1);
      expect([...bucket.objects.keys()].toSorted()).toEqual([...whole.objects.keys()].toSorted());
      for (const path of whole.objects.keys()) {
        if (/\/site\/3\/(?!metadata)/.test(path)) expect(bucket.text(path)).toBe(whole.text(path));
      }
    }
  });

  it('copies salts once per key: a new snapshot or another key writes, nothing else does', async () => {
    const bucket = seed();
    const salts = (files: ScopedFile[]): string[] =>
      files.map(({ path }) => path).filter((path) => path.startsWith('salts/encrypted/3_private/'));
    const both = ['salts/encrypted/3_private/salts.txt.1', 'salts/encrypted/3_private/salts.txt.2'];
    const metadata = 'salts/encrypted/3_private/metadata.json';
    expect(salts(await bucket.derive())).toEqual([...both, metadata]);
    expect(bucket.json(metadata)).toMatchObject({
      version: 5,
      first_level: 'f',
      key_id: 2,
      salts: [{ effective: 1, expires: 9, location: both[0], size: 1 }, { location: both[1] }],
    });
    expect(fromUtf8(decryptCloudFile(bucket.text(both[0] ?? ''), byId, 'salts'))).toBe('salts/salts.txt.1\n');
    expect(salts(await bucket.derive())).toEqual([]);
    bucket.objects.delete(both[1] ?? '');
    expect(salts(await bucket.derive())).toEqual([both[1], metadata]);
    expect(salts(await bucket.derive(NOW + 3_600_000))).toEqual([...both, metadata]);
    expect(bucket.json(metadata)['key_id']).toBe(3);
  });

  it('writes nothing at all when a site with an operator has no active key', async () => {
    const bucket = seed();
    bucket.store('cloud_encryption_keys', 'cloud_encryption_keys', [cloudKey(1, 3, SECONDS)]);
    await expect(bucket.files().next()).rejects.toMatchObject({
      code: 'CLOUD_ENCRYPTION_KEY_MISSING',
      details: { siteId: 7 },
    });
  });

  it('names the file when metadata lead nowhere', async () => {
    const bucket = seed();
    bucket.objects.delete('salts/salts.txt.2');
    await expect(bucket.derive()).rejects.toMatchObject({ code: 'SCOPED_SOURCE_MISSING' });
  });

  it('leaves out stores that the bucket does not have', async () => {
    const bucket = seed();
    for (const path of bucket.objects.keys()) {
      if (/^(?:keys|keys_acl|client_side_keypairs|salts)\//.test(path)) bucket.objects.delete(path);
    }
    const stores = new Set((await bucket.derive()).map(({ path }) => path.slice(0, path.indexOf('/'))));
    expect([...stores].toSorted()).toEqual(['clients', 'keyset_keys', 'keysets', 'sites']);
  });
});

interface CloudFileVector {
  readonly key_id: number;
  readonly key_secret: string;
  readonly envelope: { readonly key_id: number };
  readonly plaintext_utf8?: string;
  readonly plaintext_sha256: string;
}

describe.skipIf(!hasVectors)('known answers of encrypted files', () => {
  it.each(['cloud-file-keys_acl', 'cloud-file-clients', 'cloud-file-sites', 'cloud-file-salts', 'cloud-file-keysets'])(
    '%s: is opened with its key, and only with it',
    (name) => {
      const vector = coreVector<CloudFileVector>(name);
      const secret = createSecretKey(Buffer.from(vector.key_secret, 'base64'));
      const plain = decryptCloudFile(JSON.stringify(vector.envelope), new Map([[vector.key_id, { secret }]]), name);
      if (vector.plaintext_utf8 !== undefined) expect(fromUtf8(plain)).toBe(vector.plaintext_utf8);
      expect(createHash('sha256').update(plain).digest('hex')).toBe(vector.plaintext_sha256);
      const other = new Map([[vector.key_id, { secret: createSecretKey(randomBytes(32)) }]]);
      expect(() => decryptCloudFile(JSON.stringify(vector.envelope), other, name)).toThrow(
        expect.objectContaining({ code: 'CLOUD_FILE_UNREADABLE' }),
      );
    },
  );

  it('cloud-file-computed: is written byte for byte', () => {
    const vector = coreVector<{ secret_base64: string; iv_hex: string; plaintext_utf8: string; envelope: object }>(
      'cloud-file-computed',
    );
    const key = { id: 1, secret: createSecretKey(Buffer.from(vector.secret_base64, 'base64')) };
    const written = encryptCloudFile(toUtf8(vector.plaintext_utf8), key, () => Buffer.from(vector.iv_hex, 'hex'));
    expect(JSON.parse(written)).toEqual(vector.envelope);
  });
});
