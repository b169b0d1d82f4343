import { DependencyError } from '@holdfast/base';
import { settleTicks, VirtualTime } from '@holdfast/core-client/testing';
import { encodeDeltaFile, encodePartitionFile } from '@holdfast/uid2';
import { beforeEach, describe, expect, it } from 'vitest';

import { OptOutSync } from '../../src/stores/opt-out-sync.ts';
import type { OptOutSyncEvent } from '../../src/stores/opt-out-sync.ts';

const HOUR = 3_600_000;
const DELTA = 'https://store/optout/delta/2025-12-31/optout-delta-000_2025-12-31T23.00.00Z_00000001.dat';
const DELTA_2 = 'https://store/optout/delta/2025-12-31/optout-delta-000_2025-12-31T23.05.00Z_00000002.dat';
const PARTITION = 'https://store/optout/partition/optout-partition-000_2025-12-31T00.00.00Z_00000003.dat';

let time: VirtualTime;
let list: string[] | 'unavailable';
let files: Map<string, Uint8Array>;
let downloads: string[];
let events: OptOutSyncEvent[];
let sync: OptOutSync;

const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function delta(...people: number[]): Uint8Array {
  const records = people.map((byte) => ({
    identityHash: hash(byte),
    rawUid: hash(byte + 100),
    optedOutAt: 1_700_000_000,
  }));
  return encodeDeltaFile({ windowStart: 1_700_000_000, windowEnd: 1_700_000_300, records });
}

beforeEach(() => {
  time = new VirtualTime();
  list = [DELTA];
  files = new Map([[DELTA, delta(1)]]);
  downloads = [];
  events = [];
  sync = new OptOutSync({
    timers: time,
    onSync: (event) => events.push(event),
    config: {
      listPath: '/optout/refresh',
      writeUri: '/optout/replicate',
      folder: 'optout/',
      backtrackInDays: 1,
      syntheticCount: 0,
      intervalMs: 60_000,
      parallelDownloads: 2,
      staleLimitMs: 12 * HOUR,
    },
    session: {
      downloadOptOutList: async () => {
        if (list === 'unavailable') throw new DependencyError('CORE_DOWNLOAD_FAILED', 'E12', { retryable: true });
        return JSON.stringify({ version: 1, generated: 1, optout_logs: list.map((location) => ({ location })) });
      },
      downloadSharedContent: async (location) => {
        downloads.push(location.split('?', 1)[0] ?? '');
        const file = files.get(location.split('?', 1)[0] ?? '');
        if (file === undefined) throw new DependencyError('CORE_DOWNLOAD_FAILED', 'E12', { retryable: true });
        const content = new Uint8Array(new SharedArrayBuffer(file.length));
        content.set(file);
        return content;
      },
    },
  });
});

const isOptedOut = (byte: number): boolean => sync.index().optedOutAt(hash(byte), 1) !== undefined;

describe('the first opt-out sync', () => {
  it('indexes every listed file', async () => {
    list = [PARTITION, DELTA];
    files.set(PARTITION, encodePartitionFile([delta(2)]));
    sync.start();
    await sync.synced();
    expect([isOptedOut(1), isOptedOut(2), isOptedOut(3)]).toEqual([true, true, false]);
    expect(sync.state).toMatchObject({ synced: true, files: 2, records: 2, stale: false });
  });

  it('is content with a list that is honestly empty', async () => {
    list = [];
    sync.start();
    await sync.synced();
    expect(sync.state).toMatchObject({ synced: true, records: 0 });
  });

  it.for<[string, () => void]>([
    ['the list cannot be had', () => (list = 'unavailable')],
    ['a listed file cannot be had', () => files.clear()],
    ['a listed file is damaged', () => files.set(DELTA, delta(1).subarray(1))],
    ['a name is no name of an opt-out file', () => (list = ['https://store/optout/delta/2025-12-31/notes.txt'])],
    ['two files have the same name', () => (list = [DELTA, DELTA.replace('https://store', 'https://other')])],
    ['all files are in another folder', () => (list = [DELTA.replace('optout/delta', 'elsewhere/delta')])],
  ])('never counts as done while %s, and is tried again', async ([, spoil]) => {
    spoil();
    sync.start();
    await settleTicks();
    await time.advance(20_000);
    expect(sync.state.synced).toBe(false);
    expect(() => sync.index()).toThrow(/no opt-out list/);
    expect(events.length).toBeGreaterThan(3);
    expect(events.every((event) => event.result === 'failed' && event.first)).toBe(true);
    list = [DELTA];
    files.set(DELTA, delta(1));
    await time.advance(5_000);
    expect(sync.state.synced).toBe(true);
    expect(isOptedOut(1)).toBe(true);
  });

  it('fetches again only what it has not got', async () => {
    list = [DELTA, DELTA_2];
    sync.start();
    await settleTicks();
    files.set(DELTA_2, delta(2));
    await time.advance(5_000);
    expect(downloads.filter((location) => location === DELTA)).toHaveLength(1);
    expect([isOptedOut(1), isOptedOut(2)]).toEqual([true, true]);
  });
});

describe('a later opt-out sync', () => {
  beforeEach(async () => {
    sync.start();
    await settleTicks();
  });

  it('brings in what was added, fetching only that', async () => {
    list = [`${DELTA}?signature=new`, DELTA_2];
    files.set(DELTA_2, delta(2));
    await time.advance(60_000);
    expect([isOptedOut(1), isOptedOut(2)]).toEqual([true, true]);
    expect(downloads).toEqual([DELTA, DELTA_2]);
  });

  it.for<[string, () => void]>([
    ['the list cannot be had', () => (list = 'unavailable')],
    ['the list is empty', () => (list = [])],
    ['a new file cannot be had', () => (list = [DELTA, DELTA_2])],
  ])('keeps every opt-out when %s', async ([, spoil]) => {
    spoil();
    await time.advance(10 * 60_000);
    expect(isOptedOut(1)).toBe(true);
  });

  it('forgets a delta only when a much later partition covers it', async () => {
    const later = PARTITION.replace('2025-12-31', '2026-01-10');
    files.set(later, encodePartitionFile([delta(9)]));
    list = [later];
    await time.advance(60_000);
    expect([isOptedOut(1), isOptedOut(9)]).toEqual([false, true]);
    list = [];
    await time.advance(60_000);
    expect(isOptedOut(9)).toBe(true);
  });

  it('becomes stale when none succeeds for longer than the limit, and fresh again with the next', async () => {
    list = 'unavailable';
    await time.advance(12 * HOUR);
    expect(sync.stale).toBe(false);
    await time.advance(1);
    expect(sync.stale).toBe(true);
    expect(sync.state).toMatchObject({ stale: true, lastError: 'E12' });
    list = [DELTA];
    await time.advance(60_000);
    expect(sync.stale).toBe(false);
  });

  it('ends when told to', async () => {
    await sync.stop();
    expect(time.pending).toBe(0);
  });
});
