import { randomBytes } from 'node:crypto';

import { parseOptOutFile } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { readOptOutFile } from '../../src/file-threads/opt-out-reading.ts';

const DYING = new URL('dying-thread.ts', import.meta.url);

function shared(records: number): Uint8Array<SharedArrayBuffer> {
  const bytes = new Uint8Array(new SharedArrayBuffer(records * 72));
  bytes.set(randomBytes(bytes.length));
  return bytes;
}

describe('readOptOutFile', () => {
  it.each([10, 100_000])('puts %i records in order, in the memory in which they lie', async (records) => {
    const bytes = shared(records);
    const own = parseOptOutFile(bytes);
    const segment = await readOptOutFile(bytes);
    expect(Buffer.compare(segment.records, own.records)).toBe(0);
    expect(segment.byRawUid).toEqual(own.byRawUid);
    expect(Buffer.compare(bytes, own.records)).toBe(0);
  });

  it('refuses what is no whole number of records', async () => {
    await expect(readOptOutFile(new Uint8Array(new SharedArrayBuffer(7_200_001)))).rejects.toMatchObject({
      code: 'OPTOUT_FILE_MALFORMED',
    });
  });

  it('fails when its thread ends before it is done', async () => {
    await expect(readOptOutFile(shared(100_000), DYING)).rejects.toMatchObject({ code: 'FILE_THREAD_LOST' });
  });
});
