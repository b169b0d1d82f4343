import { DependencyError, toUtf8 } from '@holdfast/base';
import { afterEach, describe, expect, it } from 'vitest';

import { saltSource } from '../../src/stores/salt-source.ts';

/** So many that a thread of its own reads them. */
const MANY = 100_000;
const FEW = 100;

let files: Map<string, Uint8Array>;

afterEach(() => files.clear());

function saltFile(entries: number, salt: string): Uint8Array {
  return toUtf8(Array.from({ length: entries }, (_, id) => `${id},1,${salt},2,,,,,,,\n`).join(''));
}

function sourceOf(sizes: readonly number[], version = 1): ReturnType<typeof saltSource> {
  files = new Map(sizes.map((size, index) => [`/salts.${index}`, saltFile(size, `salt${index}`)]));
  const salts = sizes.map((size, index) => ({ effective: index, expires: 9, location: `/salts.${index}`, size }));
  const metadata = { version, first_level: 'first', id_prefix: 'a', id_secret: 'b', salts };
  return saltSource({
    session: {
      downloadMetadata: () => Promise.resolve(JSON.stringify(metadata)),
      downloadContent: () => Promise.reject(new Error('files are not encrypted')),
      async streamContent(location, onChunk) {
        const file = files.get(location);
        if (file === undefined) throw new DependencyError('CORE_DOWNLOAD_FAILED', 'E12', { retryable: true });
        for (let start = 0; start < file.length; start += 70_000) await onChunk(file.subarray(start, start + 70_000));
      },
    },
    url: '/salt/refresh',
    now: () => 0,
    cloudKeys: () => undefined,
    onDecryption: () => undefined,
  });
}

describe('saltSource', () => {
  it.each([
    ['few entries', [FEW]],
    ['many entries', [MANY]],
    ['both, in the order of the metadata', [MANY, FEW, MANY]],
  ])('loads files of %s', async (_name, sizes) => {
    const source = sourceOf(sizes);
    const { metadata } = await source.fetchMetadata();
    const snapshots = await source.load(metadata);
    expect(snapshots.map(({ table, effective }) => [table.size, effective])).toEqual(
      sizes.map((size, index) => [size, index]),
    );
    snapshots.forEach(({ table, firstLevelSalt }, index) => {
      const last = table.size - 1;
      expect(firstLevelSalt).toBe('first');
      expect([table.id(last), Buffer.from(table.currentSalt(last) ?? []).toString()]).toEqual([last, `salt${index}`]);
    });
  });

  it('fails as the download fails, and loads at the next attempt', async () => {
    const source = sourceOf([MANY]);
    const file = files.get('/salts.0') ?? new Uint8Array();
    files.clear();
    const { metadata } = await source.fetchMetadata();
    await expect(source.load(metadata)).rejects.toMatchObject({ code: 'CORE_DOWNLOAD_FAILED' });
    files.set('/salts.0', file);
    expect((await source.load(metadata))[0]?.table.isLoaded(MANY - 1)).toBe(true);
  });

  it('says which line of a file is bad', async () => {
    const source = sourceOf([MANY]);
    files.set('/salts.0', toUtf8('1,2,3\n'));
    const { metadata } = await source.fetchMetadata();
    await expect(source.load(metadata)).rejects.toMatchObject({ code: 'SALT_FILE_MALFORMED', details: { line: 1 } });
  });

  it('reads with what the metadata say when it loads, whatever they said before', async () => {
    const source = sourceOf([MANY]);
    const { metadata } = await source.fetchMetadata();
    const [snapshot] = await source.load({ ...metadata, idPrefix: 'z' });
    expect(snapshot?.table.bucketId(0)).toMatch(/^z/);
  });
});
