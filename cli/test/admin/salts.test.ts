import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { DAY_MS, seededBucket } from './seeded-bucket.ts';
import type { SeededBucket } from './seeded-bucket.ts';

interface Metadata {
  readonly version: number;
  readonly note: string;
  readonly salts: readonly {
    readonly effective: number;
    readonly expires: number;
    readonly location: string;
    readonly size: number;
    readonly mark?: string;
  }[];
}

async function metadata(world: SeededBucket): Promise<Metadata> {
  return JSON.parse(await readFile(join(world.folder, 'salts/metadata.json'), 'utf8')) as Metadata;
}

function dateText(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

describe('holdfast uid2 salt rotate', () => {
  it('publishes a snapshot for tomorrow beside the one in use, and keeps what it does not know', async () => {
    await using world = await seededBucket();
    const outcome = await world.json(['salt', 'rotate', '--fraction', '10%']);
    expect(outcome).toMatchObject({
      version: 1,
      salts: { effective: world.today + DAY_MS, expires: world.today + 8 * DAY_MS, rotated: 20 },
    });
    const { version, note, salts } = await metadata(world);
    expect([version > 5, note, salts.length, salts[0]?.mark]).toEqual([true, 'kept', 2, 'kept']);
    const file = await readFile(join(world.folder, salts[1]?.location ?? ''), 'utf8');
    expect(file.trimEnd().split('\n')).toHaveLength(200);
    expect((await stat(join(world.folder, salts[1]?.location ?? ''))).mode & 0o777).toBe(0o600);
  });

  it('as a dry run shows ages and the plan, and changes nothing', async () => {
    await using world = await seededBucket();
    const before = await metadata(world);
    const { exitCode, stdout } = await world.run(['salt', 'rotate', '--fraction', '1/4', '--dry-run']);
    expect([exitCode, await metadata(world)]).toEqual([0, before]);
    expect(stdout).toMatch(/would rotate +50\n/);
    expect(stdout).toMatch(/AGE IN DAYS +SALTS +REFRESHABLE +ROTATE\nover 390 +\d+ +\d+ +\d+\n/);
    expect(await world.bucket.objects.list('salts/salts.txt.')).toHaveLength(1);
  });

  it('that would rotate nothing fails, also as a dry run', async () => {
    await using world = await seededBucket();
    const date = dateText(world.today + 3 * DAY_MS);
    const dryRun = await world.run(['salt', 'rotate', '--date', date, '--dry-run']);
    expect([dryRun.exitCode, dryRun.stderr]).toEqual([1, expect.stringContaining('below min rotation age')]);
    expect(await world.json(['salt', 'rotate', '--date', date])).toMatchObject({
      error: { code: 'SALT_ROTATION_NOTHING_DUE' },
    });
  });

  it('is refused for a day that is not after the newest snapshot', async () => {
    await using world = await seededBucket();
    const args = ['salt', 'rotate', '--date', dateText(world.today - DAY_MS)];
    expect(await world.json(args)).toMatchObject({ error: { code: 'SALT_TARGET_DATE_PASSED' } });
  });

  it('replaces a file that an interrupted run left', async () => {
    await using world = await seededBucket();
    const location = `salts/salts.txt.${world.today + DAY_MS}`;
    await world.bucket.objects.write(location, 'half a');
    await world.json(['salt', 'rotate', '--fraction', '10%']);
    const { salts } = await metadata(world);
    expect(salts[1]?.location).toBe(location);
    expect((await readFile(join(world.folder, location), 'utf8')).trimEnd().split('\n')).toHaveLength(200);
  });

  it('never overwrites a file that metadata name', async () => {
    await using world = await seededBucket();
    const current = await metadata(world);
    const taken = `salts/salts.txt.${world.today + DAY_MS}`;
    const content = await world.bucket.objects.read(current.salts[0]?.location ?? '');
    await world.bucket.objects.write(taken, content);
    const salts = [{ ...current.salts[0], location: taken }];
    await world.bucket.objects.write('salts/metadata.json', JSON.stringify({ ...current, salts }));
    await world.json(['salt', 'rotate', '--fraction', '10%']);
    expect((await metadata(world)).salts.map(({ location }) => location)).toEqual([
      taken,
      expect.stringMatching(`^${taken}\\.\\d+$`),
    ]);
    expect(await world.bucket.objects.read(taken)).toEqual(content);
  });

  it('gives keys instead of salts when told to', async () => {
    await using world = await seededBucket();
    await world.json(['salt', 'rotate', '--fraction', '10%', '--material', 'key']);
    const { salts } = await metadata(world);
    const file = await readFile(join(world.folder, salts[1]?.location ?? ''), 'utf8');
    const keyIds = file.split('\n').flatMap((line) => line.split(',')[5] || []);
    expect(keyIds.map(Number)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });
});

describe('holdfast uid2 salt rebuild', () => {
  it('publishes the salts in use anew, effective now, and drops the snapshot before', async () => {
    await using world = await seededBucket();
    const before = await metadata(world);
    const { salts } = (await world.json(['salt', 'rebuild'])) as { salts: { effective: number; rotated: number } };
    expect(salts.rotated).toBe(0);
    const after = await metadata(world);
    expect(after.salts).toMatchObject([{ effective: salts.effective, expires: salts.effective + 7 * DAY_MS }]);
    const saltsOf = async ({ salts: [first] }: Metadata) =>
      (await readFile(join(world.folder, first?.location ?? ''), 'utf8')).split('\n').map((line) => line.split(',')[2]);
    expect(await saltsOf(after)).toEqual(await saltsOf(before));
  });
});

describe('holdfast uid2 salt status', () => {
  it('shows snapshots, ages and days to rotate, and files that nothing names', async () => {
    await using world = await seededBucket();
    await world.json(['salt', 'rebuild']);
    const { exitCode, stdout, stderr } = await world.run(['salt', 'status']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('current');
    expect(stdout).toContain('Ages in the newest snapshot');
    expect(stderr).toContain('1 salt files are named by no metadata');
    expect(await world.json(['salt', 'status'])).toMatchObject({
      salts: { snapshots: [{ state: 'current', size: 200 }], withKey: 0, unlistedFiles: [expect.any(String)] },
    });
  });

  it('fails with a sentence when a salt file is damaged', async () => {
    await using world = await seededBucket();
    const { salts } = await metadata(world);
    await world.bucket.objects.write(salts[0]?.location ?? '', 'not a line\n');
    const { exitCode, stderr } = await world.run(['salt', 'rotate']);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('[SALT_FILE_MALFORMED]')]);
  });
});
