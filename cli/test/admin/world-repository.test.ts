import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ObjectStore } from '@holdfast/storage';
import { createClient, createSite } from '@holdfast/uid2/administration';
import type { World } from '@holdfast/uid2/administration';
import { describe, expect, it } from 'vitest';

import { LOCK_NAME } from '../../src/admin/bucket.ts';
import type { Bucket } from '../../src/admin/bucket.ts';
import { folderLock, whileLocked } from '../../src/admin/world-lock.ts';
import { loadWorld, publishWorld } from '../../src/admin/world-repository.ts';
import { seededBucket } from './seeded-bucket.ts';

const HOUR_MS = 3_600_000;

/** The bucket, whose writes fail from the nth on, as if the process had ended there. */
function interrupted(bucket: Bucket, allowed: number): Bucket {
  let writes = 0;
  const objects: ObjectStore = {
    ...bucket.objects,
    write: (path, bytes) => {
      writes += 1;
      return writes > allowed ? Promise.reject(new Error('interrupted')) : bucket.objects.write(path, bytes);
    },
  };
  return { ...bucket, objects };
}

/** Adds a site and a client that needs a keyset: four stores change. */
function grow(world: World): World {
  const context = { now: Date.now(), randomBytes: (length: number) => new Uint8Array(length).fill(length) };
  const site = { name: 'Limpet', clientTypes: [], domainNames: [], appNames: [] };
  const client = { name: 'sharer', siteId: 4, roles: ['SHARER' as const], serviceId: 0 };
  const naming = { scope: 'uid2', environment: 'T' } as const;
  return createClient(createSite(world, site, context).world, client, naming, context).world;
}

async function metadata(folder: string, store: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(folder, store, 'metadata.json'), 'utf8')) as Record<string, unknown>;
}

describe('publishing a change', () => {
  it('writes new contents under new names and counts versions up, also when the clock is behind', async () => {
    await using world = await seededBucket();
    const loaded = await loadWorld(world.bucket);
    const before = await metadata(world.folder, 'clients');
    const { versions } = await publishWorld(world.bucket, loaded, grow(loaded.world), 1000);
    expect(Object.keys(versions)).toEqual(['sites', 'keyset_keys', 'keysets', 'clients']);
    expect(versions['clients']).toBe(Number(before['version']) + 1);
    expect(await metadata(world.folder, 'clients')).toMatchObject({
      version: versions['clients'],
      client_keys: { location: `clients/clients.${versions['clients']}.json` },
    });
    expect(await metadata(world.folder, 'keyset_keys')).toMatchObject({ max_key_id: 5, system_key_id: 1 });
    expect((await loadWorld(world.bucket)).world.clients).toHaveLength(2);
  });

  it('leaves a whole world wherever it is interrupted, and can be done again', async () => {
    for (let allowed = 0; allowed < 8; allowed += 1) {
      await using world = await seededBucket();
      const loaded = await loadWorld(world.bucket);
      const grown = grow(loaded.world);
      await expect(publishWorld(interrupted(world.bucket, allowed), loaded, grown, Date.now())).rejects.toThrow(
        'interrupted',
      );
      const left = await loadWorld(world.bucket);
      // Whatever is published names only what is published too.
      for (const { siteId } of left.world.clients) expect(left.world.sites.some(({ id }) => id === siteId)).toBe(true);
      for (const keyset of left.world.keysets) {
        expect(left.world.keysetKeys.some(({ keysetId }) => keysetId === keyset.id)).toBe(true);
      }
      expect([1, 2]).toContain(left.world.clients.length);
      await publishWorld(world.bucket, loaded, grown, Date.now());
      expect((await loadWorld(world.bucket)).world.clients).toHaveLength(2);
    }
  });

  it('changes nothing when nothing differs', async () => {
    await using world = await seededBucket();
    const loaded = await loadWorld(world.bucket);
    expect(await publishWorld(world.bucket, loaded, loaded.world, Date.now())).toEqual({
      versions: {},
      problem: undefined,
    });
  });

  it('keeps the content before it, and removes those whose successor is an hour old', async () => {
    await using world = await seededBucket();
    const contents = async () => (await world.bucket.objects.list('sites/sites.')).map(({ path }) => path);
    const [seeded] = await contents();
    await world.run(['site', 'create', 'one']);
    const [, one] = await contents();
    await world.run(['site', 'create', 'two']);
    expect(await contents()).toHaveLength(3);

    const old = new Date(Date.now() - HOUR_MS - 1000);
    for (const path of await contents()) await utimes(join(world.folder, path), old, old);
    await world.run(['site', 'create', 'three']);
    const left = await contents();
    expect(left).toHaveLength(2);
    expect([left.includes(seeded ?? ''), left.includes(one ?? '')]).toEqual([false, false]);
  });

  it('keeps the content before it also where an interrupted run left a later one long ago', async () => {
    await using world = await seededBucket();
    const [seeded] = await world.bucket.objects.list('sites/sites.');
    const version = Number(/\d+/.exec(seeded?.path ?? '')?.[0]);
    const orphan = `sites/sites.${version + 1}.json`;
    await world.bucket.objects.write(orphan, '[]');
    const old = new Date(Date.now() - HOUR_MS - 1000);
    await utimes(join(world.folder, orphan), old, old);
    await world.run(['site', 'create', 'one']);
    expect(await world.bucket.objects.exists(seeded?.path ?? '')).toBe(true);
  });

  it('mirrors keys into the legacy store of worlds that have it, and never gives its ids again', async () => {
    await using world = await seededBucket();
    await world.bucket.objects.write('keys/keys.json', JSON.stringify([{ id: 1, site_id: -1, secret: 'x' }]));
    await world.bucket.objects.write(
      'keys/metadata.json',
      JSON.stringify({ version: 9, keys: { location: 'keys/keys.json' }, max_key_id: 40, system_key_id: 7 }),
    );
    const { versions } = (await world.json(['key', 'rotate', 'master'])) as { versions: Record<string, number> };
    expect(Object.keys(versions)).toEqual(['keyset_keys', 'keys']);
    const { keys, max_key_id, system_key_id } = await metadata(world.folder, 'keys');
    expect([max_key_id, system_key_id]).toEqual([42, 7]);
    const { location } = keys as { location: string };
    const mirrored = JSON.parse(await readFile(join(world.folder, location), 'utf8')) as { id: number }[];
    expect(mirrored.map(({ id }) => id)).toEqual([1, 2, 3, 4, 41, 42]);
  });
});

