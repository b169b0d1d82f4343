import { createPublicKey } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as realTime } from 'node:timers/promises';

import { PlatformError, Secret } from '@holdfast/base';
import { loadVectors } from '@holdfast/base/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CoreSession, generateAttestationKeys, trustedEvidence } from '../src/index.ts';
import type { AttestOutcome, CoreSessionOptions } from '../src/index.ts';
import { FakeCore, VirtualTime } from '../testing/index.ts';
import type { FakeAnswer } from '../testing/index.ts';

interface Vector {
  readonly id: string;
  readonly attestation_failure: readonly number[];
  readonly retryable: readonly number[];
  readonly app_version_header: string;
}
const vectors = (loadVectors('uid2-core.json') as { readonly vectors: readonly Vector[] } | undefined)?.vectors;
const vector = (id: string): Vector | undefined => vectors?.find((entry) => entry.id === id);

let core: FakeCore;
let time: VirtualTime;
let outcomes: AttestOutcome[];
let renewalFailures: unknown[];
const sessions: CoreSession[] = [];

beforeEach(async () => {
  core = await FakeCore.start();
  time = new VirtualTime();
  core.expiresAtMs = time.now() + 7_200_000;
  outcomes = [];
  renewalFailures = [];
});

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
  await core.stop();
});

function openSession(overrides: Partial<CoreSessionOptions> = {}): CoreSession {
  const session = new CoreSession({
    attestUrl: `${core.url}/attest`,
    operatorKey: new Secret('UID2-O-L-42-key'),
    evidence: trustedEvidence(),
    application: { name: 'uid2-operator', version: '1.2.3', components: { 'uid2-shared': '7' } },
    operatorType: 'private',
    instanceId: 'local-operator-abc',
    timers: time,
    onAttestOutcome: (outcome) => outcomes.push(outcome),
    onRenewalFailure: (error) => renewalFailures.push(error),
    ...overrides,
  });
  sessions.push(session);
  return session;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof PlatformError ? error.code : `foreign: ${String(error)}`),
  );
}

/** Time for real sockets and key generation to do what a due action began. */
async function untilAttempts(count: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (outcomes.length < count && Date.now() < deadline) await realTime(5);
  await realTime(20);
}

