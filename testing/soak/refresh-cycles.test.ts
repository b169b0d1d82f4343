import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';

import { VirtualTime } from '@holdfast/core-client/testing';
import type { Uid2Client } from '@holdfast/local/uid2-client';
import { startOperatorWith } from '@holdfast/operator';
import type { RunningOperator } from '@holdfast/operator';
import { createLogger } from '@holdfast/process';
import { firstLevelHash, hashDii } from '@holdfast/uid2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { uid2ClientOf, waitFor } from '../src/index.ts';
import { collectedHeapBytes, collectedMemory, megabytes, MEGABYTE, record } from './support/memory.ts';
import { startOperatorService } from './support/operator-service.ts';
import { FIRST_LEVEL_SALT, PublishedWorld, randomHashes } from './support/published-world.ts';

const MINUTE_MS = 60_000;
const MINUTES = 120;
/** From here on everything has been loaded and compiled a few times. */
const BASELINE_MINUTE = 20;
const HEAP_GROWTH_BYTES = 4 * MEGABYTE;
const STORES = ['/clients/refresh', '/key/keyset/refresh', '/key/keyset-keys/refresh'] as const;
const USERS = 20;
const OPTED_OUT = 'opted.out@example.com';

function hashOf(email: string): Uint8Array {
  const identity = hashDii('email', email);
  if (identity === undefined) throw new Error(`${email} is no address`);
  return firstLevelHash(identity.hash, FIRST_LEVEL_SALT);
}

describe(`an operator over ${MINUTES} virtual minutes`, () => {
  const time = new VirtualTime();
  const log: string[] = [];
  const failures: unknown[] = [];
  let world: PublishedWorld;
  let running: RunningOperator;
  let client: Uid2Client;

  beforeAll(async () => {
    world = await PublishedWorld.create({ nowMs: time.now(), salts: 1000 });
    world.publishOptOuts([hashOf(OPTED_OUT)], time.now());
    const write = (line: string): void => {
      if (!/"level":"(?:debug|info)"/.test(line)) log.push(line);
    };
    running = await startOperatorWith(
      {
        env: {
          http_host: '127.0.0.1',
          http_port: '0',
          metrics_port: '0',
          service_instances: '1', // other threads do not live in virtual time
          core_attest_url: `${world.core.url}/attest`,
          core_api_token: 'UID2-O-T-42-soak',
        },
        configFile: undefined,
        logger: createLogger({ name: 'operator', destination: { write } }),
        fail: (error) => failures.push(error),
      },
      { timers: time, random: (length) => randomBytes(length) },
    );
    await running.started;
    client = uid2ClientOf(running.addresses['http'] ?? '', world.client, time.now);
  });

  afterAll(async () => {
    await client.close();
    await running.stop();
    await world.core.stop();
  });

  /** Waits until nothing is asked of Core any more. */
  async function quiet(): Promise<void> {
    let seen = -1;
    while (seen !== world.core.requests.length) {
      seen = world.core.requests.length;
      await pause(2);
      // A loaded machine may stop this process for longer than that; sockets get their turns all the same.
      for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    }
  }

  /** Everything that can change, in turns. */
  function change(minute: number): void {
    const now = time.now();
    world.core.expiresAtMs = now + 30 * MINUTE_MS;
    if (minute % 5 === 0) world.publishSalts(now, minute);
    if (minute % 3 === 0) world.publishOptOuts(randomHashes(50), now);
    const store = STORES[minute % STORES.length];
    if (store !== undefined) world.touch(store, minute + 1);
  }

  async function use(): Promise<void> {
    const emails = [OPTED_OUT, ...Array.from({ length: USERS }, (_, index) => `user.${index}@example.com`)];
    const [optedOut, ...others] = await client.mapIdentities('email', emails);
    expect(optedOut).toEqual({ input: OPTED_OUT, error: 'optout' });
    expect(others.filter((entry) => 'rawUid' in entry)).toHaveLength(USERS);
    const made = await client.generateToken({ kind: 'email', value: 'user@example.com' });
    expect(made.status).toBe('success');
    expect((await client.generateToken({ kind: 'email', value: OPTED_OUT })).status).toBe('optout');
    await client.fetchKeys();
    const health = await fetch(`${running.addresses['http']}/ops/healthcheck`);
    expect([health.status, await health.text()]).toEqual([200, 'OK']);
  }

  it('refreshes everything, renews its token, logs no error, and its heap is back at its baseline', async () => {
    let baseline = 0;
    let cycles = 0;
    let attested = 0;
    for (let minute = 1; minute <= MINUTES; minute += 1) {
      change(minute);
      await time.advance(MINUTE_MS, quiet);
      await use();
      cycles += world.core.count('/clients/refresh');
      attested += world.core.count('/attest');
      world.core.requests.splice(0);
      if (minute === BASELINE_MINUTE) baseline = await collectedHeapBytes();
    }
    const after = await collectedHeapBytes();
    record('two virtual hours', {
      cycles,
      attested,
      heapBaselineMB: megabytes(baseline),
      heapAfterMB: megabytes(after),
    });
    expect([failures, log]).toEqual([[], []]);
    expect(cycles).toBeGreaterThan((MINUTES * MINUTE_MS) / 10_000 - MINUTES);
    expect(attested).toBeGreaterThan(4);
    expect(after - baseline).toBeLessThan(HEAP_GROWTH_BYTES);
  });

  it('bears failures of Core that its specification names, and is itself again after them', async () => {
    const routes = [...world.core.routes];
    for (const [path] of routes) world.core.status(path, 500, 'down');
    await time.advance(5 * MINUTE_MS, quiet);
    await use();
    expect(log.length).toBeGreaterThan(0);
    for (const [path, responder] of routes) world.core.routes.set(path, responder);
    await time.advance(2 * MINUTE_MS, quiet);
    log.length = 0;
    await time.advance(2 * MINUTE_MS, quiet);
    await use();
    expect([failures, log]).toEqual([[], []]);
  });
});

