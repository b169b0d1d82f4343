import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { Secret } from '@holdfast/base';
import { VirtualTime } from '@holdfast/core-client/testing';
import { Uid2Client } from '@holdfast/local/uid2-client';
import { startOperatorWith } from '@holdfast/operator';
import type { RunningOperator } from '@holdfast/operator';
import { createLogger } from '@holdfast/process';
import { firstLevelHash, hashDii } from '@holdfast/uid2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { waitFor } from '../src/index.ts';
import { collectedHeapBytes, collectedMemory, megabytes, MEGABYTE, record } from './support/memory.ts';
import { startOperatorService } from './support/operator-service.ts';
import { FIRST_LEVEL_SALT, PublishedWorld, randomHashes } from './support/published-world.ts';

const MINUTE_MS = 60_000;
const MINUTES = 120;
/** From here on everything has been loaded and compiled a few times. */
const BASELINE_MINUTE = 20;
const HEAP_GROWTH_BYTES = 4 * MEGABYTE;
const STORES = ['/clients/refresh', '/key/keyset/refresh', '/key/keyset-keys/refresh'] as const;
const OPTED_OUT = 'opted.out@example.com';

function hashOf(email: string): Uint8Array {
  const identity = hashDii('email', email);
  if (identity === undefined) throw new Error(`${email} is no address`);
  return firstLevelHash(identity.hash, FIRST_LEVEL_SALT);
}

function clientOf(world: PublishedWorld, operatorUrl: string, clock: () => number): Uid2Client {
  return new Uid2Client({
    operatorUrl,
    apiKey: new Secret(world.apiKey),
    clientSecret: new Secret(world.clientSecret),
    clock,
    randomBytes,
  });
}

describe('an operator process over as many refresh cycles', () => {
  const CYCLES = 720;
  const CYCLE_MS = 100;
  const RESIDENT_GROWTH_BYTES = 40 * MEGABYTE;

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
    const client = clientOf(world, operator.url, Date.now);
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
      for (let c = 240; c <= 1800; c += 120) { await cyclesUntil(c); const m = await collectedMemory(operator.service); record('x', { c, heap: megabytes(m.heapUsed), ext: megabytes(m.external), ab: megabytes(m.arrayBuffers), rss: megabytes(m.rss) }); }
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
