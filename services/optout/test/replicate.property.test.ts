import fc from 'fast-check';
import { damagedText } from '@holdfast/base/testing/fuzz';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createOperator, replicatePath, World } from './world.ts';
import type { TestOperator } from './world.ts';

const HASH = new Uint8Array(32).fill(7);
const UID = new Uint8Array(33).fill(9);

let world: World;
let operator: TestOperator;

beforeAll(async () => {
  world = await World.create();
  operator = createOperator();
  world.context.useOperators([operator.record]);
});

afterAll(async () => world.remove());

async function post(url: string, headers: Readonly<Record<string, string>> = {}, payload?: string) {
  return world.app.inject({
    method: 'POST',
    url,
    headers: { authorization: `Bearer ${operator.key}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
}

describe('/optout/replicate', () => {
  it('takes every hash and raw UID of the right length, but the sentinels', async () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    await fc.assert(
      fc.asyncProperty(bytes(32), fc.oneof(bytes(32), bytes(33)), async (hash, rawUid) => {
        const sentinel = hash.every((byte) => byte === 0) || hash.every((byte) => byte === 255);
        const before = world.context.queue.size;
        expect((await post(replicatePath(hash, rawUid))).statusCode).toBe(sentinel ? 400 : 200);
        expect(world.context.queue.size).toBe(sentinel ? before : before + 1);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses damaged parameters without taking anything', async () => {
    const query = replicatePath(HASH, UID).split('?')[1] ?? '';
    await fc.assert(
      fc.asyncProperty(damagedText(query), async (damaged) => {
        const before = world.context.queue.size;
        const answer = await post(`/optout/replicate?${encodeURI(damaged.toWellFormed())}`);
        expect([200, 400]).toContain(answer.statusCode);
        expect(world.context.queue.size).toBe(answer.statusCode === 200 ? before + 1 : before);
      }),
      { numRuns: 200 },
    );
  });

  it('answers every body, and takes the opt-out only with one that is JSON, a form, or none', async () => {
    const type = fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'text/plain');
    await fc.assert(
      fc.asyncProperty(type, damagedText('{"email":"user@example.com","phone":null}'), async (contentType, body) => {
        const before = world.context.queue.size;
        const answer = await post(replicatePath(HASH, UID), { 'content-type': contentType }, body);
        expect([200, 400, 500]).toContain(answer.statusCode);
        expect(world.context.queue.size).toBe(answer.statusCode === 200 ? before + 1 : before);
      }),
      { numRuns: 200 },
    );
  });
});
