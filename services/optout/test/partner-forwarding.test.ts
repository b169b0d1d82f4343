import { DependencyError, fromUtf8, toBase64 } from '@holdfast/base';
import type { HttpRequest } from '@holdfast/http';
import { encodeDeltaFile, optOutFilePath, parsePartners } from '@holdfast/uid2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { World } from './world.ts';

const PARTNERS = 'http://core.test/partners/refresh';
const [PARTNER, OTHER] = parsePartners(
  JSON.stringify([
    {
      name: 'Acme',
      url: 'https://acme.example/optout?fixed=1',
      method: 'POST',
      query_params: ['uid=${ADVERTISING_ID}', 'at=${OPTOUT_EPOCH}'],
      additional_headers: ['Authorization: Bearer partner-key', 'X-Time: ${OPTOUT_EPOCH}'],
      retry_count: 2,
      retry_backoff_ms: 0,
    },
    { name: 'other', url: 'http://other.example/' },
  ]),
);
if (PARTNER === undefined || OTHER === undefined) throw new Error('two partners');

let world: World;
let calls: HttpRequest[];
/** Statuses to answer, one a call; 200 when there are none left. */
let statuses: (number | 'unreachable')[];

async function open(settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
  world = await World.create({ partners_metadata_path: PARTNERS, ...settings });
  calls = [];
  statuses = [];
  world.partner = async (call) => {
    calls.push(call);
    const status = statuses.shift() ?? 200;
    if (status === 'unreachable') throw new DependencyError('HTTP_UNREACHABLE', 'refused', { retryable: true });
    return { status, headers: {}, body: new Uint8Array() };
  };
}

beforeEach(async () => open());
afterEach(async () => world.remove());

/** Puts a delta with these opt-outs into the log. */
async function addDelta(timeMs: number, bytes: readonly number[], replicaId = 0, seconds = timeMs / 1000) {
  const records = bytes.map((byte) => {
    const uid = new Uint8Array(33).fill(byte);
    return { identityHash: uid.subarray(1), rawUid: uid, optedOutAt: seconds };
  });
  const uniqueId = Math.floor(Math.random() * 0xffffffff)
    .toString(16)
    .padStart(8, '0');
  const path = optOutFilePath('optout-v2/', { kind: 'delta', timeMs, replicaId, uniqueId });
  await world.context.objects.write(path, encodeDeltaFile({ windowStart: seconds, windowEnd: seconds, records }));
}

async function tell(partners = [PARTNER]): Promise<void> {
  await world.context.log.refresh();
  await world.context.forwarding?.run(partners.filter((partner) => partner !== undefined));
}

/** First bytes of the UIDs that the partners were told of. */
const told = (): number[] =>
  calls.map(({ url }) => Buffer.from(new URL(url).searchParams.get('uid') ?? '', 'base64')[0] ?? -1);

describe('a partner', () => {
  it('is told of each opt-out in one call, with its placeholders filled', async () => {
    const at = world.nowMs - 600_000;
    await addDelta(at, [1]);
    await tell();
    expect(calls).toHaveLength(1);
    const [{ url, method, headers }] = calls as [HttpRequest];
    expect(method).toBe('POST');
    expect(headers).toEqual({ Authorization: 'Bearer partner-key', 'X-Time': String(at / 1000) });
    expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
      fixed: '1',
      uid: toBase64(new Uint8Array(33).fill(1)),
      at: String(at / 1000),
    });
  });

  it('is told once, in the order of the slots, also after a restart', async () => {
    await addDelta(world.nowMs - 900_000, [2]);
    await addDelta(world.nowMs - 1_500_000, [1]);
    await tell();
    expect(told()).toEqual([1, 2]);
    await tell();
    await world.start();
    await tell();
    expect(told()).toEqual([1, 2]);
    const state = async (part: string): Promise<string> =>
      fromUtf8(await world.context.objects.read(`optout-v2/sender-state/acme_${part}.txt`));
    expect(await state('timestamp')).toBe(String((world.nowMs - 900_000) / 1000));
    expect(await state('processed')).toMatch(/^(?:optout-delta-000_.*\.dat\n){2}$/);
  });

  it('is told of one opt-out of an identity per slot, the latest', async () => {
    const slot = world.nowMs - 600_000;
    await addDelta(slot, [1, 2], 0, 100);
    await addDelta(slot + 1000, [1], 1, 200);
    await tell();
    expect(new Set(told())).toEqual(new Set([1, 2]));
    expect(calls).toHaveLength(2);
    expect(new Set(calls.map(({ url }) => new URL(url).searchParams.get('at')))).toEqual(new Set(['100', '200']));
  });

  it('is told of a slot once it is over, or once every instance has written', async () => {
    await addDelta(world.nowMs, [1], 0);
    await tell();
    expect(told()).toEqual([]);
    await addDelta(world.nowMs, [2], 1);
    await addDelta(world.nowMs, [3], 2);
    await tell();
    expect(new Set(told())).toEqual(new Set([1, 2, 3]));
    world.nowMs += 300_000;
    await addDelta(world.nowMs, [4]);
    world.nowMs += 300_000;
    await tell();
    expect(told()).toHaveLength(4);
  });

  it('is told of a delta that came late, without the rest of its slot', async () => {
    await addDelta(world.nowMs - 600_000, [1]);
    await tell();
    await addDelta(world.nowMs - 599_000, [2]);
    await tell();
    expect(told()).toEqual([1, 2]);
  });

  it('that is new is told of the last day only, and never of made-up data', async () => {
    await addDelta(world.nowMs - 2 * 86_400_000, [1]);
    await addDelta(world.nowMs - 86_400_000 + 300_000, [2]);
    await addDelta(world.nowMs - 600_000, [3], 999);
    await tell();
    expect(told()).toEqual([2]);
  });
});

