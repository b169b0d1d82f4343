import { toUtf8 } from '@holdfast/base';
import { parseSaltFile } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { SaltReading } from '../../src/file-threads/salt-reading.ts';

const DYING = new URL('dying-thread.ts', import.meta.url);
const ENTRIES = 40_000;

const lines = Array.from({ length: ENTRIES }, (_, id) => `${id},1,${'salt'.repeat(11)},2,,,,,,,\n`);
const bytes = toUtf8(lines.join('')); // larger than all pieces that may be on their way at once
const file = { size: ENTRIES, idPrefix: 'a', idSecret: 'b' };

describe('SaltReading', () => {
  it('makes the table that the file makes here', async () => {
    const reading = new SaltReading(file);
    for (let start = 0; start < bytes.length; start += 100_000)
      await reading.push(bytes.subarray(start, start + 100_000));
    const table = await reading.finish();
    const own = parseSaltFile(bytes, file);
    expect(table.size).toBe(own.size);
    for (let index = 0; index < ENTRIES; index += 997) {
      expect([table.id(index), table.lastUpdated(index), table.bucketId(index)]).toEqual([
        index,
        1,
        own.bucketId(index),
      ]);
      expect(Buffer.from(table.currentSalt(index) ?? []).toString()).toBe('salt'.repeat(11));
    }
  });

  it('takes a file in one piece', async () => {
    const reading = new SaltReading(file);
    await reading.push(bytes);
    expect((await reading.finish()).isLoaded(ENTRIES - 1)).toBe(true);
  });

  it('says what is wrong with a line, also to who still brings more', async () => {
    const broken = toUtf8(`${lines.slice(0, 2).join('')}3,x\n`);
    const reading = new SaltReading(file);
    await reading.push(broken);
    await expect(reading.finish()).rejects.toMatchObject({ code: 'SALT_FILE_MALFORMED', details: { line: 3 } });

    const longer = new SaltReading(file);
    const work = (async () => {
      await longer.push(broken);
      await longer.push(bytes);
      await longer.push(bytes);
      await longer.finish();
    })();
    await expect(work).rejects.toMatchObject({ code: 'SALT_FILE_MALFORMED' });
  });

  it('fails when its thread ends before the file', async () => {
    const reading = new SaltReading(file, DYING);
    const work = (async () => {
      await reading.push(bytes);
      await reading.finish();
    })();
    await expect(work).rejects.toMatchObject({ code: 'FILE_THREAD_LOST' });
  });
});
