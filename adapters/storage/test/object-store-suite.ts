import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ObjectStore } from '../src/index.ts';

/** A store that starts empty, and what a holder of its links does. */
export interface StoreUnderTest {
  readonly store: ObjectStore;
  /** GETs a link without any credential. */
  get(url: string): Promise<{ readonly status: number; readonly body: Uint8Array }>;
  close(): Promise<void>;
}

/** Texts that are no object paths, whatever the medium. */
export const HOSTILE_PATHS: readonly string[] = [
  '',
  '/',
  '/etc/passwd',
  '..',
  '../outside',
  'a/../../outside',
  './a',
  'a//b',
  'a/',
  'a\\..\\b',
  'a\u0000b',
  'C:/x',
  'a.',
  'a ',
  'a/b.12.0123abcd.tmp',
  'x'.repeat(2000),
];

/** What every object store does, run against each of them. */
export function describeObjectStore(name: string, open: () => Promise<StoreUnderTest>, available = true): void {
  describe.skipIf(!available)(`an object store: ${name}`, () => {
    let subject: StoreUnderTest;
    let store: ObjectStore;
    beforeAll(async () => {
      subject = await open();
      store = subject.store;
    });
    afterAll(async () => subject?.close());

    it('reads back what was written, whole and as a stream, the latest content only', async () => {
      await store.write('a/b/c.bin', new Uint8Array([1, 2, 3]));
      expect([...(await store.read('a/b/c.bin'))]).toEqual([1, 2, 3]);
      await store.write('a/b/c.bin', 'text ü');
      const { sizeBytes, stream } = await store.readStream('a/b/c.bin');
      expect([sizeBytes, Buffer.concat(await stream.toArray()).toString()]).toEqual([7, 'text ü']);
    });

    it('keeps objects without content', async () => {
      await store.write('empty', '');
      const { sizeBytes, stream } = await store.readStream('empty');
      expect([sizeBytes, (await stream.toArray()).length, (await store.read('empty')).length]).toEqual([0, 0, 0]);
    });

    it('streams an object of several megabytes byte for byte', async () => {
      const content = randomBytes(5 * 1024 * 1024 + 1);
      await store.write('large.bin', content);
      const { sizeBytes, stream } = await store.readStream('large.bin');
      expect(sizeBytes).toBe(content.length);
      expect(Buffer.concat(await stream.toArray()).equals(content)).toBe(true);
    });

    it('shows a reader the old content or the new one while it is replaced, never a part', async () => {
      const versions = [1, 2].map((byte) => new Uint8Array(300_000).fill(byte));
      await store.write('replaced', versions[0] ?? '');
      const writes = (async () => {
        for (let turn = 1; turn <= 10; turn++) await store.write('replaced', versions[turn % 2] ?? '');
      })();
      for (let read = 0; read < 20; read++) {
        const bytes = await store.read('replaced');
        expect([bytes.length, new Set(bytes).size]).toEqual([300_000, 1]);
      }
      await writes;
    });

    it('answers OBJECT_NOT_FOUND for what is not there', async () => {
      for (const path of ['missing', 'a/b', 'no/such/folder']) {
        await expect(store.read(path)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
        await expect(store.readStream(path)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
        expect(await store.exists(path)).toBe(false);
      }
      expect(await store.exists('a/b/c.bin')).toBe(true);
    });

    it('deletes an object and does not mind when there is none', async () => {
      await store.write('deleted/one', 'x');
      await store.delete('deleted/one');
      await store.delete('deleted/one');
      await store.delete('never/there');
      expect(await store.exists('deleted/one')).toBe(false);
    });

    it('lists every object with a prefix in code-unit order, with size and time', async () => {
      const before = Date.now();
      for (const path of ['log/delta/2026-02/x', 'log/delta/2026-01/b', 'log/delta/2026-01/a', 'log/d', 'log/Z']) {
        await store.write(path, path);
      }
      const paths = async (prefix: string): Promise<string[]> => (await store.list(prefix)).map(({ path }) => path);
      expect(await paths('log/')).toEqual([
        'log/Z',
        'log/d',
        'log/delta/2026-01/a',
        'log/delta/2026-01/b',
        'log/delta/2026-02/x',
      ]);
      expect(await paths('log/delta/2026-0')).toHaveLength(3);
      expect(await paths('log/delta/2026-01/')).toHaveLength(2);
      expect(await paths('log/delta/2026-01/b')).toEqual(['log/delta/2026-01/b']);
      expect(await paths('nothing/here')).toEqual([]);
      const [found] = await store.list('log/d');
      expect(found?.sizeBytes).toBe(5);
      expect(Math.abs((found?.modifiedAt ?? 0) - before)).toBeLessThan(120_000);
    });

    it('keeps names apart that differ in blanks, percent signs, plus signs and letters beyond ASCII', async () => {
      const names = ['n/a b', 'n/a+b', 'n/a%20b', 'n/a%2Fb', 'n/ä', 'n/#?&=.txt'];
      for (const path of names) await store.write(path, path);
      for (const path of names) expect(Buffer.from(await store.read(path)).toString()).toBe(path);
      expect((await store.list('n/')).map(({ path }) => path)).toEqual(names.toSorted());
    });

    it('takes no path that could mean another object', async () => {
      const refused = { code: 'OBJECT_PATH_INVALID' };
      for (const path of HOSTILE_PATHS) {
        await expect(store.read(path)).rejects.toMatchObject(refused);
        await expect(store.readStream(path)).rejects.toMatchObject(refused);
        await expect(store.write(path, 'x')).rejects.toMatchObject(refused);
        await expect(store.delete(path)).rejects.toMatchObject(refused);
        await expect(store.exists(path)).rejects.toMatchObject(refused);
        await expect(store.presign(path, 1)).rejects.toMatchObject(refused);
      }
      await expect(store.list('../')).rejects.toMatchObject(refused);
    });

    it('makes links that get exactly their object, with the slashes of its path in them', async () => {
      const path = 'optout/delta/2026-01-01/optout-delta-000_2026-01-01T00.00.00Z_418810dc.dat';
      await store.write(path, 'linked');
      const url = await store.presign(path, 60);
      expect(url).toContain(path);
      const answer = await subject.get(url);
      expect([answer.status, Buffer.from(answer.body).toString()]).toEqual([200, 'linked']);
      expect((await subject.get(url.replace('418810dc', '418810dd'))).status).toBeGreaterThanOrEqual(400);
      expect((await subject.get(url.split('?', 1)[0] ?? '')).status).toBeGreaterThanOrEqual(400);
    });
  });
}