describe('attest', () => {
  it('sends evidence, a fresh RSA-2048 key and the identifying headers', async () => {
    const session = openSession();
    await session.attest();
    await session.attest();
    const [first, second] = core.requests;
    const body = JSON.parse(first?.body ?? '') as Record<string, unknown>;
    expect(body).toEqual({
      attestation_request: 'AA==',
      public_key: expect.any(String),
      application_name: 'uid2-operator',
      application_version: '1.2.3',
      operator_type: 'private',
      components: { 'uid2-shared': '7' },
    });
    const der = Buffer.from(String(body['public_key']), 'base64');
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect(JSON.parse(second?.body ?? '')).not.toEqual(body);
    expect(first?.headers).toMatchObject({
      authorization: 'Bearer UID2-O-L-42-key',
      'content-type': 'application/json',
      'x-uid2-appversion': 'uid2-operator=1.2.3;uid2-shared=7',
      'uid-instance-id': 'local-operator-abc',
    });
  });

  it('binds the evidence to the key and to the attest URL', async () => {
    const seen: Uint8Array[] = [];
    const evidence = {
      ready: () => true,
      evidence: (key: Uint8Array, userData: Uint8Array) => {
        seen.push(key, userData);
        return Promise.resolve(Buffer.from('proof'));
      },
    };
    await openSession({ evidence }).attest();
    const body = JSON.parse(core.requests[0]?.body ?? '') as Record<string, string>;
    expect(Buffer.from(seen[0] ?? []).toString('base64')).toBe(body['public_key']);
    expect(Buffer.from(seen[1] ?? []).toString()).toBe(`${core.url}/attest`);
    expect(body['attestation_request']).toBe(Buffer.from('proof').toString('base64'));
  });

  it('uses keys that were made beforehand once, for the first attempt', async () => {
    const session = openSession({ firstKeys: generateAttestationKeys() });
    await session.attest();
    expect(session.attested).toBe(true);
    await session.attest();
    const keys = core.requests.map(({ body }) => (JSON.parse(body) as Record<string, string>)['public_key']);
    expect(new Set(keys).size).toBe(2);
  });

  it('fails the first attempt alone when keys could not be made beforehand', async () => {
    const session = openSession({ firstKeys: Promise.reject(new Error('no keys')) });
    await expect(session.attest()).rejects.toThrow('no keys');
    expect(core.requests).toEqual([]);
    await session.attest();
    expect(session.attested).toBe(true);
  });

  it('is attested until the expiry and not from it on', async () => {
    const session = openSession();
    expect(session.attested).toBe(false);
    await session.attest();
    time.jump(7_199_999);
    expect(session.attested).toBe(true);
    time.jump(1);
    expect(session.attested).toBe(false);
  });

  it('makes one attempt when several ask at once', async () => {
    core.json('/a', {});
    const session = openSession();
    await Promise.all([
      session.downloadMetadata(`${core.url}/a`),
      session.downloadMetadata(`${core.url}/a`),
      session.attest(),
    ]);
    expect(core.count('/attest')).toBe(1);
  });

  it.for([401, 403])('reports %i as a refusal with the body', async (status) => {
    core.attest = () => ({ status, body: '{"status":"no"}' });
    expect(await codeOf(openSession().attest())).toBe('CORE_ATTEST_REFUSED');
    expect(outcomes).toEqual([{ result: 'refused', status, body: '{"status":"no"}' }]);
  });

  it('takes an empty 401 for a refusal too', async () => {
    core.attest = () => ({ status: 401, headers: { 'Content-Length': '0' } });
    expect(await codeOf(openSession().attest())).toBe('CORE_ATTEST_REFUSED');
    expect(outcomes.map(({ result }) => result)).toEqual(['refused']);
  });

  it('follows no redirect', async () => {
    core.attest = () => ({ status: 307, headers: { Location: `${core.url}/elsewhere` }, body: 'moved' });
    expect(await codeOf(openSession().attest())).toBe('CORE_ATTEST_FAILED');
    expect(core.count('/elsewhere')).toBe(0);
  });

  it('reports a server that is not there as unreachable', async () => {
    const gone = await FakeCore.start();
    await gone.stop();
    const session = openSession({ attestUrl: `http://127.0.0.1:${core.port}/attest`, timeouts: { attest: 2000 } });
    await core.stop();
    expect(await codeOf(session.attest())).toBe('CORE_UNREACHABLE');
    expect(outcomes.map(({ result }) => result)).toEqual(['unreachable']);
    core = await FakeCore.start();
  });

  it('gives up on a server that never answers', async () => {
    core.attest = () => new Promise<FakeAnswer>(() => undefined);
    expect(await codeOf(openSession({ timeouts: { attest: 50 } }).attest())).toBe('CORE_UNREACHABLE');
  });

  it('sends nothing while the evidence source is not ready', async () => {
    const evidence = { ...trustedEvidence(), ready: () => false };
    expect(await codeOf(openSession({ evidence }).attest())).toBe('EVIDENCE_NOT_READY');
    expect([core.requests.length, outcomes.length]).toEqual([0, 0]);
  });

  it.for<[string, FakeAnswer]>([
    ['no JSON', { body: 'hello' }],
    ['another status word', { body: '{"status":"failure"}' }],
    ['no body', { body: '{"status":"success"}' }],
    ['no token', { body: '{"status":"success","body":{"expiresAt":"2030-01-01T00:00:00Z"}}' }],
    ['no expiry', { body: '{"status":"success","body":{"attestation_token":"AAAA"}}' }],
    [
      'a token for nobody',
      { body: '{"status":"success","body":{"attestation_token":"AAAA","expiresAt":"2030-01-01T00:00:00Z"}}' },
    ],
  ])('fails on a 200 with %s although the watcher saw success', async ([, answer]) => {
    core.attest = () => answer;
    const session = openSession();
    expect(await codeOf(session.attest())).toBe('CORE_ANSWER_INVALID');
    expect(outcomes).toEqual([{ result: 'success', status: 200 }]);
    expect(session.attested).toBe(false);
  });

  it('lets only errors of its own out, whatever a 200 holds', async () => {
    const session = openSession();
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (body) => {
        core.attest = () => ({ body });
        expect(await codeOf(session.attest())).toBe('CORE_ANSWER_INVALID');
      }),
      { numRuns: 15 },
    );
  });

  it('keeps JWTs and Opt-Out address when a later answer lacks them', async () => {
    core.extras = { attestation_jwt_core: 'c.c.c', attestation_jwt_optout: 'o.o.o', optout_url: 'http://optout' };
    core.json('/a', {});
    const session = openSession();
    await session.attest();
    core.extras = {};
    await session.attest();
    await session.downloadMetadata(`${core.url}/a`);
    expect(session.optOutUrl).toBe('http://optout');
    expect(core.requests.at(-1)?.headers['attestation-jwt']).toBe('c.c.c');
  });
});

