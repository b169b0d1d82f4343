import { describe, expect, it } from 'vitest';

import { seededBucket } from './seeded-bucket.ts';
import type { SeededBucket } from './seeded-bucket.ts';

async function viewVersion(world: SeededBucket, path: string): Promise<number> {
  return (JSON.parse(Buffer.from(await world.bucket.objects.read(path)).toString()) as { version: number }).version;
}

describe('the views of single sites', () => {
  it('are not made by a change where there are none', async () => {
    await using world = await seededBucket();
    await world.run(['site', 'create', 'Limpet']);
    expect(await world.bucket.objects.list('sites/site/')).toEqual([]);
    expect(await world.bucket.objects.list('sites/encrypted/')).toEqual([]);
  });

  it('are kept up to date once they are made', async () => {
    await using world = await seededBucket();
    expect((await world.run(['view', 'refresh'])).stdout).toContain('clients/encrypted/3_private/metadata.json');
    const before = await viewVersion(world, 'clients/encrypted/3_private/metadata.json');
    await world.run(['client', 'create', 'x', '--site', '3', '--roles', 'MAPPER']);
    expect(await viewVersion(world, 'clients/encrypted/3_private/metadata.json')).toBeGreaterThan(before);
    const clear = await viewVersion(world, 'clients/site/3/metadata.json');
    expect(clear).toBeGreaterThanOrEqual(before);

    await world.run(['salt', 'rotate', '--fraction', '10%']);
    expect(await world.bucket.objects.list('salts/encrypted/3_private/salts.txt.')).toHaveLength(2);
  });

  it('that cannot be written make the command fail, after the change is published and shown', async () => {
    await using world = await seededBucket();
    await world.run(['view', 'refresh']);
    const { cloud_encryption_keys: keys } = JSON.parse(
      Buffer.from(await world.bucket.objects.read('cloud_encryption_keys/metadata.json')).toString(),
    ) as { cloud_encryption_keys: { location: string } };
    await world.bucket.objects.write(keys.location, '[]');
    const { exitCode, stdout, stderr } = await world.run(['client', 'create', 'x', '--site', '3', '--roles', 'MAPPER']);
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining('API key')]);
    expect(stderr).toContain(
      'error: The views of single sites are out of date: site 3 has an operator but no active key',
    );
    expect((await world.run(['view', 'refresh'])).exitCode).toBe(0);
  });
});
