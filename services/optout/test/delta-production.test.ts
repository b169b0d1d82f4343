import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { fromUtf8 } from '@holdfast/base';
import { decodeDeltaFile, formatOptOutFileName } from '@holdfast/uid2';
import { afterEach, describe, expect, it } from 'vitest';

import { World } from './world.ts';

let world: World;

afterEach(async () => world.remove());

async function open(
  settings: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, unknown>> = {},
): Promise<number> {
  world = await World.create(settings, files);
  return world.nowMs / 1000;
}

/** The hash bytes in each delta, deltas by their first opt-out. */
async function published(): Promise<number[][]> {
  const found = await world.context.objects.list('optout-v2/delta/');
  const deltas = await Promise.all(
    found.map(async ({ path }) => decodeDeltaFile(await world.context.objects.read(path))),
  );
  return deltas
    .toSorted((a, b) => a.windowStart - b.windowStart)
    .map(({ records }) => records.map(({ identityHash }) => identityHash[0] ?? -1));
}

describe('windows', () => {
  it('hold back what is younger than the window, to the second', async () => {
    const now = await open({ optout_sqs_delta_window_seconds: 300 });
    for (const [byte, age] of [
      [1, 301],
      [2, 300],
      [3, 299],
      [4, 0],
    ] as const) {
      await world.accept(byte, now - age);
    }
    expect(await world.context.deltas.run()).toMatchObject({ records: 2, stopReason: 'MESSAGES_TOO_RECENT' });
    expect(await published()).toEqual([[1, 2]]);
    world.nowMs += 1000;
    expect(await world.context.deltas.run()).toMatchObject({ records: 1, stopReason: 'MESSAGES_TOO_RECENT' });
    world.nowMs += 299_000;
    expect(await world.context.deltas.run()).toMatchObject({ records: 1, stopReason: 'QUEUE_EMPTY' });
    expect(world.context.queue.size).toBe(0);
  });

  it('keep opt-outs further apart than the window in files of their own, with the window in the sentinels', async () => {
    const now = await open({ optout_sqs_delta_window_seconds: 100 });
    for (const [byte, age] of [
      [3, 399],
      [1, 500],
      [2, 400],
      [4, 150],
    ] as const) {
      await world.accept(byte, now - age);
    }
    expect(await world.context.deltas.run()).toMatchObject({ files: 3, records: 4 });
    expect(await published()).toEqual([[1, 2], [3], [4]]);
    const [first] = await world.context.objects.list('optout-v2/delta/');
    const { windowStart, windowEnd } = decodeDeltaFile(await world.context.objects.read(first?.path ?? ''));
    expect(windowEnd - windowStart).toBe(100);
  });

  it('are cut at the most records of one file', async () => {
    const now = await open({ optout_sqs_delta_window_seconds: 100, optout_max_messages_per_file: 2 });
    for (const byte of [1, 2, 3]) await world.accept(byte, now - 200 + byte);
    await world.context.deltas.run();
    expect(await published()).toEqual([[1, 2], [3]]);
  });
});

describe('a run', () => {
  it('never happens beside another one', async () => {
    const now = await open({});
    await world.accept(1, now);
    const [first, second] = await Promise.all([world.context.deltas.run(), world.context.deltas.run()]);
    expect(first).toMatchObject({ records: 1 });
    expect(second).toBeUndefined();
  });

  it('stops after its time and leaves the rest in the queue', async () => {
    const now = await open({ optout_max_messages_per_file: 1, optout_delta_job_timeout_seconds: 60 });
    for (const byte of [1, 2, 3]) await world.accept(byte, now - 10 + byte);
    const { objects, log } = world.context;
    const writeDelta = log.writeDelta.bind(log);
    log.writeDelta = async (delta) => {
      world.nowMs += 30_000;
      await writeDelta(delta);
    };
    expect(await world.context.deltas.run()).toMatchObject({ files: 2, stopReason: 'NONE' });
    expect(world.context.queue.size).toBe(1);
    expect(await world.context.deltas.run()).toMatchObject({ files: 1 });
    expect(await objects.list('optout-v2/delta/')).toHaveLength(3);
  });

  it('does not repeat the files that were written before one that could not be', async () => {
    const now = await open({ optout_max_messages_per_file: 1 });
    for (const byte of [1, 2, 3]) await world.accept(byte, now - 10 + byte);
    const { log } = world.context;
    const writeDelta = log.writeDelta.bind(log);
    let writes = 0;
    log.writeDelta = async (delta) => {
      writes += 1;
      if (writes === 2) throw new Error('bucket is gone');
      await writeDelta(delta);
    };
    await expect(world.context.deltas.run()).rejects.toThrow('bucket is gone');
    expect(world.context.queue.size).toBe(2);
    await world.context.deltas.run();
    expect(await published()).toEqual([[1], [2], [3]]);
  });
});

