import { Buffer } from 'node:buffer';

import { parseEnvelopePayload } from '@holdfast/uid2';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { runAtOnce } from '../../src/identity-map/map-answer.ts';
import type { MapAnswer } from '../../src/identity-map/map-answer.ts';
import { mapV2 } from '../../src/identity-map/map-v2.ts';
import { mapV3 } from '../../src/identity-map/map-v3.ts';
import { IdentityMapper } from '../../src/identity-mapper.ts';
import type { MapSettings, MapWorld } from '../../src/identity-mapper.ts';
import { MapWorkerPool } from '../../src/map-workers/map-worker-pool.ts';
import type { MapWorkerPoolOptions } from '../../src/map-workers/map-worker-pool.ts';
import type { MapVersion } from '../../src/map-workers/map-messages.ts';
import { clientError } from '../../src/responses.ts';
import { NOW_MS, PLAIN_SALT_LINES, saltSnapshot, World } from '../world.ts';

const SETTINGS: MapSettings = { identityScope: 'uid2', identityV3: false, phoneSupport: true };
const DYING = new URL('dying-worker.ts', import.meta.url);

const pools: MapWorkerPool[] = [];

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.stop();
});

function openPool(options: Partial<MapWorkerPoolOptions> = {}): MapWorkerPool {
  const pool = new MapWorkerPool({ workers: 1, settings: SETTINGS, logger: { error: () => undefined }, ...options });
  pools.push(pool);
  return pool;
}

function worldOf(overrides: Partial<MapWorld> = {}): MapWorld {
  const { context } = new World();
  return { salts: saltSnapshot(), optOuts: context.stores.optOuts(), environment: 'test', ...overrides };
}

function run(pool: MapWorkerPool, version: MapVersion, world: MapWorld, payload: unknown): Promise<MapAnswer> {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return pool.run({ version, world, payload: Buffer.from(text), nowMs: NOW_MS });
}

function here(version: MapVersion, world: MapWorld, payload: unknown): MapAnswer {
  const map = version === 'v2' ? mapV2 : mapV3;
  const parsed = parseEnvelopePayload(Buffer.from(JSON.stringify(payload)));
  return runAtOnce(
    map(
      new IdentityMapper(SETTINGS),
      () => world,
      NOW_MS,
      parsed,
      () => undefined,
    ),
  );
}

/** What can be compared of an answer. */
function plain(answer: MapAnswer): unknown {
  if (!answer.ok) return answer;
  const { byKind, rawUidVersions } = answer.counts;
  return { json: Buffer.from(answer.bytes).toString('utf8'), byKind: [...byKind], rawUidVersions };
}

function emails(count: number, name = 'user'): string[] {
  return Array.from({ length: count }, (_, i) => (i % 50 === 49 ? 'x' : `${name}${i}@example.com`));
}

