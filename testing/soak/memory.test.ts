import { randomBytes } from 'node:crypto';

import { Secret } from '@holdfast/base';
import { Uid2Client } from '@holdfast/local/uid2-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { collectedMemory, megabytes, MEGABYTE, record, residentBytes } from './support/memory.ts';
import { startOperatorService } from './support/operator-service.ts';
import type { OperatorService } from './support/operator-service.ts';
import { PublishedWorld, randomHashes } from './support/published-world.ts';

const SALTS = 1_048_576;
const OPT_OUTS = 1_000_000;
/** Far above what is measured, so that only a change of kind fails; the results file has the figures. */
const BOUND_BYTES = 600 * MEGABYTE;

let world: PublishedWorld;
let operator: OperatorService;
let startMs: number;

beforeAll(async () => {
  const nowMs = Date.now();
  world = await PublishedWorld.create({ nowMs, salts: SALTS });
  world.publishOptOuts(randomHashes(OPT_OUTS), nowMs);
  const start = performance.now();
  operator = await startOperatorService(world);
  startMs = performance.now() - start;
});

afterAll(async () => {
  await operator.stop();
  await world.core.stop();
});

describe(`an operator with ${SALTS.toLocaleString('en')} salts and ${OPT_OUTS.toLocaleString('en')} opt-outs`, () => {
  it('stays within its memory after its start and after batches of 10,000', async () => {
    const status = (await (await fetch(`${operator.url}/ops/status`)).json()) as {
      salts: { size: number };
      optOut: { records: number };
    };
    expect([status.salts.size, status.optOut.records]).toEqual([SALTS, OPT_OUTS]);
    const started = residentBytes(operator.service.pid);

    const client = new Uid2Client({
      operatorUrl: operator.url,
      apiKey: new Secret(world.apiKey),
      clientSecret: new Secret(world.clientSecret),
      clock: Date.now,
      randomBytes,
    });
    for (let batch = 0; batch < 30; batch += 1) {
      const emails = Array.from({ length: 10_000 }, (_, index) => `soak.${batch}.${index}@example.com`);
      const mapped = await client.mapIdentities('email', emails);
      expect(mapped.every((entry) => 'rawUid' in entry)).toBe(true);
    }
    await client.close();
    const loaded = residentBytes(operator.service.pid);
    const collected = await collectedMemory(operator.service);
    record('operator memory', {
      salts: SALTS,
      optOuts: OPT_OUTS,
      startSeconds: Math.round(startMs / 100) / 10,
      residentAfterStartMB: megabytes(started ?? 0),
      residentAfterBatchesMB: megabytes(loaded ?? 0),
      residentCollectedMB: megabytes(collected.rss),
      heapMB: megabytes(collected.heapUsed),
      arrayBuffersMB: megabytes(collected.arrayBuffers),
    });
    expect(collected.rss).toBeLessThan(BOUND_BYTES);
    expect(Math.max(started ?? 0, loaded ?? 0)).toBeLessThan(BOUND_BYTES);
  });
});
