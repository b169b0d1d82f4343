import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Secret } from '@holdfast/base';
import { openRedis } from '@holdfast/redis';
import type { RedisStore } from '@holdfast/redis';
import { redisServerProgram, startRedisServer } from '@holdfast/redis/testing';
import type { RedisServer } from '@holdfast/redis/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { RedisSessions } from '../src/kbs/redis-sessions.ts';
import { MemorySessions } from '../src/kbs/sessions.ts';
import type { Sessions, SessionsOptions } from '../src/kbs/sessions.ts';
import { allowAllResourcePolicy, denyAllResourcePolicy } from '../src/policies/resource-policies.ts';
import { createMemoryStore } from '../src/storage/key-value-store.ts';
import type { KeyValueStore } from '../src/storage/key-value-store.ts';
import { createLocalFsStore } from '../src/storage/local-fs-store.ts';
import { createLocalJsonStore } from '../src/storage/local-json-store.ts';
import { createRedisStore } from '../src/storage/redis-store.ts';
import { createMaterial, openBroker } from './broker.ts';
import type { Broker, Material } from './broker.ts';
import { Guest } from './guest.ts';

const LIFETIME_MS = 300_000;

/** What sessions have to do, wherever they are kept. */
function sessionsBehave(open: (options: SessionsOptions) => Promise<Sessions>): void {
  let now: number;
  let sessions: Sessions;

  beforeEach(async () => {
    now = Date.now();
    sessions = await open({
      clock: () => now,
      random: (length) => new Uint8Array(randomBytes(length)),
      lifetimeMs: LIFETIME_MS,
      maxSessions: 3,
    });
  });

  it('are found until their time is over, which never moves', async () => {
    const session = await sessions.open('snp', 'nonce');
    expect(session).toMatchObject({ tee: 'snp', nonce: 'nonce', state: 'authed', expiresAt: now + LIFETIME_MS });
    expect(session.id).toMatch(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    await sessions.complete(session, 'token');
    now += LIFETIME_MS - 1;
    expect(await sessions.find(session.id)).toMatchObject({ state: 'attested', token: 'token', nonce: 'nonce' });
    now += 1;
    expect(await sessions.find(session.id)).toBeUndefined();
    expect(await sessions.find('0'.repeat(32))).toBeUndefined();
  });

  it('are completed once: a second attempt gets the token of the first', async () => {
    const session = await sessions.open('snp', 'nonce');
    const [first, second] = await Promise.all([sessions.complete(session, 'one'), sessions.complete(session, 'two')]);
    expect(first.token).toBe(second.token);
    expect((await sessions.find(session.id))?.token).toBe(first.token);
  });

  it('end with the fifth refused attempt, also when all come at once', async () => {
    const session = await sessions.open('snp', 'nonce');
    for (let attempt = 0; attempt < 4; attempt++) await sessions.fail(session);
    expect(await sessions.find(session.id)).toMatchObject({ failures: 4 });
    await sessions.fail(session);
    expect(await sessions.find(session.id)).toBeUndefined();
    const crowded = await sessions.open('snp', 'nonce');
    await Promise.all(Array.from({ length: 5 }, () => sessions.fail(crowded)));
    expect(await sessions.find(crowded.id)).toBeUndefined();
    expect(await sessions.count()).toBe(0);
  });

  it('do not end an attested session for attempts that come later', async () => {
    const session = await sessions.open('snp', 'nonce');
    await sessions.complete(session, 'token');
    for (let attempt = 0; attempt < 9; attempt++) await sessions.fail(session);
    expect(await sessions.find(session.id)).toMatchObject({ token: 'token' });
  });

  it('are never more than their limit: the oldest half-open one gives way, not one that is attested', async () => {
    const attested = await sessions.open('snp', 'nonce');
    await sessions.complete(attested, 'token');
    const half = [];
    for (let more = 0; more < 6; more++) {
      now += 1;
      half.push(await sessions.open('snp', `${more}`));
    }
    expect(await sessions.find(attested.id)).toBeDefined();
    expect(await sessions.find(half[0]?.id ?? '')).toBeUndefined();
    expect(await sessions.find(half.at(-1)?.id ?? '')).toBeDefined();
    expect(await sessions.count()).toBeLessThanOrEqual(4);
    now += LIFETIME_MS;
    await sessions.sweep();
    expect(await sessions.count()).toBe(0);
  });
}

/** What a store has to do, wherever it keeps its values. */
function storeBehaves(open: () => Promise<KeyValueStore>): void {
  it('keeps bytes under names with slashes, replaces, lists and removes them', async () => {
    const store = await open();
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(await store.get('a/b/c')).toBeUndefined();
    await store.set('a/b/c', bytes);
    await store.set('d', new Uint8Array());
    await store.set('d', Uint8Array.of(1));
    expect(await store.get('a/b/c')).toEqual(bytes);
    expect(await store.get('d')).toEqual(Uint8Array.of(1));
    expect(await store.list()).toEqual(['a/b/c', 'd']);
    expect([await store.delete('d'), await store.delete('d')]).toEqual([true, false]);
    expect(await store.list()).toEqual(['a/b/c']);
  });

  it('refuses names that cannot be stored', async () => {
    const store = await open();
    for (const name of ['', '..', 'a b', 'a\0', 'ä', 'x'.repeat(201)]) {
      await expect(store.set(name, Uint8Array.of(1))).rejects.toMatchObject({ code: 'TRUSTEE_STORAGE_KEY_INVALID' });
    }
    expect(await store.list()).toEqual([]);
  });
}

describe('sessions in memory', () => {
  sessionsBehave(async (options) => new MemorySessions(options));
});

describe('a store', () => {
  let folder: string;
  let opened = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-trustee-store-'));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  describe('in memory', () => {
    storeBehaves(async () => createMemoryStore());
  });
  describe('in files', () => {
    storeBehaves(async () => createLocalFsStore(join(folder, `fs${opened++}`)));
  });
  describe('in one file', () => {
    storeBehaves(async () => createLocalJsonStore(join(folder, `json${opened++}`)));
  });
});

