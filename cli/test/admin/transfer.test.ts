import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { capture } from '../captured-io.ts';
import { seededBucket } from './seeded-bucket.ts';
import type { SeededBucket } from './seeded-bucket.ts';

const RUNTIME = {
  version: 4,
  runtime_config: {
    identity_token_expires_after_seconds: 3600,
    refresh_token_expires_after_seconds: 86_400,
    refresh_identity_token_after_seconds: 900,
    sharing_token_expiry_seconds: 86_400,
    identity_environment: 'test',
  },
};

interface Document {
  readonly stores: object;
  readonly salts: { readonly metadata: object; readonly files: Readonly<Record<string, string>> };
}

const STORE = { member: 'x', metadata: {}, content: [] };

function withoutLastLine(file: string): string {
  const lines = gunzipSync(Buffer.from(file, 'base64')).toString().trimEnd().split('\n');
  return gzipSync(lines.slice(0, -1).join('\n')).toString('base64');
}

async function exported(world: SeededBucket, ...flags: readonly string[]): Promise<string> {
  const file = join(world.folder, '..', 'world.json');
  await world.bucket.objects.write('operator/operator-config.json', JSON.stringify(RUNTIME));
  await world.bucket.objects.write('partners/partners.json', '[{"name":"p"}]');
  await world.bucket.objects.write(
    'partners/metadata.json',
    '{"version":1,"partners":{"location":"partners/partners.json"}}',
  );
  const { exitCode } = await world.run(['export', file, ...flags]);
  expect(exitCode).toBe(0);
  return file;
}

describe('an exported world', () => {
  it('is readable by its owner only', async () => {
    await using world = await seededBucket();
    expect((await stat(await exported(world))).mode & 0o777).toBe(0o600);
  });

  it('fills an empty folder with the same world, stores unknown here included', async () => {
    await using world = await seededBucket();
    const file = await exported(world);
    const other = join(world.folder, '..', 'other');
    const imported = await capture(['uid2', 'import', file, '--world', other], { stdin: '' });
    expect([imported.exitCode, imported.stdout]).toEqual([0, expect.stringContaining(other)]);
    for (const noun of ['site', 'client', 'operator', 'keyset', 'key', 'cloud-key']) {
      const copy = await capture(['uid2', noun, 'list', '--world', other], { stdin: '' });
      expect(copy.stdout).toBe((await world.run([noun, 'list'])).stdout);
    }
    const { location } = (
      JSON.parse(await readFile(join(other, 'partners/metadata.json'), 'utf8')) as { partners: { location: string } }
    ).partners;
    expect(JSON.parse(await readFile(join(other, location), 'utf8'))).toEqual([{ name: 'p' }]);
    const status = await capture(['uid2', 'salt', 'status', '--world', other], { stdin: '' });
    expect(status.stdout).toBe((await world.run(['salt', 'status'])).stdout);
    expect(JSON.parse(await readFile(join(other, 'operator/operator-config.json'), 'utf8'))).toEqual(RUNTIME);
  });

  it('can be taken in by the world it came from, under greater versions', async () => {
    await using world = await seededBucket();
    const file = await exported(world);
    const version = async (path: string) =>
      (JSON.parse(await readFile(join(world.folder, path), 'utf8')) as { version: number }).version;
    const paths = ['clients/metadata.json', 'salts/metadata.json', 'operator/operator-config.json'];
    const before = await Promise.all(paths.map(version));
    expect((await world.json(['import', file]))['consequences']).toEqual([]);
    const after = await Promise.all(paths.map(version));
    expect(after.every((now, index) => now > (before[index] ?? 0))).toBe(true);
    // The salt file that readers may be loading at this moment stays as it is.
    expect(await world.bucket.objects.list('salts/salts.txt.')).toHaveLength(2);
  });

  it('asks before it takes away keys that were issued since', async () => {
    await using world = await seededBucket();
    const file = await exported(world);
    await world.json(['client', 'create', 'later', '--site', '3', '--roles', 'MAPPER']);
    expect(await world.json(['import', file])).toMatchObject({
      error: { code: 'CONFIRMATION_REQUIRED', message: expect.stringContaining('1 active client key') },
    });
    await world.json(['import', file, '--yes']);
    expect(await world.json(['client', 'list'])).toMatchObject({ clients: [{ name: 'backend' }] });
  });

  it('without salts keeps those that are there, and does not fill an empty folder', async () => {
    await using world = await seededBucket();
    const file = await exported(world, '--without-salts');
    expect((await readFile(file, 'utf8')).includes('first_level')).toBe(false);
    expect((await world.run(['import', file])).exitCode).toBe(0);
    expect((await world.run(['salt', 'status'])).exitCode).toBe(0);
    const other = await capture(['uid2', 'import', file, '--world', join(world.folder, '..', 'other')], { stdin: '' });
    expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining('holds no salts')]);
  });

  it('mends a world that is damaged, once that is meant', async () => {
    await using world = await seededBucket();
    const file = await exported(world);
    await world.bucket.objects.write('clients/metadata.json', '{"version":1}');
    expect(await world.json(['import', file])).toMatchObject({
      error: { code: 'CONFIRMATION_REQUIRED', message: expect.stringContaining('damaged') },
    });
    await world.json(['import', file, '--yes']);
    expect(await world.json(['client', 'list'])).toMatchObject({ clients: [{ name: 'backend' }] });
  });
});

