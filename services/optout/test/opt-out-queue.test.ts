import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { DependencyError, InternalError } from '@holdfast/base';
import { encodeOptOutRecord } from '@holdfast/uid2';
import type { OptOutRecord } from '@holdfast/uid2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { OptOutQueue } from '../src/opt-out-queue.ts';
import type { QueuedOptOut } from '../src/opt-out-queue.ts';

let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'holdfast-queue-')), 'queue');
});

afterEach(async () => {
  await rm(join(folder, '..'), { recursive: true, force: true });
});

function optOut(number: number): OptOutRecord {
  return {
    identityHash: new Uint8Array(32).fill(number),
    rawUid: new Uint8Array(33).fill(number & 0x3f),
    optedOutAt: 1_800_000_000 + number,
  };
}

function numbers(entries: readonly QueuedOptOut[]): number[] {
  return entries.map(({ record }) => record.optedOutAt - 1_800_000_000);
}

async function onlyJournal(): Promise<string> {
  const [name, ...others] = await readdir(folder);
  expect(others).toEqual([]);
  return join(folder, name ?? '');
}

describe('OptOutQueue', () => {
  it('gives back what was appended, in order, whole', async () => {
    const queue = await OptOutQueue.open(folder);
    await Promise.all([1, 2, 3].map((number) => queue.append(optOut(number))));
    expect(queue.size).toBe(3);
    const batch = await queue.take();
    expect(numbers(batch.entries)).toEqual([1, 2, 3]);
    expect([...(batch.entries[1]?.record.rawUid ?? [])]).toEqual([...optOut(2).rawUid]);
    await queue.close();
  });

  it('keeps an accepted opt-out through a crash at any later moment', async () => {
    const crashed = await OptOutQueue.open(folder);
    await crashed.append(optOut(1));
    await crashed.append(optOut(2));
    // No close: whatever the process still held in memory is gone.
    const queue = await OptOutQueue.open(folder);
    expect(queue.size).toBe(2);
    await queue.append(optOut(3));
    const batch = await queue.take();
    expect(numbers(batch.entries)).toEqual([1, 2, 3]);
    // A crash after `take` and before `done`: everything comes again.
    const again = await OptOutQueue.open(folder);
    const repeated = await again.take();
    expect(numbers(repeated.entries)).toEqual([1, 2, 3]);
    await repeated.settle(repeated.entries.length);
    expect((await OptOutQueue.open(folder)).size).toBe(0);
    await crashed.close();
    await queue.close();
  });

  it('takes what is old enough, by time, and leaves the rest for later', async () => {
    const queue = await OptOutQueue.open(folder);
    for (const number of [5, 1, 9, 3, 7]) await queue.append(optOut(number));
    const batch = await queue.take(1_800_000_005);
    expect([numbers(batch.entries), batch.tooRecent]).toEqual([[1, 3, 5], 2]);
    await batch.settle(3);
    expect(queue.size).toBe(2);
    expect(numbers((await queue.take()).entries)).toEqual([7, 9]);
    expect(numbers((await (await OptOutQueue.open(folder)).take()).entries)).toEqual([7, 9]);
  });

  it('lets go of the part of a batch that is settled, also of half a journal', async () => {
    const queue = await OptOutQueue.open(folder);
    for (const number of [1, 2, 3, 4]) await queue.append(optOut(number));
    const batch = await queue.take();
    await queue.append(optOut(5));
    await batch.settle(3);
    expect(queue.size).toBe(2);
    expect(numbers((await queue.take()).entries)).toEqual([4, 5]);
    expect(numbers((await (await OptOutQueue.open(folder)).take()).entries)).toEqual([4, 5]);
  });

  it('keeps everything of a batch that is not settled', async () => {
    const queue = await OptOutQueue.open(folder);
    await queue.append(optOut(1));
    await (await queue.take()).settle(0);
    expect(numbers((await queue.take()).entries)).toEqual([1]);
  });

  it('keeps an IP address, and drops a text that is too long to be one', async () => {
    const queue = await OptOutQueue.open(folder);
    const ips = ['192.0.2.1', '0000:0000:0000:0000:0000:ffff:255.255.255.255', 'x'.repeat(46), undefined];
    for (const ip of ips) await queue.append(optOut(1), ip);
    const kept = (await queue.take()).entries.map(({ clientIp }) => clientIp);
    expect(kept).toEqual([ips[0], ips[1], undefined, undefined]);
  });

  it('reads journals of versions without IP addresses', async () => {
    const bytes = encodeOptOutRecord(optOut(4));
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(bytes));
    await mkdir(folder);
    await writeFile(join(folder, '0000000000000007-0123abcd.journal'), Buffer.concat([bytes, crc]));
    const queue = await OptOutQueue.open(folder);
    await queue.append(optOut(5));
    expect(numbers((await queue.take()).entries)).toEqual([4, 5]);
    expect((await readdir(folder)).toSorted()[1]).toMatch(/^0000000000000008-/);
  });

  it('removes what an interrupted rewrite left', async () => {
    await mkdir(folder);
    await writeFile(join(folder, '0000000000000001-0123abcd.entries.12.0123abcd.tmp'), 'half');
    await OptOutQueue.open(folder);
    expect(await readdir(folder)).toEqual([]);
  });

  it('lets go only of what the finished batch held', async () => {
    const queue = await OptOutQueue.open(folder);
    await queue.append(optOut(1));
    const batch = await queue.take();
    await queue.append(optOut(2));
    await batch.settle(batch.entries.length);
    expect(queue.size).toBe(1);
    const next = await queue.take();
    expect(numbers(next.entries)).toEqual([2]);
    await next.settle(next.entries.length);
    expect(await readdir(folder)).toEqual([]);
  });

  it('loses nothing when opt-outs arrive while batches are taken', async () => {
    const queue = await OptOutQueue.open(folder);
    const taken: number[] = [];
    const appends: Promise<void>[] = [];
    for (let number = 1; number <= 200; number++) {
      appends.push(queue.append(optOut(number)));
      if (number % 40 !== 0) continue;
      const batch = await queue.take();
      taken.push(...numbers(batch.entries));
      await batch.settle(batch.entries.length);
    }
    await Promise.all(appends);
    const rest = await queue.take();
    expect([...taken, ...numbers(rest.entries)]).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  it('drops a torn last entry and keeps all before it', async () => {
    const queue = await OptOutQueue.open(folder);
    await queue.append(optOut(1));
    await queue.append(optOut(2));
    await queue.close();
    const journal = await onlyJournal();
    const whole = await readFile(journal);
    for (let length = whole.length - 1; length > whole.length / 2; length--) {
      await truncate(journal, length);
      const batch = await (await OptOutQueue.open(folder)).take();
      expect(numbers(batch.entries)).toEqual([1]);
      expect(batch.damagedEntries).toBe(1);
    }
  });

  it('does not take an entry with a flipped bit for an opt-out', async () => {
    const queue = await OptOutQueue.open(folder);
    await queue.append(optOut(1));
    await queue.append(optOut(2));
    await queue.close();
    const journal = await onlyJournal();
    const whole = await readFile(journal);
    for (let bit = 0; bit < (whole.length / 2) * 8; bit += 7) {
      const changed = Buffer.from(whole);
      changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(journal, changed);
      const batch = await (await OptOutQueue.open(folder)).take();
      expect(numbers(batch.entries)).toEqual([2]);
      expect(batch.damagedEntries).toBe(1);
    }
  });

  it('never writes behind a torn entry of an earlier run', async () => {
    const first = await OptOutQueue.open(folder);
    await first.append(optOut(1));
    await first.close();
    await appendFile(await onlyJournal(), Buffer.alloc(10));
    const second = await OptOutQueue.open(folder);
    await second.append(optOut(2));
    expect(numbers((await second.take()).entries)).toEqual([1, 2]);
  });

  it('says that the disk refused, and recovers when it no longer does', async () => {
    const queue = await OptOutQueue.open(folder);
    await rm(folder, { recursive: true });
    await expect(queue.append(optOut(1))).rejects.toThrow(DependencyError);
    expect(queue.size).toBe(0);
    await (await OptOutQueue.open(folder)).close();
    await queue.append(optOut(2));
    expect(numbers((await queue.take()).entries)).toEqual([2]);
  });

  it('refuses a record of impossible size without touching the journal', async () => {
    const queue = await OptOutQueue.open(folder);
    await expect(queue.append({ ...optOut(1), rawUid: new Uint8Array(31) })).rejects.toThrow(InternalError);
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses a folder that is a file', async () => {
    await writeFile(folder, '');
    await expect(OptOutQueue.open(folder)).rejects.toMatchObject({ code: 'OPTOUT_QUEUE_UNUSABLE' });
  });
});