describe.skipIf(redisServerProgram === undefined)('with Redis', () => {
  let server: RedisServer;
  let redis: RedisStore;

  beforeAll(async () => {
    server = await startRedisServer(redisServerProgram ?? '', { password: 'the key' });
    redis = await openRedis({ host: '127.0.0.1', port: server.port, password: new Secret('the key'), timeoutMs: 5000 });
  });
  afterAll(async () => {
    redis.close();
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await redis.evaluate("return redis.call('FLUSHALL')", [], []);
  });

  describe('sessions', () => {
    sessionsBehave(async (options) => new RedisSessions(redis, options));

    it('leave nothing behind once their time is over', async () => {
      const options = {
        clock: Date.now,
        random: (length: number) => new Uint8Array(randomBytes(length)),
        maxSessions: 9,
      };
      const sessions = new RedisSessions(redis, { ...options, lifetimeMs: 30_000 });
      const { id } = await sessions.open('snp', 'nonce');
      const left = await redis.evaluate(
        "return redis.call('PTTL', KEYS[1])",
        [`holdfast:kbs_protocol_session:${id}`],
        [],
      );
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(30_000);
    });

    it('are refused when they are not in the form they were written in', async () => {
      const sessions = new RedisSessions(redis, {
        clock: Date.now,
        random: (length) => new Uint8Array(randomBytes(length)),
        lifetimeMs: 1000,
        maxSessions: 9,
      });
      await redis.set('holdfast:kbs_protocol_session:x', '{"id":"x"}');
      await expect(sessions.find('x')).rejects.toMatchObject({ code: 'TRUSTEE_STORAGE_MALFORMED' });
    });
  });

  describe('a store', () => {
    storeBehaves(async () => createRedisStore(redis, 'repository'));
  });

  describe('two brokers that share it', () => {
    let material: Material;
    const replicas: Broker[] = [];

    beforeAll(() => {
      material = createMaterial();
    });
    afterAll(() => material.remove());
    beforeEach(async () => {
      const url = `redis://:${encodeURIComponent('the key')}@127.0.0.1:${server.port}/0`;
      const changes = { storage_backend: { storage_type: 'Redis', backends: { redis: { url } } } };
      replicas.length = 0;
      for (let at = 0; at < 2; at++) replicas.push(await openBroker(material, { changes }));
    });

    it('take the halves of one handshake, and its resources, from any of them', async () => {
      const [one, two] = replicas as [Broker, Broker];
      // Time stands still in tests: sessions end by the clock of Redis.
      for (const { clock } of replicas) clock.now = Date.now();
      await one.setResourcePolicy(allowAllResourcePolicy);
      await one.admin('POST', 'resource/default/test/one', Buffer.from('shared'));
      const guest = new Guest(one.app);
      await guest.auth();
      const body = guest.attestation();
      const headers = { cookie: guest.cookie ?? '' };
      const attested = await two.app.inject({ method: 'POST', url: '/kbs/v0/attest', payload: body, headers });
      expect(attested.statusCode).toBe(200);
      const answer = await guest.get('resource/default/test/one');
      expect(guest.open(answer.body)).toBe('shared');
      await two.setResourcePolicy(denyAllResourcePolicy);
      expect((await guest.get('resource/default/test/one')).body).toContain('PolicyDeny');
      for (const { context } of replicas) context.close();
    });

    it('refuse as one, and say nothing of Redis outside, when it is gone', async () => {
      const [one] = replicas as [Broker, Broker];
      for (const { context } of replicas) context.close();
      const answer = await new Guest(one.app).auth();
      expect(answer.statusCode).toBe(401);
      expect(answer.json()).toEqual({
        type: 'https://github.com/confidential-containers/kbs/errors/PluginInternalError',
        detail: 'Plugin internal error',
      });
      expect(one.log.join()).toContain('REDIS_UNREACHABLE');
      expect(one.log.join()).not.toContain('the key');
    });
  });
});