describe('a file that is no exported world', () => {
  it.each<readonly [string, (document: Document) => unknown]>([
    ['other JSON', () => ({ some: 'thing' })],
    ['salts as a store', (document) => ({ ...document, stores: { ...document.stores, salts: STORE } })],
    ['a later version', (document) => ({ ...document, version: 2 })],
    ['a store outside the bucket', (document) => ({ ...document, stores: { ...document.stores, '../x': STORE } })],
    ['a store less', ({ stores, ...document }) => ({ ...document, stores: { ...stores, clients: undefined } })],
    [
      'a record that is none',
      ({ stores, ...document }) => ({
        ...document,
        stores: { ...stores, sites: { member: 'sites', metadata: {}, content: [{}] } },
      }),
    ],
    [
      'clients of no site',
      ({ stores, ...document }) => ({
        ...document,
        stores: { ...stores, sites: { member: 'sites', metadata: {}, content: [] } },
      }),
    ],
    ['another object', (document) => ({ ...document, objects: { 'a/b': {} } })],
    ['salts without their file', ({ salts, ...document }) => ({ ...document, salts: { ...salts, files: {} } })],
    [
      'salts with a line less than announced',
      ({ salts, ...document }) => {
        const shortened = Object.entries(salts.files).map(([name, text]) => [name, withoutLastLine(text)]);
        return { ...document, salts: { ...salts, files: Object.fromEntries(shortened) as object } };
      },
    ],
    [
      'salts that are cut short',
      ({ salts, ...document }) => {
        const cut = Object.entries(salts.files).map(([name, text]) => [name, text.slice(0, text.length / 2)]);
        return { ...document, salts: { ...salts, files: Object.fromEntries(cut) as object } };
      },
    ],
  ])('is refused before anything is written: %s', async (_what, damage) => {
    await using world = await seededBucket();
    const file = await exported(world);
    const document = JSON.parse(await readFile(file, 'utf8')) as Document;
    await writeFile(file, JSON.stringify(damage(document)));
    const before = await world.bucket.objects.list('');
    const { exitCode, stderr } = await world.run(['import', file, '--yes']);
    expect(exitCode).toBe(1);
    expect(stderr).not.toContain('[INTERNAL]');
    expect((await world.bucket.objects.list('')).map(({ path }) => path)).toEqual(before.map(({ path }) => path));
  });

  it('or is not there at all', async () => {
    await using world = await seededBucket();
    expect(await world.json(['import', 'missing.json'])).toMatchObject({
      error: { code: 'WORLD_EXPORT_UNREADABLE' },
    });
    expect(await world.json(['export', '/nowhere/at/all.json'])).toMatchObject({
      error: { code: 'WORLD_EXPORT_FAILED' },
    });
  });
});
