import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { uid2ClientOf } from '../src/index.ts';
import { collectedMemory, megabytes, MEGABYTE, record, residentBytes } from './support/memory.ts';
import { startOperatorService } from './support/operator-service.ts';
import type { OperatorService } from './support/operator-service.ts';
import { PublishedWorld, randomHashes } from './support/published-world.ts';

const SALTS = 1_048_576;
const OPT_OUTS = 1_000_000;
/** Far above what is measured, so that only a change of kind fails; the results file has the figures. */
const BOUND_BYTES = 900 * MEGABYTE;

const BATCHES = 30;
const BATCH = 10_000;

let world: PublishedWorld;

beforeAll(async () => {
  const nowMs = Date.now();
  world = await PublishedWorld.create({ nowMs, salts: SALTS });
  world.publishOptOuts(randomHashes(OPT_OUTS), nowMs);
});

afterAll(() => world.core.stop());

async function mapBatches(operator: OperatorService): Promise<void> {
  const client = uid2ClientOf(operator.url, world.client);
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const emails = Array.from({ length: BATCH }, (_, index) => `soak.${batch}.${index}@example.com`);
    const mapped = await client.mapIdentities('email', emails);
    expect(mapped.filter((entry) => 'rawUid' in entry)).toHaveLength(BATCH);
  }
  await client.close();
}

describe.each([1, 2])(
  `an operator of %i serving threads with ${SALTS.toLocaleString('en')} salts and ${OPT_OUTS.toLocaleString('en')} opt-outs`,
  (threads) => {
    it('stays within its memory after its start and after batches of 10,000', async () => {
      const start = performance.now();
      const operator = await startOperatorService(world, { service_instances: threads });
      try {
        const startSeconds = Math.round((performance.now() - start) / 100) / 10;
        const status = (await (await fetch(`${operator.url}/ops/status`)).json()) as {
          salts: { size: number };
          optOut: { records: number };
        };
        expect([status.salts.size, status.optOut.records]).toEqual([SALTS, OPT_OUTS]);
        const started = residentBytes(operator.service.pid) ?? 0;
        await mapBatches(operator);
        const loaded = residentBytes(operator.service.pid) ?? 0;
        const collected = await collectedMemory(operator.service);
        record('operator memory', {
          threads,
          salts: SALTS,
          optOuts: OPT_OUTS,
          startSeconds,
          residentAfterStartMB: megabytes(started),
          residentAfterBatchesMB: megabytes(loaded),
          residentCollectedMB: megabytes(collected.rss),
          heapMB: megabytes(collected.heapUsed),
          arrayBuffersMB: megabytes(collected.arrayBuffers),
        });
        expect(Math.max(started, loaded, collected.rss)).toBeLessThan(BOUND_BYTES);
      } finally {
        await operator.stop();
      }
    });
  },
);
