import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { certificatesToPem, createAuthorityCertificate, createServerCertificate } from '@holdfast/attestation';
import { Secret } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { openRedis } from '../src/index.ts';
import { redisServerProgram, startRedisServer } from '../testing/redis-server.ts';

const program = redisServerProgram ?? '';
const timeoutMs = 5000;
const host = '127.0.0.1';

describe.skipIf(redisServerProgram === undefined)('Redis', () => {
  it('counts, keeps and sets only what is missing', async () => {
    await using server = await startRedisServer(program);
    const redis = await openRedis({ host, port: server.port, timeoutMs });
    expect(await redis.get('a')).toBeUndefined();
    expect(await redis.setIfMissing('a', '0')).toBe(true);
    expect(await redis.increment('a')).toBe(1);
    expect(await redis.setIfMissing('a', '0')).toBe(false);
    expect(await redis.get('a')).toBe('1');
    redis.close();
  });

  it('keeps fields of hashes and runs scripts on them, each in its database', async () => {
    await using server = await startRedisServer(program);
    const redis = await openRedis({ host, port: server.port, timeoutMs, database: 1 });
    expect(await redis.hashGet('h', 'a')).toBeUndefined();
    await redis.hashSet('h', 'a', '1');
    await redis.hashSet('h', 'b', '2');
    expect([...(await redis.hashFields('h'))].sort()).toEqual(['a', 'b']);
    expect(await redis.evaluate("return redis.call('HGET', KEYS[1], ARGV[1])", ['h'], ['b'])).toBe('2');
    expect(await redis.evaluate("return redis.call('HGET', KEYS[1], 'c')", ['h'], [])).toBeNull();
    expect([await redis.hashDelete('h', 'a'), await redis.hashDelete('h', 'a')]).toEqual([true, false]);
    await expect(redis.evaluate('return redis.call("INCR", KEYS[1])', ['h'], [])).rejects.toMatchObject({
      code: 'REDIS_COMMAND_FAILED',
    });
    const other = await openRedis({ host, port: server.port, timeoutMs });
    expect(await other.hashFields('h')).toEqual([]);
    other.close();
    redis.close();
  });

  it('refuses a wrong password, and says so without repeating it', async () => {
    await using server = await startRedisServer(program, { password: 'right' });
    const wrong = openRedis({ host, port: server.port, timeoutMs, password: new Secret('not-right') });
    const error = await wrong.then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ code: 'REDIS_ACCESS_DENIED' });
    expect(error?.message).not.toContain('not-right');
    await expect(openRedis({ host, port: server.port, timeoutMs })).rejects.toMatchObject({
      code: 'REDIS_ACCESS_DENIED',
    });
    const right = await openRedis({ host, port: server.port, timeoutMs, password: new Secret('right') });
    right.close();
  });

  it('names what cannot be counted', async () => {
    await using server = await startRedisServer(program);
    const redis = await openRedis({ host, port: server.port, timeoutMs });
    await redis.set('text', 'x');
    await expect(redis.increment('text')).rejects.toMatchObject({ code: 'REDIS_COMMAND_FAILED' });
    redis.close();
  });

  it('cannot be reached where nobody listens, and when it is lost', async () => {
    const server = await startRedisServer(program);
    const redis = await openRedis({ host, port: server.port, timeoutMs });
    await server.kill();
    await expect(redis.get('a')).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    redis.close();
    await expect(openRedis({ host, port: server.port, timeoutMs })).rejects.toMatchObject({
      code: 'REDIS_UNREACHABLE',
    });
    await server[Symbol.asyncDispose]();
  });

  it('is spoken to over TLS when its certificate is of the given authority, and not otherwise', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-tls-'));
    const validity = () => ({
      serial: randomBytes(16),
      notBefore: Date.now() - 60_000,
      notAfter: Date.now() + 600_000,
    });
    const authorityKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const authority = createAuthorityCertificate({ commonName: 'Redis test', ...authorityKeys, ...validity() });
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = createServerCertificate(
      { certificate: authority, privateKey: authorityKeys.privateKey },
      { hosts: [host], publicKey: keys.publicKey, ...validity() },
    );
    const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    await writeFile(tls.cert, certificatesToPem([certificate, authority]));
    await writeFile(tls.key, keys.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await using server = await startRedisServer(program, { tls });
    const trusted = await openRedis({
      host,
      port: server.port,
      timeoutMs,
      tls: { ca: certificatesToPem([authority]) },
    });
    expect(await trusted.increment('a')).toBe(1);
    trusted.close();
    await expect(openRedis({ host, port: server.port, timeoutMs, tls: true })).rejects.toMatchObject({
      code: 'REDIS_UNREACHABLE',
    });
    await rm(folder, { recursive: true });
  });
});