describe('the deny-list', () => {
  it('keeps what it covers out of the log, in a file for the person who wrote it', async () => {
    const now = await open({ traffic_filter_config_path: 'folder:filter.json' });
    const rules = { denylist_requests: [{ range: [now - 10, now], IPs: ['192.0.2.1'] }] };
    await writeFile(join(world.folder, 'filter.json'), JSON.stringify(rules));
    await world.accept(1, now - 11, '192.0.2.1');
    await world.accept(2, now - 10, '192.0.2.1');
    await world.accept(3, now - 5, '192.0.2.2');
    await world.accept(4, now - 5);
    expect(await world.context.deltas.run()).toMatchObject({ records: 3, deniedFiles: 1, deniedRecords: 1 });
    expect(await published()).toEqual([[1, 3, 4]]);
    const [dropped, ...others] = await world.context.objects.list('dropped/');
    expect([dropped?.path, others]).toEqual([
      expect.stringMatching(/^dropped\/optout-dropped-000_2026-05-01T12\.00\.00Z_[0-9a-f]{8}\.json$/),
      [],
    ]);
    const bodies = JSON.parse(fromUtf8(await world.context.objects.read(dropped?.path ?? ''))) as object[];
    expect(bodies).toMatchObject([{ client_ip: '192.0.2.1', timestamp: now - 10 }]);
    expect(world.context.queue.size).toBe(0);
  });

  it('that cannot be read publishes nothing, until it can', async () => {
    const now = await open({ traffic_filter_config_path: 'folder:filter.json' });
    await world.accept(1, now);
    const failure = { code: 'OPTOUT_TRAFFIC_SETTINGS' };
    await expect(world.context.deltas.run()).rejects.toMatchObject(failure);
    await writeFile(join(world.folder, 'filter.json'), '{"denylist_requests":[{"range":[2,1],"IPs":["a"]}]}');
    await expect(world.context.deltas.run()).rejects.toMatchObject(failure);
    expect(world.context.queue.size).toBe(1);
    await writeFile(join(world.folder, 'filter.json'), '{"denylist_requests":[]}');
    expect(await world.context.deltas.run()).toMatchObject({ records: 1 });
    await rm(join(world.folder, 'filter.json'));
  });
});

describe('the manual override', () => {
  const override = (value: unknown) =>
    world.context.objects.write('stop.json', typeof value === 'string' ? value : JSON.stringify(value));

  it('stops production while it says so, in any case', async () => {
    const now = await open({ manual_override_s3_path: 'stop.json' });
    await world.accept(1, now);
    await override({ manual_override: 'delayed_Processing' });
    expect(await world.context.deltas.run()).toMatchObject({ records: 0, stopReason: 'MANUAL_OVERRIDE_ACTIVE' });
    expect(world.context.queue.size).toBe(1);
    await world.context.objects.delete('stop.json');
    expect(await world.context.deltas.run()).toMatchObject({ records: 1 });
  });

  it.each([
    ['another value', { manual_override: 'NONE' }],
    ['no object', 'null'],
    ['no JSON', '{'],
  ])('does not stop it with %s', async (_name, content) => {
    const now = await open({ manual_override_s3_path: 'stop.json' });
    await world.accept(1, now);
    await override(content);
    expect(await world.context.deltas.run()).toMatchObject({ records: 1 });
  });
});