describe('an operator process over as many refresh cycles', () => {
  const CYCLES = 720;
  const CYCLE_MS = 100;
  /** Resident memory goes up and down by 35 MB from one look to the next, without a trend. */
  const RESIDENT_GROWTH_BYTES = 100 * MEGABYTE;

  it('has its memory back at its baseline, and logs no error', async () => {
    const world = await PublishedWorld.create({ nowMs: Date.now(), salts: 20_000 });
    world.publishOptOuts([hashOf(OPTED_OUT)], Date.now());
    const intervals = ['auth', 'keyset', 'keysetkey', 'salt'].map((store) => [`${store}_refresh_ms`, CYCLE_MS]);
    const operator = await startOperatorService(world, {
      ...Object.fromEntries(intervals),
      config_scan_period_ms: CYCLE_MS,
      cloud_refresh_interval: 1,
      service_instances: 1,
    });
    const client = uid2ClientOf(operator.url, world.client);
    let done = 0;
    const cyclesUntil = async (wanted: number): Promise<void> => {
      for (let version = done; done < wanted; version += 1) {
        const store = STORES[version % STORES.length];
        if (store !== undefined) world.touch(store, version + 2);
        if (version % 4 === 0) world.publishSalts(Date.now(), version + 2);
        if (version % 10 === 0) world.publishOptOuts(randomHashes(20), Date.now());
        await client.mapIdentities('email', [OPTED_OUT, `user.${version}@example.com`]);
        const before = world.core.count('/clients/refresh');
        await waitFor(
          () => world.core.count('/clients/refresh') >= before + 3,
          30_000,
          () => operator.service.output,
        );
        done += world.core.count('/clients/refresh');
        world.core.requests.splice(0);
      }
    };
    try {
      await cyclesUntil(CYCLES / 6);
      const before = await collectedMemory(operator.service);
      await cyclesUntil(CYCLES);
      const after = await collectedMemory(operator.service);
      record('refresh cycles of a process', {
        cycles: done,
        heapBeforeMB: megabytes(before.heapUsed),
        heapAfterMB: megabytes(after.heapUsed),
        residentBeforeMB: megabytes(before.rss),
        residentAfterMB: megabytes(after.rss),
      });
      expect(operator.service.output).not.toMatch(/"level":"(?:warn|error|fatal)"/);
      expect(after.heapUsed - before.heapUsed).toBeLessThan(HEAP_GROWTH_BYTES);
      expect(after.rss - before.rss).toBeLessThan(RESIDENT_GROWTH_BYTES);
    } finally {
      await client.close();
      await operator.stop();
      await world.core.stop();
    }
    expect(operator.service.exitCode).toBe(0);
  });
});