describe('a world that is damaged', () => {
  it('is refused when metadata name what is not there', async () => {
    await using world = await seededBucket();
    const clients = await metadata(world.folder, 'clients');
    await writeFile(
      join(world.folder, 'clients/metadata.json'),
      JSON.stringify({ ...clients, client_keys: { location: 'clients/gone.json' } }),
    );
    const { exitCode, stderr } = await world.run(['client', 'list']);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('clients/gone.json, which is not there')]);
  });

  it('is refused when a record is, by its name', async () => {
    await using world = await seededBucket();
    const { sites } = (await metadata(world.folder, 'sites')) as { sites: { location: string } };
    await writeFile(join(world.folder, sites.location), '[{"name":"no id"}]');
    const { exitCode, stderr } = await world.run(['site', 'list']);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('sites record 0: id is missing')]);
  });
});

describe('two administrators', () => {
  it('change a world one after the other', async () => {
    await using world = await seededBucket();
    await writeFile(join(world.folder, LOCK_NAME), `${process.ppid}\n`);
    const attempt = whileLocked(world.bucket, () => Promise.resolve(), { attempts: 2, pauseMs: 1 });
    await expect(attempt).rejects.toMatchObject({
      code: 'WORLD_LOCKED',
      message: expect.stringContaining(String(process.ppid)),
    });
  });

  it('do not wait for one that is gone', async () => {
    await using world = await seededBucket();
    await writeFile(join(world.folder, LOCK_NAME), `${2 ** 22 + 1}\n`);
    expect((await world.run(['site', 'create', 'x'])).exitCode).toBe(0);
  });

  it('need a folder that is there and that they may write to', async () => {
    await using world = await seededBucket();
    const locking = (folder: string) =>
      whileLocked({ ...world.bucket, lock: folderLock(folder) }, () => Promise.resolve());
    await expect(locking(join(world.folder, 'missing'))).rejects.toMatchObject({ code: 'WORLD_MISSING' });
    await expect(locking(join(world.folder, 'salts/metadata.json'))).rejects.toMatchObject({
      code: 'WORLD_UNWRITABLE',
    });
  });
});