describe('the circuit breaker', () => {
  const LIMIT = {
    traffic_calc_evaluation_window_seconds: 86_400,
    traffic_calc_baseline_traffic: 2,
    traffic_calc_threshold_multiplier: 2,
    traffic_calc_allowlist_ranges: [],
  };
  const SETTINGS = { traffic_calc_config_path: 'folder:limit.json', manual_override_s3_path: 'stop.json' };

  it('stops production at as many opt-outs as the limit names, until a person removes the override', async () => {
    const now = await open(SETTINGS, { 'limit.json': LIMIT });
    for (const byte of [1, 2, 3]) await world.accept(byte, now - 10);
    expect(await world.context.deltas.run()).toMatchObject({ records: 3, stopReason: 'QUEUE_EMPTY' });
    world.nowMs += 1000;
    await world.accept(4, now);
    expect(await world.context.deltas.run()).toMatchObject({ records: 0, stopReason: 'CIRCUIT_BREAKER_TRIGGERED' });
    expect(JSON.parse(fromUtf8(await world.context.objects.read('stop.json')))).toEqual({
      manual_override: 'DELAYED_PROCESSING',
    });
    expect(await world.context.deltas.run()).toMatchObject({ stopReason: 'MANUAL_OVERRIDE_ACTIVE' });
    expect(world.context.queue.size).toBe(1);
  });

  it('does not count what is older than the evaluation window', async () => {
    const now = await open(SETTINGS, { 'limit.json': { ...LIMIT, traffic_calc_evaluation_window_seconds: 100 } });
    for (const byte of [1, 2]) await world.accept(byte, now - 300);
    await world.context.deltas.run();
    world.nowMs += 1000;
    await world.accept(3, now);
    await world.context.deltas.run();
    world.nowMs += 1000;
    for (const byte of [4, 5]) await world.accept(byte, now + 1);
    expect(await world.context.deltas.run()).toMatchObject({ records: 2, stopReason: 'QUEUE_EMPTY' });
  });

  it('needs an override that it can set', async () => {
    await open({});
    await expect(World.create({ traffic_calc_config_path: 'folder:limit.json' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('POST /optout/deltaproduce', () => {
  const TOKEN = 'internal-token';
  const headers = { authorization: `Bearer ${TOKEN}` };
  const post = () => world.producer.inject({ method: 'POST', url: '/optout/deltaproduce', headers });
  const status = async (): Promise<Record<string, unknown>> =>
    (await world.producer.inject({ url: '/optout/deltaproduce/status', headers })).json();
  async function ended(): Promise<Record<string, unknown>> {
    while ((await status())['state'] === 'running') await new Promise((resolve) => setImmediate(resolve));
    return status();
  }

  it('starts a run in the background and tells what became of it', async () => {
    const now = await open({ optout_internal_api_token: TOKEN });
    expect(await status()).toEqual({ status: 'idle', message: 'no job running on this pod' });
    await world.accept(1, now);
    const answer = await post();
    expect([answer.statusCode, answer.json()]).toEqual([202, { status: 'accepted', message: 'job started' }]);
    expect(await ended()).toEqual({
      state: 'completed',
      start_time: '2026-05-01T12:00:00.000Z',
      end_time: '2026-05-01T12:00:00.000Z',
      duration_seconds: 0,
      result: {
        deltas_produced: 1,
        entries_processed: 1,
        dropped_request_files_produced: 0,
        dropped_requests_processed: 0,
        stop_reason: 'QUEUE_EMPTY',
        status: 'success',
      },
    });
    await post();
    expect(await ended()).toMatchObject({ state: 'completed', result: { status: 'skipped' } });
  });

  it('answers 409 while a run is under way', async () => {
    const now = await open({ optout_internal_api_token: TOKEN });
    await world.accept(1, now);
    const { log } = world.context;
    const gate = Promise.withResolvers<void>();
    const writeDelta = log.writeDelta.bind(log);
    log.writeDelta = async (delta) => {
      await gate.promise;
      await writeDelta(delta);
    };
    expect((await post()).statusCode).toBe(202);
    expect(await status()).toEqual({ state: 'running', start_time: '2026-05-01T12:00:00.000Z' });
    const second = await post();
    expect([second.statusCode, second.json()]).toEqual([
      409,
      { status: 'conflict', reason: 'job already running on this pod' },
    ]);
    gate.resolve();
    expect(await ended()).toMatchObject({ state: 'completed' });
  });

  it('tells of a run that was halted, and of one that failed', async () => {
    const now = await open({ optout_internal_api_token: TOKEN, manual_override_s3_path: 'stop.json' });
    await world.accept(1, now);
    await world.context.objects.write('stop.json', '{"manual_override":"DELAYED_PROCESSING"}');
    await post();
    expect(await ended()).toMatchObject({
      state: 'completed',
      result: { status: 'halted', stop_reason: 'MANUAL_OVERRIDE_ACTIVE' },
    });
    await world.context.objects.delete('stop.json');
    world.context.log.writeDelta = () => Promise.reject(new Error('bucket is gone'));
    await post();
    expect(await ended()).toMatchObject({ state: 'failed', error: 'bucket is gone', duration_seconds: 0 });
  });

  it('answers 500 when the settings cannot be read', async () => {
    await open({ optout_internal_api_token: TOKEN, traffic_filter_config_path: 'folder:none.json' });
    const answer = await post();
    expect([answer.statusCode, answer.json()]).toEqual([
      500,
      { status: 'failed', error: expect.stringContaining('none.json') },
    ]);
  });

  it('is for holders of the internal token only, and for nobody when there is none', async () => {
    await open({ optout_internal_api_token: TOKEN });
    const refused = async (authorization?: string): Promise<void> => {
      for (const [method, url] of [
        ['POST', '/optout/deltaproduce'],
        ['GET', '/optout/deltaproduce/status'],
      ] as const) {
        const answer = await world.producer.inject({
          method,
          url,
          ...(authorization === undefined ? {} : { headers: { authorization } }),
        });
        expect([answer.statusCode, answer.body]).toEqual([401, 'Unauthorized']);
      }
    };
    for (const value of [undefined, 'Bearer ', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`]) await refused(value);
    await world.remove();
    await open({});
    await refused(`Bearer ${TOKEN}`);
    await refused('Bearer ');
  });

  it('is not served beside the opt-outs', async () => {
    await open({ optout_internal_api_token: TOKEN });
    expect((await world.app.inject({ method: 'POST', url: '/optout/deltaproduce', headers })).statusCode).toBe(404);
    expect((await world.producer.inject({ url: '/optout/refresh', headers })).statusCode).toBe(404);
  });
});

it('the partner mock takes everything from this machine, where it is switched on', async () => {
  await open({ optout_partner_endpoint_mock: true });
  const ask = (host: string) => world.app.inject({ method: 'PUT', url: '/optout/partner_mock', headers: { host } });
  const taken = await ask('127.0.0.1:8081');
  expect([taken.statusCode, taken.body]).toEqual([200, '']);
  expect((await ask('optout.example')).statusCode).toBe(404);
  await world.remove();
  await open({});
  expect((await ask('127.0.0.1:8081')).statusCode).toBe(404);
});

it('a file of the log is named after the replica that wrote it', async () => {
  const now = await open({ optout_producer_replica_id: 7 });
  await world.accept(1, now);
  await world.context.deltas.run();
  const [file] = world.context.log.files;
  expect(file).toMatchObject({ replicaId: 7, kind: 'delta' });
  expect(file?.path.endsWith(formatOptOutFileName(file))).toBe(true);
});