describe.skipIf(vectors === undefined)('the classes of answers in the shared vectors', () => {
  it('are the outcomes reported', async () => {
    const classes = vector('client-response-classes');
    const session = openSession();
    for (const status of classes?.attestation_failure ?? []) {
      core.attest = () => ({ status, body: 'bad' });
      await codeOf(session.attest());
      expect(outcomes.at(-1)).toEqual({ result: 'refused', status, body: 'bad' });
    }
    for (const status of classes?.retryable.filter((status) => status >= 200) ?? []) {
      core.attest = () => ({ status, body: 'bad' });
      await codeOf(session.attest());
      expect(outcomes.at(-1)).toEqual({ result: 'failed', status, body: 'bad' });
    }
    expect(outcomes).toHaveLength(6);
  });

  it('and the form of X-UID2-AppVersion are those of the reference', async () => {
    const components = { Component1: 'Value1', Component2: 'Value2' };
    await openSession({ application: { name: 'appName', version: 'appVersion', components } }).attest();
    expect(core.requests[0]?.headers['x-uid2-appversion']).toBe(vector('client-renewal')?.app_version_header);
  });
});

describe('renewal', () => {
  it('begins ten minutes before expiry, on a check every minute', async () => {
    const session = openSession();
    await session.attest();
    const attestedAtMs = time.now();
    await time.advance(7_200_000 - 600_000);
    expect(session.state.lastAttemptAtMs).toBe(attestedAtMs);
    await time.advance(60_000, () => untilAttempts(2));
    expect([outcomes.length, session.state.lastAttemptAtMs]).toEqual([2, time.now()]);
  });

  it('is tried again every minute until it succeeds', async () => {
    const session = openSession();
    await session.attest();
    core.attest = () => ({ status: 500, body: 'bad' });
    await time.advance(7_200_000 - 600_000);
    await time.advance(60_000, () => untilAttempts(2));
    await time.advance(60_000, () => untilAttempts(3));
    core.attest = undefined;
    core.expiresAtMs = time.now() + 7_200_000;
    await time.advance(60_000, () => untilAttempts(4));
    expect(outcomes.map(({ result }) => result)).toEqual(['success', 'failed', 'failed', 'success']);
    expect(renewalFailures).toHaveLength(2);
    await time.advance(60_000, () => untilAttempts(4));
    expect(outcomes).toHaveLength(4);
    expect(session.attested).toBe(true);
  });

  it('waits while the evidence source is not ready', async () => {
    let ready = true;
    await openSession({ evidence: { ...trustedEvidence(), ready: () => ready } }).attest();
    ready = false;
    await time.advance(7_200_000);
    expect(outcomes).toHaveLength(1);
  });

  it('ends with the session', async () => {
    const session = openSession();
    await session.attest();
    await session.close();
    expect(time.pending).toBe(0);
  });
});

