import { randomBytes } from 'node:crypto';

import { fromUtf8, toBase64 } from '@holdfast/base';
import { decodeDeltaFile, OptOutIndex, parseOptOutFile, parseOptOutLocations, selectOptOutFiles } from '@holdfast/uid2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createOperator, OPTOUT_URL, replicatePath, World } from './world.ts';
import type { TestOperator } from './world.ts';

let world: World;
let operator: TestOperator;

const HASH = new Uint8Array(32).fill(7);
const UID = new Uint8Array(33).fill(9);

async function use(settings: Readonly<Record<string, unknown>>): Promise<void> {
  await world.remove();
  world = await World.create(settings);
  world.context.useOperators([operator.record]);
}

beforeEach(async () => {
  world = await World.create();
  operator = createOperator();
  world.context.useOperators([operator.record]);
});

afterEach(async () => {
  await world.remove();
});

async function replicate(url: string, headers: Record<string, string> = {}, payload?: string) {
  return world.app.inject({
    method: 'POST',
    url,
    headers: { authorization: `Bearer ${operator.key}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
}

async function refresh(headers: Record<string, string> = world.attestedHeaders(operator)) {
  return world.app.inject({ method: 'GET', url: '/optout/refresh', headers });
}

describe('/ops/healthcheck', () => {
  it('is 503 with the reasons until operators and a listing are there, then 200 without a body', async () => {
    const fresh = await World.create();
    const before = await fresh.app.inject('/ops/healthcheck');
    expect(before.statusCode).toBe(503);
    expect(before.body.split('\n').map((line) => line.split(':', 1)[0])).toEqual([
      'operators-rotator',
      'cloudsync-optout',
    ]);
    fresh.context.useOperators([]);
    await fresh.context.log.refresh();
    const after = await fresh.app.inject('/ops/healthcheck');
    expect(after.statusCode).toBe(200);
    expect(after.body).toBe('');
    await fresh.remove();
  });
});

describe('access', () => {
  it('answers 503 while nobody can be judged, because a 401 would end the asking operator', async () => {
    const fresh = await World.create();
    const answer = await fresh.app.inject({ url: '/optout/refresh', headers: { authorization: 'Bearer x' } });
    expect(answer.statusCode).toBe(503);
    await fresh.remove();
  });

  it.each([
    ['no key', () => ({})],
    ['another scheme', () => ({ authorization: `Basic ${operator.key}` })],
    ['an unknown key', () => ({ authorization: `Bearer ${createOperator().key}` })],
  ])('answers 401 text to %s', async (_name, headers) => {
    for (const url of ['/optout/replicate', '/optout/refresh']) {
      const answer = await world.app.inject({ method: 'POST', url, headers: headers() });
      expect(answer.statusCode).toBe(401);
      expect(answer.body).toBe('Unauthorized');
      expect(answer.headers['content-type']).toBeUndefined();
    }
  });

  it('answers 401 to a disabled key and to one without the role', async () => {
    const disabled = createOperator({ disabled: true });
    const noOptOut = createOperator({ roles: ['OPERATOR'] });
    const service = createOperator({ roles: ['OPTOUT_SERVICE', 'OPTOUT'] });
    world.context.useOperators([disabled.record, noOptOut.record, service.record]);
    for (const { key } of [disabled, noOptOut]) {
      const answer = await replicate(replicatePath(HASH, UID), { authorization: `Bearer ${key}` });
      expect(answer.statusCode).toBe(401);
    }
    expect((await refresh(world.attestedHeaders(disabled))).statusCode).toBe(401);
    expect((await refresh(world.attestedHeaders(service))).statusCode).toBe(401);
    expect(world.context.queue.size).toBe(0);
  });

  it('echoes the trace id of a load balancer, also on refusal', async () => {
    const answer = await world.app.inject({ url: '/optout/refresh', headers: { 'x-amzn-trace-id': 'Root=1' } });
    expect(answer.headers['x-amzn-trace-id']).toBe('Root=1');
  });

  it('answers unknown paths and methods as the reference does', async () => {
    const unknown = await world.app.inject('/optout/add');
    expect(unknown.statusCode).toBe(404);
    expect(unknown.body).toBe('<html><body><h1>Resource not found</h1></body></html>');
    const method = await world.app.inject({ method: 'POST', url: '/ops/healthcheck' });
    expect(method.statusCode).toBe(405);
    expect(method.headers['allow']).toBe('GET');
  });
});

describe('/optout/refresh', () => {
  it('needs attestation token and JWT, each valid and the caller’s own', async () => {
    await world.context.log.refresh();
    const good = world.attestedHeaders(operator);
    const other = createOperator();
    expect((await refresh()).statusCode).toBe(200);
    const { 'attestation-token': _token, ...withoutToken } = good;
    const { 'attestation-jwt': _jwt, ...withoutJwt } = good;
    const bad = [
      withoutToken,
      withoutJwt,
      { ...good, 'attestation-token': world.attestedHeaders(other)['attestation-token'] ?? '' },
      { ...good, 'attestation-jwt': world.attestedHeaders(other)['attestation-jwt'] ?? '' },
      { ...good, 'attestation-jwt': 'x.y.z' },
      world.attestedHeaders(operator, { audience: 'http://core.test' }),
      world.attestedHeaders(operator, { issuer: 'http://other.test' }),
      world.attestedHeaders(operator, { roles: ['OPTOUT'] }),
      world.attestedHeaders(operator, { expiresAt: Math.floor(world.nowMs / 1000) }),
    ];
    for (const headers of bad) {
      const answer = await refresh(headers);
      expect(answer.statusCode).toBe(401);
      expect(answer.body).toBe('Unauthorized');
    }
    world.nowMs += 100_000;
    expect((await refresh(good)).statusCode).toBe(401);
  });

  it('needs no attestation token of a trusted operator, but its JWT', async () => {
    await world.context.log.refresh();
    const trusted = createOperator({ protocol: 'trusted' });
    world.context.useOperators([trusted.record]);
    const { 'attestation-token': _token, ...headers } = world.attestedHeaders(trusted);
    expect((await refresh(headers)).statusCode).toBe(200);
    expect((await refresh({ authorization: `Bearer ${trusted.key}` })).statusCode).toBe(401);
  });

  it('only logs a bad JWT while it does not insist on one', async () => {
    await use({ enforceJwt: false });
    await world.context.log.refresh();
    const { 'attestation-jwt': _jwt, ...withoutJwt } = world.attestedHeaders(operator);
    expect((await refresh(withoutJwt)).statusCode).toBe(200);
    expect((await refresh({ ...withoutJwt, 'attestation-jwt': 'x.y.z' })).statusCode).toBe(200);
    expect(world.logLines.join('')).toContain('not enforced');
    const { 'attestation-token': _token, ...withoutToken } = world.attestedHeaders(operator);
    expect((await refresh(withoutToken)).statusCode).toBe(401);
  });

  it('is 404 without a body before the first listing, and an empty list over an empty bucket', async () => {
    const before = await refresh();
    expect(before.statusCode).toBe(404);
    expect(before.body).toBe('');
    await world.context.log.refresh();
    const now = Math.floor(world.nowMs / 1000);
    expect((await refresh()).json()).toEqual({ version: now, generated: now, optout_logs: [] });
  });

  it('lists each delta once it is produced, with links that work, and more after the next', async () => {
    await replicate(replicatePath(HASH, UID));
    expect(await world.context.deltas.run()).toMatchObject({ files: 1, records: 1, stopReason: 'QUEUE_EMPTY' });
    const first = await refresh();
    const firstTime = world.nowMs / 1000;
    expect(first.headers['content-type']).toBe('application/json');
    expect(first.json()).toMatchObject({ version: firstTime, generated: firstTime });
    expect(first.json<{ optout_logs: object[] }>().optout_logs).toMatchObject([
      { type: 'delta', from: firstTime, to: firstTime + 300 },
    ]);

    world.nowMs += 300_000;
    await replicate(replicatePath(new Uint8Array(32).fill(8), UID));
    await world.context.deltas.run();
    const second = await refresh();
    expect(second.json()).toMatchObject({ version: firstTime + 300 });
    const locations = selectOptOutFiles(
      parseOptOutLocations(second.body),
      { folder: 'optout-v2/', backtrackInDays: 1 },
      world.nowMs,
    );
    expect(locations).toHaveLength(2);
    const files = await Promise.all(
      locations.map(async (location) => {
        expect(location.startsWith(`${OPTOUT_URL}/objects/optout-v2/delta/2026-05-01/optout-delta-000_`)).toBe(true);
        const answer = await world.app.inject(location.slice(OPTOUT_URL.length));
        expect(answer.statusCode).toBe(200);
        return parseOptOutFile(answer.rawPayload);
      }),
    );
    const index = OptOutIndex.of(files);
    expect(index.optedOutAt(HASH, 0)).toBe(firstTime);
    expect(index.optedOutAt(new Uint8Array(32).fill(8), 0)).toBe(firstTime + 300);
    expect(index.optedOutAtByRawUid(UID)).toBe(firstTime);
  });

  it('leaves out deltas that the newest partition certainly holds, and files it does not know', async () => {
    const { objects, log } = world.context;
    const name = (kind: string, time: string): string => `optout-${kind}-000_2026-04-30T${time}Z_00000000.dat`;
    const old = `optout-v2/delta/2026-04-30/${name('delta', '11.44.59')}`;
    const kept = `optout-v2/delta/2026-04-30/${name('delta', '11.45.00')}`;
    const partition = `optout-v2/partition/${name('partition', '12.00.00')}`;
    const synthetic = 'optout-v2/synthetic/optout-partition-999_2027-01-01T00.00.00Z_00000000.dat';
    for (const path of [old, kept, partition, synthetic, 'optout-v2/notes.txt']) await objects.write(path, '');
    await log.refresh();
    const paths = parseOptOutLocations((await refresh()).body).map((location) => new URL(location).pathname);
    expect(paths.toSorted()).toEqual([kept, partition, synthetic].map((path) => `/objects/${path}`).toSorted());
  });
});

describe('/optout/replicate', () => {
  it('answers the epoch seconds once the opt-out is on disk', async () => {
    const answer = await replicate(
      replicatePath(HASH, UID),
      { 'content-type': 'application/json', 'uid-trace-id': 't' },
      '{"email":"canary@example.com","phone":"+12345678901","client_ip":"192.0.2.1"}',
    );
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toBe(String(world.nowMs / 1000));
    expect(answer.headers['content-type']).toBeUndefined();
    const { entries } = await world.context.queue.take();
    expect(entries).toHaveLength(1);
    const [{ record, clientIp } = expect.fail()] = entries;
    expect(toBase64(record.identityHash)).toBe(toBase64(HASH));
    expect(toBase64(record.rawUid)).toBe(toBase64(UID));
    expect([record.optedOutAt, clientIp]).toEqual([world.nowMs / 1000, undefined]);
    expect(world.logLines.join('')).not.toContain('canary');
  });

  it('takes GET, UIDs of 32 bytes, and parameters in a form', async () => {
    const get = await world.app.inject({
      url: replicatePath(HASH, new Uint8Array(32)),
      headers: { authorization: `Bearer ${operator.key}` },
    });
    expect(get.statusCode).toBe(200);
    const form = replicatePath(HASH, UID).split('?')[1] ?? '';
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await replicate('/optout/replicate', type, form)).statusCode).toBe(200);
    expect((await replicate(replicatePath(HASH, UID), type, form)).statusCode).toBe(400);
    expect(world.context.queue.size).toBe(2);
  });

  it.each([
    ['no parameters', '/optout/replicate'],
    ['no UID', replicatePath(HASH, UID).replace('advertising_id', 'other')],
    ['a parameter twice', `${replicatePath(HASH, UID)}&identity_hash=AAAA`],
    ['an empty hash', replicatePath(new Uint8Array(0), UID)],
    ['a hash that is not Base64', '/optout/replicate?identity_hash=%21&advertising_id=AAAA'],
    ['a hash of 31 bytes', replicatePath(HASH.subarray(1), UID)],
    ['a hash of 33 bytes', replicatePath(new Uint8Array(33).fill(7), UID)],
    ['the hash of zeros', replicatePath(new Uint8Array(32), UID)],
    ['the hash of ones', replicatePath(new Uint8Array(32).fill(255), UID)],
    ['a UID of 31 bytes', replicatePath(HASH, UID.subarray(2))],
    ['a UID of 34 bytes', replicatePath(HASH, new Uint8Array(34))],
  ])('answers 400 without a body to %s', async (_name, url) => {
    const answer = await replicate(url);
    expect(answer.statusCode).toBe(400);
    expect(answer.body).toBe('');
    expect(world.context.queue.size).toBe(0);
  });

  it('answers 400 with the words of the framework to a GET with a form', async () => {
    for (const type of ['multipart/form-data; boundary=x', 'application/x-www-form-urlencoded']) {
      const answer = await world.app.inject({
        url: '/optout/replicate',
        headers: { authorization: `Bearer ${operator.key}`, 'content-type': type },
        payload: 'identity_hash=a',
      });
      expect(answer.statusCode).toBe(400);
      expect(answer.body).toBe(
        'Request method must be one of POST, PUT, PATCH or DELETE to decode a multipart request',
      );
    }
  });

  it('takes nothing while it only observes', async () => {
    await use({ optout_observe_only: true });
    expect((await replicate(replicatePath(HASH, UID))).statusCode).toBe(503);
    expect(world.context.queue.size).toBe(0);
  });

  it('answers 400 to other methods than GET and POST', async () => {
    const headers = { authorization: `Bearer ${operator.key}` };
    const answer = await world.app.inject({ method: 'PUT', url: replicatePath(HASH, UID), headers });
    expect(answer.statusCode).toBe(400);
  });

  it('answers 500 text to a body that is not JSON, before it looks at the parameters', async () => {
    const answer = await replicate('/optout/replicate', { 'content-type': 'application/json' }, '{');
    expect(answer.statusCode).toBe(500);
    expect(answer.body).toBe('Internal Server Error');
  });

  it('answers 200 to instances that only shadow another, and keeps nothing', async () => {
    for (const instance of ['reference-operator-1', 'x-candidate-operator-2']) {
      const answer = await replicate('/optout/replicate', { 'uid-instance-id': instance });
      expect(answer.statusCode).toBe(200);
      expect(answer.body).toBe(String(world.nowMs / 1000));
    }
    expect(world.context.queue.size).toBe(0);
  });

  it('answers 500 when the queue has reached its limit', async () => {
    await use({ optout_sqs_max_queue_size: 1 });
    expect((await replicate(replicatePath(HASH, UID))).statusCode).toBe(200);
    expect((await replicate(replicatePath(HASH, UID))).statusCode).toBe(500);
    await world.context.deltas.run();
    expect((await replicate(replicatePath(HASH, UID))).statusCode).toBe(200);
  });

  it('answers 500 without a body when the disk refuses', async () => {
    await world.context.queue.close();
    world.context.queue.append = () => Promise.reject(new Error('disk full'));
    const answer = await replicate(replicatePath(HASH, UID));
    expect(answer.statusCode).toBe(500);
    expect(answer.body).toBe('');
  });
});

describe('the opt-out log', () => {
  it('holds an accepted opt-out although the service crashed before it was published', async () => {
    expect((await replicate(replicatePath(HASH, UID))).statusCode).toBe(200);
    await world.start(); // a new service over the same folders; the old one never closed anything
    expect(world.context.queue.size).toBe(1);
    await world.context.deltas.run();
    const [file, ...others] = await world.context.objects.list('optout-v2/delta/');
    expect(others).toEqual([]);
    const delta = decodeDeltaFile(await world.context.objects.read(file?.path ?? ''));
    expect(delta.records.map((record) => toBase64(record.identityHash))).toEqual([toBase64(HASH)]);
    expect(delta.windowStart).toBe(world.nowMs / 1000);
    expect(delta.windowEnd).toBe(world.nowMs / 1000);
    expect(world.context.queue.size).toBe(0);
  });

  it('splits many opt-outs over several files, each within the limit', async () => {
    await use({ optout_max_messages_per_file: 10 });
    await Promise.all(Array.from({ length: 25 }, () => replicate(replicatePath(randomBytes(32), UID))));
    expect(await world.context.deltas.run()).toMatchObject({ files: 3, records: 25 });
    const files = await world.context.objects.list('optout-v2/delta/');
    expect(files.map(({ sizeBytes }) => sizeBytes / 72 - 2).toSorted((a, b) => a - b)).toEqual([5, 10, 10]);
  });

  it('writes no file while there is nothing to write', async () => {
    expect(await world.context.deltas.run()).toMatchObject({ files: 0, records: 0, damagedEntries: 0 });
    expect(await world.context.objects.list('optout-v2/')).toEqual([]);
  });

  it('keeps everything queued when the bucket cannot be written', async () => {
    await replicate(replicatePath(HASH, UID));
    const { objects, deltas, queue } = world.context;
    const write = objects.write.bind(objects);
    objects.write = () => Promise.reject(new Error('bucket is gone'));
    await expect(deltas.run()).rejects.toThrow('bucket is gone');
    expect(queue.size).toBe(1);
    objects.write = write;
    expect(await deltas.run()).toMatchObject({ records: 1 });
  });

  it('shows no key in its log lines', async () => {
    await replicate(replicatePath(HASH, UID.subarray(3)));
    await refresh({ ...world.attestedHeaders(operator), 'attestation-jwt': 'x.y.z' });
    const lines = world.logLines.join('');
    expect(lines).toContain('access refused');
    expect(lines).not.toContain(operator.key.slice(-30));
    expect(fromUtf8(Buffer.from(lines))).not.toContain('passphrase');
  });
});