describe('a partner that fails', () => {
  it.each([429, 500, 502, 503, 504, 'unreachable'] as const)('with %s is asked again', async (status) => {
    statuses = [status, 204];
    await addDelta(world.nowMs - 600_000, [1]);
    await tell();
    expect(told()).toEqual([1, 1]);
  });

  it('for good ends the batch, which comes again from its start after an hour', async () => {
    statuses = [200, 503, 503, 503];
    await addDelta(world.nowMs - 600_000, [1, 2, 3]);
    await tell();
    expect(told()).toEqual([1, 2, 2, 2]);
    expect(world.logLines.join('')).toContain('OPTOUT_PARTNER_FAILED');
    world.nowMs += 3_599_000;
    await tell();
    expect(calls).toHaveLength(4);
    world.nowMs += 1000;
    await tell();
    expect(told().slice(4)).toEqual([1, 2, 3]);
  });

  it('with a refusal is not asked again', async () => {
    statuses = [400];
    await addDelta(world.nowMs - 600_000, [1]);
    await tell();
    expect(calls).toHaveLength(1);
  });

  it('does not keep others from being told, and its key is not logged', async () => {
    world.partner = async (call) => {
      calls.push(call);
      return { status: call.url.includes('acme') ? 403 : 200, headers: {}, body: new Uint8Array() };
    };
    await addDelta(world.nowMs - 600_000, [1]);
    await tell([PARTNER, OTHER]);
    expect(calls.map(({ url }) => new URL(url).host).toSorted()).toEqual(['acme.example', 'other.example']);
    expect(calls.find(({ url }) => url.includes('other'))?.method).toBe('GET');
    expect(world.logLines.join('')).not.toContain('partner-key');
    expect(await world.context.objects.exists('optout-v2/sender-state/other_timestamp.txt')).toBe(true);
    expect(await world.context.objects.exists('optout-v2/sender-state/acme_timestamp.txt')).toBe(false);
  });

  it('is left in peace once the service stops', async () => {
    const answer = world.partner;
    world.partner = async (call) => {
      world.context.forwarding?.stop();
      return answer(call);
    };
    await addDelta(world.nowMs - 600_000, [1, 2, 3]);
    await tell();
    expect(calls).toHaveLength(1);
    expect(await world.context.objects.exists('optout-v2/sender-state/acme_timestamp.txt')).toBe(false);
  });
});

it('only one instance tells partners, and none that observes or has no partners', async () => {
  expect(world.context.forwarding).toBeDefined();
  for (const settings of [
    { optout_producer_replica_id: 1 },
    { optout_observe_only: true },
    { partners_metadata_path: undefined },
  ]) {
    await world.remove();
    await open(settings);
    expect(world.context.forwarding).toBeUndefined();
  }
});

it('parsePartners refuses what could not be called', () => {
  const good = { name: 'a', url: 'https://a.example' };
  expect(parsePartners(JSON.stringify([good]))[0]).toEqual({
    name: 'a',
    url: 'https://a.example',
    method: 'GET',
    queryParameters: [],
    headers: [],
    retryCount: 0,
    retryBackoffMs: 0,
  });
  for (const bad of [
    { name: '../a' },
    { name: '' },
    { url: 'ftp://a' },
    { url: 'x' },
    { method: 'TRACE' },
    { query_params: ['a'] },
    { query_params: ['a=b=c'] },
    { query_params: ['=b'] },
    { additional_headers: ['a'] },
    { additional_headers: [': a'] },
    { retry_count: -1 },
    { retry_backoff_ms: 1.5 },
  ]) {
    expect(() => parsePartners(JSON.stringify([{ ...good, ...bad }]))).toThrow(
      expect.objectContaining({ code: 'SEED_FILE_MALFORMED' }),
    );
  }
});
