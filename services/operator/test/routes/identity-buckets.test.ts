import { describe, expect, it } from 'vitest';

import { errorText, saltSnapshot, World } from '../world.ts';

const PATH = '/v2/identity/buckets';

async function bucketIds(world: World, since: string): Promise<readonly unknown[]> {
  const body = (await world.call(PATH, { since_timestamp: since })).json?.['body'];
  return (body as { bucket_id: unknown }[]).map((bucket) => bucket.bucket_id);
}

describe('identity buckets', () => {
  it('lists all buckets from an early date on, in file order, with milliseconds and no zone', async () => {
    const answer = await new World().call(PATH, { since_timestamp: '2021-03-08T00:00' });
    expect(answer.json?.['body']).toEqual([
      { bucket_id: 'bKaoveQoPR', last_updated: '2027-03-30T00:00:00.001' },
      { bucket_id: 'b1aZVGl7aB', last_updated: '2026-08-17T00:00:00.001' },
      { bucket_id: 'bv3WM92zaA', last_updated: '2026-12-30T00:00:00.001' },
      { bucket_id: 'bl5yy6kr58', last_updated: '2026-11-30T00:00:00.001' },
      { bucket_id: 'be58Mjz13q', last_updated: '2027-05-29T00:00:00.001' },
    ]);
  });

  it('includes the given instant and drops what is finer than a millisecond', async () => {
    const world = new World();
    expect(await bucketIds(world, '2027-05-29T00:00:00.001')).toEqual(['be58Mjz13q']);
    expect(await bucketIds(world, '2027-05-29T00:00:00.001999999')).toEqual(['be58Mjz13q']);
    expect(await bucketIds(world, '2027-05-29T00:00:00.002')).toEqual([]);
    expect(await bucketIds(world, '2027-05-29t00:00:00')).toEqual(['be58Mjz13q']);
  });

  it('gives each entry its own date, also where many share one', async () => {
    const world = new World();
    const dates = ['2026-08-17', '2026-12-30', '2026-08-17', '2026-08-17', '2026-12-30'].map(
      (day) => `${day}T00:00:00.001`,
    );
    const lines = dates.map((date, id) => `${1_000_000 + id},${Date.parse(`${date}Z`)},salt,1803772800000,,,,,,,`);
    world.salts = [saltSnapshot({ lines })];
    const body = (await world.call(PATH, { since_timestamp: '2021-03-08T00:00' })).json?.['body'];
    expect((body as { last_updated: unknown }[]).map((bucket) => bucket.last_updated)).toEqual(dates);
  });

  it('writes prefixes that JSON has to escape', async () => {
    const world = new World();
    world.salts = [saltSnapshot({ idPrefix: 'a"é\\' })];
    expect((await bucketIds(world, '2027-05-29T00:00:00.001'))[0]).toMatch(/^a"é\\\w+$/);
    const map = await world.call('/v2/identity/map', { email: ['user@example.com'] });
    expect(map.json).toMatchObject({ body: { mapped: [{ bucket_id: expect.stringMatching(/^a"é\\\w+$/) }] } });
  });

  it.each([
    '2021-03-08',
    '2021-03-08T00:00Z',
    '2021-03-08 00:00',
    ' 2021-03-08T00:00',
    '2021-03-08T24:00',
    '2021-03-08T00:60',
    '2021-02-29T00:00',
    '2021-13-01T00:00',
    '2021-03-08T00:00:00.1234567890',
    '2021-03-08T00:00+01:00',
    5,
  ])('%j is no date', async (since) => {
    const answer = await new World().call(PATH, { since_timestamp: since });
    expect([answer.status, answer.text]).toEqual([
      400,
      errorText('client_error', 'invalid date, must conform to ISO 8601'),
    ]);
  });

  it('a missing timestamp is a client error, a missing payload the bare 500', async () => {
    const world = new World();
    expect((await world.call(PATH, {})).text).toBe(errorText('client_error', 'missing parameter since_timestamp'));
    const answer = await world.call(PATH, undefined);
    expect([answer.status, answer.contentType, answer.text]).toEqual([500, undefined, 'Internal Server Error']);
  });

  it('a snapshot with holes gives the bare 500', async () => {
    const world = new World();
    world.salts = [saltSnapshot({ lines: ['0,1795996800001,salt,1803772800000,,,,,,,'] })];
    const answer = await world.call(PATH, { since_timestamp: '2021-03-08T00:00' });
    expect([answer.status, answer.text]).toEqual([500, 'Internal Server Error']);
  });
});