describe('MapWorkerPool', () => {
  const shared = new MapWorkerPool({ workers: 1, settings: SETTINGS, logger: { error: () => undefined } });
  afterAll(() => shared.stop());

  it.each([
    ['v2', { email: emails(3000) }],
    ['v2', { phone: ['+12345678901', null, '1'] }],
    ['v2', { email: [] }],
    ['v3', { email: emails(3000), phone: ['+12345678901', '1'], email_hash: null }],
  ] as const)('answers a %s request as this thread does', async (version, payload) => {
    const world = worldOf();
    expect(plain(await run(shared, version, world, payload))).toEqual(plain(here(version, world, payload)));
  });

  it('answers every request with its own answer, whatever order they end in', async () => {
    const pool = openPool({ workers: 2 });
    const world = worldOf();
    const payloads = Array.from({ length: 12 }, (_, i) => ({ email: emails(i % 3 === 0 ? 5000 : 10, `name${i}-`) }));
    const answers = await Promise.all(payloads.map((payload) => run(pool, 'v3', world, payload)));
    expect(answers.map(plain)).toEqual(payloads.map((payload) => plain(here('v3', world, payload))));
  });

  it('maps each request against the world it came with, also when that changes meanwhile', async () => {
    const worlds = [
      worldOf(),
      worldOf({ salts: saltSnapshot({ lines: PLAIN_SALT_LINES }) }),
      worldOf({ salts: saltSnapshot({ firstLevelSalt: 'other' }) }),
      worldOf({ environment: 'prod' }),
    ];
    const payload = { email: emails(600) };
    const order = [0, 1, 0, 2, 3, 3, 1].map((i) => worlds[i] as MapWorld);
    const answers = await Promise.all(order.map((world) => run(shared, 'v3', world, payload)));
    expect(answers.map(plain)).toEqual(order.map((world) => plain(here('v3', world, payload))));
    expect(new Set(answers.map((answer) => JSON.stringify(plain(answer)))).size).toBe(worlds.length);
  });

  it('lets short requests overtake long ones, but only four in a row', async () => {
    const pool = openPool();
    const world = worldOf();
    const ended: string[] = [];
    const begin = async (name: string, count: number): Promise<void> => {
      await run(pool, 'v3', world, { email: emails(count) });
      ended.push(name);
    };
    const long = ['first', 'long'].map((name) => begin(name, 5000));
    const short = [1, 2, 3, 4, 5, 6].map((i) => begin(`short ${i}`, 10));
    await Promise.all([...long, ...short]);
    expect(ended).toEqual(['first', 'short 1', 'short 2', 'short 3', 'short 4', 'long', 'short 5', 'short 6']);
  });

  it('refuses what the endpoint refuses', async () => {
    const world = worldOf();
    expect(await run(shared, 'v3', world, { email: [null] })).toEqual(clientError('Incorrect request format'));
    expect(await run(shared, 'v2', world, { email: 'x' })).toEqual(clientError('email must be an array'));
    for (const text of ['no JSON', '[]', '"text"']) {
      expect(await run(shared, 'v3', world, text)).toEqual(
        clientError('Invalid payload in body: Data is not valid json string.'),
      );
    }
  });

  it('passes on what mapping throws, with its code', async () => {
    const world = worldOf({ salts: saltSnapshot({ lines: ['0,1795996800001,,1803772800000,,,,,,,'] }) });
    await expect(run(shared, 'v3', world, { email: emails(20) })).rejects.toMatchObject({
      code: 'SALT_ENTRY_UNUSABLE',
    });
    await expect(run(shared, 'v2', world, { email: [null] })).rejects.toMatchObject({ code: 'MAP_ELEMENT_NULL' });
    expect((await run(shared, 'v3', worldOf(), { email: emails(1) })).ok).toBe(true);
  });

  it('fails the request over which a worker dies, and answers the others', async () => {
    const lines: unknown[] = [];
    const pool = openPool({ program: DYING, logger: { error: (fields: unknown) => lines.push(fields) } });
    const world = worldOf();
    const payload = { email: emails(600) };
    const before = run(pool, 'v3', world, payload);
    const fatal = run(pool, 'v3', world, { email: ['die@example.com'] });
    const after = run(pool, 'v3', world, payload);
    await expect(fatal).rejects.toMatchObject({ code: 'MAP_WORKER_LOST' });
    expect(plain(await before)).toEqual(plain(here('v3', world, payload)));
    expect(plain(await after)).toEqual(plain(here('v3', world, payload)));
    expect(lines).toMatchObject([{ code: 'MAP_WORKER_LOST' }]);
    expect(pool.usable).toBe(true);
  });

  it('is not usable any more when no worker comes to run', async () => {
    const pool = openPool({ program: DYING, settings: { ...SETTINGS, identityScope: 'euid' } });
    const world = worldOf();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(pool.usable).toBe(true);
      await expect(run(pool, 'v3', world, { email: emails(1) })).rejects.toMatchObject({ code: 'MAP_WORKER_LOST' });
    }
    expect(pool.usable).toBe(false);
  });

  it('finishes what it was given before it stops', async () => {
    const pool = openPool({ workers: 2 });
    const world = worldOf();
    const answers = Array.from({ length: 8 }, () => run(pool, 'v3', world, { email: emails(2000) }));
    let stopped = false;
    const stopping = pool.stop().then(() => {
      stopped = true;
    });
    expect(pool.usable).toBe(false);
    expect((await Promise.all(answers)).every(({ ok }) => ok)).toBe(true);
    expect(stopped).toBe(false);
    await stopping;
  });

  it('none at all is not usable', () => {
    expect(openPool({ workers: 0 }).usable).toBe(false);
  });
});

describe('map endpoints with workers', () => {
  it.each(['/v2/identity/map', '/v3/identity/map'])('%s answers large requests as without', async (path) => {
    const payload = { email: [...emails(2000), 'optout@example.com', 'opted-out@example.com'] };
    const answers = [];
    for (const mapWorkers of [0, 1]) {
      const world = new World({ mapWorkers });
      world.optOut([['email', 'opted-out@example.com']]);
      const answer = await world.call(path, payload);
      const metrics = (await world.metricsText()).split('\n').filter((line) => /identity_map|raw_uid/.test(line));
      answers.push({ status: answer.status, contentType: answer.contentType, json: answer.json, metrics });
      await world.app.close();
    }
    expect(answers[0]?.status).toBe(200);
    expect(answers[1]).toEqual(answers[0]);
  });

  it('a large payload that is no JSON is the caller’s error', async () => {
    const world = new World({ mapWorkers: 1 });
    const answer = await world.call('/v3/identity/map', `{"email":["${'x'.repeat(20_000)}"`);
    expect([answer.status, answer.text]).toEqual([
      400,
      '{"status":"client_error","message":"Invalid payload in body: Data is not valid json string."}',
    ]);
    await world.app.close();
  });

  it('a bucket without material is a 500', async () => {
    const world = new World({ mapWorkers: 1 });
    world.salts = [saltSnapshot({ lines: ['0,1795996800001,,1803772800000,,,,,,,'] })];
    const answer = await world.call('/v2/identity/map', { email: emails(2000) });
    expect([answer.status, answer.text]).toEqual([
      500,
      '{"status":"unknown","message":"Unknown error while mapping identity v2"}',
    ]);
    await world.app.close();
  });
});
