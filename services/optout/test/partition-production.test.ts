import { encodeDeltaFile, optOutFilePath, OptOutIndex, parseOptOutFile } from '@holdfast/uid2';
import { afterEach, describe, expect, it } from 'vitest';

import type { PartitionProduced } from '../src/partition-production.ts';
import { World } from './world.ts';

const DAY = Date.UTC(2026, 4, 1);
const HOUR = 3_600_000;
const FOLDER = 'optout-v2/';

let world: World;

afterEach(async () => world.remove());

async function open(settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
  world = await World.create({ optout_producer_max_replicas: 1, ...settings });
  world.nowMs = DAY + HOUR;
}

/** Puts a file with one opt-out whose hash is `byte` into the log. */
async function add(kind: 'delta' | 'partition', timeMs: number, byte: number, replicaId = 0): Promise<string> {
  const uid = new Uint8Array(32).fill(byte);
  const path = optOutFilePath(FOLDER, { kind, timeMs, replicaId, uniqueId: `${byte}`.padStart(8, '0') });
  const seconds = timeMs / 1000;
  const record = { identityHash: uid, rawUid: uid, optedOutAt: seconds };
  const file = { windowStart: seconds, windowEnd: seconds, records: [record] };
  await world.context.objects.write(path, encodeDeltaFile(file));
  return path;
}

async function produce(): Promise<PartitionProduced | undefined> {
  await world.context.log.refresh();
  return world.context.partitions.run();
}

async function partitions(): Promise<string[]> {
  return (await world.context.objects.list(`${FOLDER}partition/`)).map(({ path }) => path);
}

/** Whether the opt-out with this hash is in these files. */
async function isIn(paths: readonly string[], byte: number): Promise<boolean> {
  const files = await Promise.all(paths.map(async (path) => parseOptOutFile(await world.context.objects.read(path))));
  return OptOutIndex.of(files).optedOutAt(new Uint8Array(32).fill(byte), 1) !== undefined;
}

describe('the partition of a day', () => {
  it('merges every delta there is when there was none before', async () => {
    await open();
    await add('delta', DAY - 30 * 24 * HOUR, 1);
    await add('delta', DAY + 1000, 2);
    expect(await produce()).toMatchObject({ deltas: 2, expired: 0 });
    const [partition = '', ...others] = await partitions();
    expect(others).toEqual([]);
    expect(partition).toMatch(/^optout-v2\/partition\/optout-partition-000_2026-05-01T01\.00\.00Z_[0-9a-f]{8}\.dat$/);
    expect([await isIn([partition], 1), await isIn([partition], 2), await isIn([partition], 3)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is made once a UTC day', async () => {
    await open();
    await add('delta', DAY - HOUR, 1);
    expect(await produce()).toBeDefined();
    await add('delta', DAY + HOUR, 2);
    world.nowMs = DAY + 23 * HOUR;
    expect(await produce()).toBeUndefined();
    world.nowMs = DAY + 24 * HOUR;
    expect(await produce()).toBeDefined();
    expect(await partitions()).toHaveLength(2);
  });

  it('takes the deltas since the last one, and those shortly before it that may have come late', async () => {
    await open();
    const last = DAY - 20 * HOUR;
    await add('partition', last, 1);
    await add('delta', last - 900_000, 2); // exactly three rotations before: not any more
    await add('delta', last - 899_000, 3);
    await add('delta', DAY, 4);
    await add('delta', world.nowMs, 5); // not before this moment
    expect(await produce()).toMatchObject({ deltas: 2 });
    const made = (await partitions()).filter((path) => path.includes('2026-05-01'));
    expect(await Promise.all([1, 2, 3, 4, 5].map((byte) => isIn(made, byte)))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it('is not made of nothing, and not in the place of made-up data', async () => {
    await open();
    expect(await produce()).toBeUndefined();
    await add('partition', DAY + 1000, 1, 999);
    await add('delta', DAY + 1000, 2);
    expect(await produce()).toMatchObject({ deltas: 1 });
  });

  it('is made by the replica whose turn it is', async () => {
    await open({ optout_producer_max_replicas: 3, optout_producer_replica_id: 1 });
    await add('delta', DAY - HOUR, 1);
    for (const [minutes, mine] of [
      [0, false],
      [14, false],
      [15, true],
    ] as const) {
      world.nowMs = DAY + minutes * 60_000;
      expect([minutes, (await produce()) !== undefined]).toEqual([minutes, mine]);
    }
    expect((await partitions())[0]).toContain('optout-partition-001_');
  });
});

describe('files that have become too old', () => {
  const OLD = { optout_partition_interval: 3600, optout_max_partitions: 48 };

  it('are merged before they go, so that no opt-out expires', async () => {
    await open(OLD);
    const old = [await add('partition', DAY - 48 * HOUR, 1), await add('delta', DAY - 50 * HOUR, 2)];
    const young = await add('partition', DAY - 46 * HOUR, 3);
    await add('delta', DAY - HOUR, 4);
    expect(await produce()).toMatchObject({ deltas: 1, expired: 2 });
    const left = await partitions();
    expect(left).toContain(young);
    expect(left).not.toContain(old[0]);
    expect(await world.context.objects.exists(old[1] ?? '')).toBe(false);
    const [made = ''] = left.filter((path) => path.includes('2026-05-01'));
    expect(await Promise.all([1, 2, 3, 4].map((byte) => isIn([made], byte)))).toEqual([true, true, false, true]);
    expect(await Promise.all([1, 2, 3, 4].map((byte) => isIn(left, byte)))).toEqual([true, true, true, true]);
  });

  it('stay when the partition could not be written', async () => {
    await open(OLD);
    const old = await add('partition', DAY - 48 * HOUR, 1);
    await add('delta', DAY - HOUR, 2);
    world.context.log.writePartition = () => Promise.reject(new Error('bucket is gone'));
    await expect(produce()).rejects.toThrow('bucket is gone');
    expect(await partitions()).toEqual([old]);
  });

  it('stay for good where that is configured, and when they are made up or strangely named', async () => {
    await open({ ...OLD, optout_delete_expired: false });
    const old = await add('partition', DAY - 48 * HOUR, 1);
    await add('delta', DAY - HOUR, 2);
    expect(await produce()).toMatchObject({ expired: 0 });
    expect(await partitions()).toContain(old);
    await world.remove();
    await open(OLD);
    const synthetic = await add('partition', DAY - 100 * HOUR, 1, 999);
    await world.context.objects.write(`${FOLDER}partition/notes.txt`, 'x');
    await add('delta', DAY - HOUR, 2);
    expect(await produce()).toMatchObject({ expired: 0 });
    expect(await partitions()).toEqual(expect.arrayContaining([synthetic, `${FOLDER}partition/notes.txt`]));
  });
});

it('operators lose no opt-out over half a year of partitions and expiries', async () => {
  await open({ optout_partition_interval: 86_400, optout_max_partitions: 7, optout_delta_rotate_interval: 3600 });
  for (let day = 0; day < 40; day++) {
    world.nowMs = DAY + day * 24 * HOUR + 2 * HOUR;
    await add('delta', world.nowMs - HOUR, day + 1);
    await produce();
  }
  const list = await world.context.log.list();
  const paths = (list?.files ?? []).map(({ location }) => new URL(location).pathname.replace('/objects/', ''));
  expect(await Promise.all(Array.from({ length: 40 }, (_, day) => isIn(paths, day + 1)))).not.toContain(false);
  expect(paths.length).toBeLessThan(15);
});