describe('downloads', () => {
  it('attest first, then carry token, JWT, key and instance', async () => {
    core.extras = { attestation_jwt_core: 'c.c.c', attestation_jwt_optout: 'o.o.o', optout_url: core.url };
    core.json('/clients/refresh', { version: 1 });
    core.json('/optout/refresh', { optout_logs: [] });
    const session = openSession({ encryptedFiles: true });
    expect(await session.downloadMetadata(`${core.url}/clients/refresh`)).toBe('{"version":1}');
    expect(await session.downloadOptOutList('/optout/refresh')).toBe('{"optout_logs":[]}');
    const [, toCore, toOptOut] = core.requests;
    const identifying = {
      authorization: 'Bearer UID2-O-L-42-key',
      'attestation-token': 'attestation-token',
      'uid-instance-id': 'local-operator-abc',
    };
    expect(toCore?.headers).toMatchObject({ ...identifying, 'attestation-jwt': 'c.c.c', encrypted: 'true' });
    expect(toOptOut?.headers).toMatchObject({ ...identifying, 'attestation-jwt': 'o.o.o' });
    expect(toOptOut?.headers['encrypted']).toBeUndefined();
  });

  it('fetch signed links without any header that identifies the operator', async () => {
    core.bytes('/signed', 'data');
    const session = openSession();
    await session.attest();
    expect(Buffer.from(await session.downloadContent(`${core.url}/signed?sig=1`)).toString()).toBe('data');
    const names = Object.keys(core.requests.at(-1)?.headers ?? {});
    expect(names.filter((name) => /auth|attest|uid|encrypted/i.test(name))).toEqual([]);
  });

  it.each(['with its length', 'in chunks'])(
    'give content that comes %s in memory that threads can share',
    async (way) => {
      const body = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
      const headers = way === 'in chunks' ? { 'Transfer-Encoding': 'chunked' } : {};
      core.routes.set('/file', () => ({ body, headers }));
      const content = await openSession().downloadSharedContent(`${core.url}/file`);
      expect(content.buffer).toBeInstanceOf(SharedArrayBuffer);
      expect([content.length, content.buffer.byteLength]).toEqual([body.length, body.length]);
      expect(Buffer.compare(content, body)).toBe(0);
    },
  );

  it('wait for a reader before they hand over more', async () => {
    core.bytes('/data', Buffer.alloc(300_000, 'x'));
    let reading = 0;
    let most = 0;
    let received = 0;
    await openSession().streamContent(`${core.url}/data`, async (chunk) => {
      reading += 1;
      most = Math.max(most, reading);
      for (let turn = 0; turn < 20; turn++) await nextTurn();
      received += chunk.length;
      reading -= 1;
    });
    expect([most, received]).toEqual([1, 300_000]);
  });

  it('take any 2xx for a signed link and only 200 for metadata', async () => {
    core.routes.set('/partial', () => ({ status: 206, body: 'x' }));
    const session = openSession();
    expect(await session.downloadContent(`${core.url}/partial`)).toHaveLength(1);
    expect(await codeOf(session.downloadMetadata(`${core.url}/partial`))).toBe('CORE_DOWNLOAD_FAILED');
  });

  it('say E12 and the status, without the link, and neither attest again nor report a 401', async () => {
    core.status('/metadata', 401);
    core.status('/signed', 500);
    const session = openSession();
    await session.attest();
    await expect(session.downloadMetadata(`${core.url}/metadata`)).rejects.toThrow(
      /^E12: Data Download Failure - HTTP response code 401\./,
    );
    await expect(session.downloadContent(`${core.url}/signed?signature=abc`)).rejects.toThrow(
      /^E12: Data Download Failure - HTTP response code 500\.(?!.*signature)/,
    );
    expect([core.count('/attest'), outcomes.length]).toEqual([1, 1]);
  });

  it('follow no redirect', async () => {
    core.routes.set('/moved', () => ({ status: 302, headers: { Location: `${core.url}/elsewhere` } }));
    expect(await codeOf(openSession().downloadContent(`${core.url}/moved`))).toBe('CORE_DOWNLOAD_FAILED');
    expect(core.count('/elsewhere')).toBe(0);
  });

  it('hand nothing of a failed answer to the reader', async () => {
    core.status('/broken', 404, 'an error page');
    const chunks: Uint8Array[] = [];
    const work = openSession().streamContent(`${core.url}/broken`, (chunk) => {
      chunks.push(chunk);
    });
    expect(await codeOf(work)).toBe('CORE_DOWNLOAD_FAILED');
    expect(chunks).toEqual([]);
  });

  it('end when a link sends too much or never ends', async () => {
    core.bytes('/large', Buffer.alloc(200_000));
    core.routes.set('/never', () => new Promise<FakeAnswer>(() => undefined));
    const session = openSession({ timeouts: { content: 100 } });
    expect(await codeOf(session.downloadContent(`${core.url}/large`, 100_000))).toBe('CORE_CONTENT_TOO_LARGE');
    expect(await codeOf(session.downloadContent(`${core.url}/never`))).toBe('CORE_DOWNLOAD_FAILED');
  });

  it("pass a reader's own error through", async () => {
    core.bytes('/data', 'abc');
    const broken = new Error('line 1 is bad');
    const work = openSession().streamContent(`${core.url}/data`, () => {
      throw broken;
    });
    await expect(work).rejects.toBe(broken);
  });

  it.for(['salts/salts.txt', 'file:///etc/passwd', 'ftp://host/x'])('refuse the location %s', async (location) => {
    expect(await codeOf(openSession().downloadContent(location))).toBe('CORE_LOCATION_UNSUPPORTED');
  });

  it('fail, rather than answer an empty list, while nobody said where Opt-Out is', async () => {
    expect(await codeOf(openSession().downloadOptOutList('/optout/refresh'))).toBe('OPTOUT_URL_UNKNOWN');
  });

  it('fail when attestation fails', async () => {
    core.attest = () => ({ status: 500, body: 'bad' });
    expect(await codeOf(openSession().downloadMetadata(`${core.url}/a`))).toBe('CORE_ATTEST_FAILED');
  });
});
