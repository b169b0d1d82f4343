import { randomBytes } from 'node:crypto';

import { DependencyError } from '@holdfast/base';
import { beforeEach, describe, expect, it } from 'vitest';

import { buildApp } from '../../src/app.ts';
import { plainError } from '../../src/serving-threads/serving-messages.ts';
import type { MessageFromThread } from '../../src/serving-threads/serving-messages.ts';
import { ThreadContext } from '../../src/serving-threads/thread-context.ts';
import { bodyOf, NOW_MS, textOf, World } from '../world.ts';
import { worldParts } from './world-source.ts';

const SERVING = { open: true, optOutSyncedAtMs: NOW_MS, optOutStaleLimitMs: 60_000 };

let world: World;
let thread: ThreadContext;
let nowMs: number;
const posted: MessageFromThread[] = [];
const postedOf = <K extends MessageFromThread['kind']>(kind: K): Extract<MessageFromThread, { kind: K }>[] =>
  posted.filter((message): message is Extract<MessageFromThread, { kind: K }> => message.kind === kind);

beforeEach(() => {
  posted.length = 0;
  nowMs = NOW_MS;
  world = new World();
  thread = new ThreadContext({
    index: 0,
    settings: world.context.settings,
    clock: () => nowMs,
    random: (length) => randomBytes(length),
    // What crosses between threads is cloned.
    post: (message) => posted.push(structuredClone(message)),
  });
  Object.assign(world, { app: buildApp(thread.context) });
});

const generate = () => world.call('/v2/token/generate', { email: 'user@example.com' });

describe('ThreadContext', () => {
  it('refuses to serve until it is told that the gate is open', async () => {
    expect((await generate()).status).toBe(503);
    thread.onMessage({ kind: 'world', parts: worldParts(world) });
    expect((await generate()).status).toBe(503);
    thread.onMessage({ kind: 'gate', state: SERVING });
    expect(textOf(bodyOf(await generate()), 'refresh_token')).toHaveLength(388);
  });

  it('closes its gate by itself when the opt-out list grows too old', async () => {
    thread.onMessage({ kind: 'world', parts: worldParts(world) });
    thread.onMessage({ kind: 'gate', state: SERVING });
    nowMs += 60_001;
    expect(thread.context.gate()).toEqual({ reason: 'the opt-out list is 60 seconds old, its limit is 60' });
    thread.onMessage({ kind: 'gate', state: { ...SERVING, optOutSyncedAtMs: nowMs } });
    expect(thread.context.gate()).toBeUndefined();
  });

  it('takes over one part of the world and keeps the others', async () => {
    thread.onMessage({ kind: 'world', parts: worldParts(world) });
    thread.onMessage({ kind: 'gate', state: SERVING });
    const disabled = worldParts(world).clients.map((client) => ({ ...client, disabled: true }));
    thread.onMessage({ kind: 'world', parts: { clients: disabled } });
    expect((await generate()).status).toBe(401);
    thread.onMessage({ kind: 'world', parts: { clients: worldParts(world).clients } });
    expect((await generate()).status).toBe(200);
  });

  it('asks the lifecycle for its health', async () => {
    const asked = world.app.inject({ url: '/ops/healthcheck' });
    await expect.poll(() => postedOf('question')).toHaveLength(1);
    const unhealthy = [{ component: 'http-server', reason: 'still starting' }];
    thread.onMessage({ kind: 'answer', id: postedOf('question')[0]?.id ?? 0, outcome: { value: unhealthy } });
    expect([(await asked).statusCode, (await asked).body]).toEqual([503, 'http-server: still starting']);
  });

  it('hands opt-outs over and passes their failure on', async () => {
    const written = thread.context.optOutWriter.write({ flh: new Uint8Array(32), rawUid: new Uint8Array(32) });
    const failure = new DependencyError('OPTOUT_WRITE_FAILED', 'no', { retryable: true, details: { status: 500 } });
    const [message] = postedOf('opt-out');
    expect(message?.write.flh).toHaveLength(32);
    thread.onMessage({ kind: 'answer', id: message?.id ?? 0, outcome: { error: plainError(failure) } });
    await expect(written).rejects.toMatchObject({ code: 'OPTOUT_WRITE_FAILED', details: { status: 500 } });
  });

  it('reports the salts once, and while they are expired once a second', () => {
    for (const expired of [false, false, true, true]) thread.context.onSaltSelection(expired);
    expect(postedOf('salts').map(({ expired }) => expired)).toEqual([false, true]);
    nowMs += 1000;
    thread.context.onSaltSelection(true);
    thread.context.onSaltSelection(false);
    expect(postedOf('salts').map(({ expired }) => expired)).toEqual([false, true, true, false]);
  });

  it('sends log lines, equal usage as one line, and its metrics', async () => {
    thread.onMessage({ kind: 'world', parts: worldParts(world) });
    thread.onMessage({ kind: 'gate', state: SERVING });
    await generate();
    await generate();
    await world.call('/v2/token/generate', {});
    thread.flush();
    expect(postedOf('usage').flatMap(({ usages }) => usages)).toEqual([
      { usage: expect.objectContaining({ path: '/v2/token/generate', isServed: true }), count: 3 },
    ]);
    expect(postedOf('log')).toEqual([expect.objectContaining({ level: 'info', message: 'Response to http request.' })]);
    thread.onMessage({ kind: 'metrics', id: 7 });
    await expect.poll(() => postedOf('metrics')).toHaveLength(1);
    const metrics = postedOf('metrics')[0];
    const requests = metrics?.metrics.find(({ name }) => name === 'uid2_operator_serving_thread_requests_total');
    expect([metrics?.id, requests?.values[0]?.value]).toEqual([7, 3]);
  });
});
