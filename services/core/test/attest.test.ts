import { randomBytes, verify } from 'node:crypto';

import { loadVectors } from '@holdfast/base/testing';
import { createAttestationToken, operatorJwtSubject, verifyAttestationToken } from '@holdfast/uid2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EXPLANATIONS, refuse } from '../src/index.ts';
import type { EvidenceVerifier, FailureClass } from '../src/index.ts';
import { instantText } from '../src/routes/attest.ts';
import {
  attestBody,
  claimsOf,
  CORE_URL,
  createWorld,
  decryptToken,
  jwtPublicKey,
  OPTOUT_URL,
  postAttest,
  START,
  writeStore,
} from './world.ts';
import type { World } from './world.ts';

let world: World;
let outcome: () => ReturnType<EvidenceVerifier['verify']> = async () => refuse('test', 'UNKNOWN');
beforeAll(async () => {
  world = await createWorld({ verifiers: { fake: { verify: () => outcome() } } });
});
afterAll(async () => world.close());

const unauthorized = (reason: string, message: string) => ({ status: 'unauthorized', reason, message });

describe('a successful attestation', () => {
  it('answers a token that only the holder of the request key can read, bound to the operator key', async () => {
    const { status, json, headers } = await postAttest(world, world.keys['public'], attestBody());
    expect([status, json.status, headers['content-type']]).toEqual([200, 'success', 'application/json']);
    const token = decryptToken(json.body.attestation_token);
    const expiresAt = verifyAttestationToken(
      token,
      world.keys['public'] ?? '',
      world.context.attestationTokenKey,
      START,
    );
    const lifetime = expiresAt - START / 1000;
    expect(lifetime).toBeGreaterThanOrEqual(7200 + 300);
    expect(lifetime).toBeLessThanOrEqual(7200 + 599);
    expect(json.body.expiresAt).toBe(instantText(expiresAt * 1000));
    expect(json.body.optout_url).toBe(OPTOUT_URL);
  });

  it('answers two JWTs that differ in audience and id only and carry the operator in text claims', async () => {
    const { json } = await postAttest(world, world.keys['public'], attestBody(), {
      'x-uid2-appversion': 'uid2-operator=5.70.1;uid2-shared=11.7',
    });
    const [core, optout] = [json.body.attestation_jwt_core, json.body.attestation_jwt_optout];
    for (const jwt of [core, optout]) {
      const [header = '', claims = '', signature = ''] = jwt.split('.');
      expect(Buffer.from(header, 'base64url').toString()).toBe('{"typ":"JWT","alg":"RS256"}');
      const signed = Buffer.from(`${header}.${claims}`);
      expect(verify('sha256', signed, jwtPublicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    }
    const operator = world.context.operators.find(world.keys['public']);
    expect(claimsOf(core)).toMatchObject({
      iat: START / 1000,
      exp: Date.parse(json.body.expiresAt) / 1000,
      iss: CORE_URL,
      aud: CORE_URL,
      sub: operatorJwtSubject(operator?.keyHash ?? ''),
      name: 'public',
      roles: 'OPERATOR',
      siteId: '11',
      enclaveId: 'Trusted',
      enclaveType: 'trusted',
      operatorVersion: 'public@example.com|uid2-operator|5.70.1',
    });
    const { aud, jti, ...rest } = claimsOf(optout);
    const { aud: coreAud, jti: coreJti, ...coreRest } = claimsOf(core);
    expect([aud, coreAud, rest]).toEqual([OPTOUT_URL, CORE_URL, coreRest]);
    expect(jti).not.toBe(coreJti);
    expect(jti).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  it('leaves the JWTs out when there is no signing key, and null stands for a missing opt-out URL', async () => {
    const other = await createWorld({
      config: { jwt_signing_key_file: undefined, optout_url: undefined, enforceJwt: true },
    });
    const { status, json } = await postAttest(other, other.keys['public'], attestBody());
    expect([status, Object.keys(json.body)]).toEqual([200, ['attestation_token', 'expiresAt', 'optout_url']]);
    expect(json.body.optout_url).toBeNull();
    await other.close();
  });

  it('is open to the opt-out service', async () => {
    expect((await postAttest(world, world.keys['optout'], attestBody())).status).toBe(200);
  });

  it('is logged with operator, protocol and enclave, and without any key or token', async () => {
    const { json } = await postAttest(world, world.keys['private'], attestBody());
    const log = world.log();
    const line = log.split('\n').findLast((entry) => entry.includes('attestation accepted')) ?? '';
    expect(JSON.parse(line)).toMatchObject({
      operator: 'private',
      protocol: 'trusted',
      enclaveId: 'Trusted',
      siteId: 22,
    });
    for (const key of Object.values(world.keys)) expect(log).not.toContain(key);
    const token = decryptToken(json.body.attestation_token);
    for (const secret of [token, json.body.attestation_token, json.body.attestation_jwt_core]) {
      expect(log).not.toContain(secret);
    }
  });
});

describe('a refused key', () => {
  it('gets 401 with the reason', async () => {
    const unknown = unauthorized('unrecognized_key', 'Operator key not recognized.');
    const cases: [string | undefined, unknown][] = [
      [undefined, unknown],
      ['', unknown],
      ['UID2-O-L-000-thisKeyDoesNotExist', unknown],
      [`${world.keys['public']}x`, unknown],
      [world.keys['disabled'], unauthorized('key_disabled', 'Operator key is recognized but has been disabled.')],
    ];
    for (const [key, body] of cases) {
      const { status, json, headers } = await postAttest(world, key, attestBody());
      expect([status, json, headers['content-type']]).toEqual([401, body, 'application/json']);
    }
  });

  it('is not found behind another scheme, and found behind bearer in any case', async () => {
    const key = world.keys['public'] ?? '';
    const withHeader = async (authorization: string) =>
      (await postAttest(world, undefined, attestBody(), { authorization })).status;
    expect(await withHeader(`Basic ${key}`)).toBe(401);
    expect(await withHeader(key)).toBe(401);
    expect(await withHeader(`bEARER ${key}`)).toBe(200);
  });

  it('stops working with the next look at the operators file once it is disabled there', async () => {
    const other = await createWorld();
    const key = other.keys['public'];
    expect((await postAttest(other, key, attestBody())).status).toBe(200);
    const records = JSON.parse(Buffer.from(await other.objects.read('operators/operators.json')).toString());
    records[0].disabled = true;
    await writeStore(other.objects, 'operators', 'operators', records, 1);
    await other.context.refreshSeeds();
    expect((await postAttest(other, key, attestBody())).status).toBe(200); // the version has not grown
    await writeStore(other.objects, 'operators', 'operators', records, 2);
    await other.context.refreshSeeds();
    expect((await postAttest(other, key, attestBody())).json.reason).toBe('key_disabled');
    await other.close();
  });
});

describe('a refused request', () => {
  it('gets 400 when it is not JSON or carries no evidence', async () => {
    const none = { status: 'no attestation_request attached' };
    const cases: [string | undefined, unknown][] = [
      ['not json', { status: 'request body is not a valid json' }],
      ['{', { status: 'request body is not a valid json' }],
      [undefined, none],
      ['', none],
      ['null', none],
      ['{}', none],
      [attestBody({ attestation_request: '' }), none],
      [attestBody({ attestation_request: null }), none],
    ];
    for (const [body, expected] of cases) {
      const { status, json } = await postAttest(world, world.keys['public'], body);
      expect([body, status, json]).toEqual([body, 400, expected]);
    }
  });

  it('gets a bare 500 when it is JSON of another shape or not Base64', async () => {
    const bodies = [
      '[]',
      '"text"',
      '1',
      'true',
      attestBody({ attestation_request: '***' }),
      attestBody({ public_key: 'A' }),
    ];
    for (const body of bodies) {
      const { status, text, headers } = await postAttest(world, world.keys['public'], body);
      expect([body, status, text, headers['content-type']]).toEqual([body, 500, 'Internal Server Error', undefined]);
    }
  });

  it('gets 403 when nobody verifies the protocol of the operator', async () => {
    const { status, json } = await postAttest(world, world.keys['unknown'], attestBody());
    expect([status, json]).toEqual([403, { status: 'protocol not found' }]);
  });

  it('gets 403 when it names another operator type, in any spelling but its own', async () => {
    const type = async (operator_type: unknown) => {
      const { status, json } = await postAttest(world, world.keys['private'], attestBody({ operator_type }));
      return [status, json.status];
    };
    const refused = [403, 'attestation failure; invalid operator type'];
    expect(await type('private')).toEqual([200, 'success']);
    expect(await type('PRIVATE')).toEqual([200, 'success']);
    expect(await type('public')).toEqual(refused);
    expect(await type('')).toEqual(refused);
    expect(await type(null)).toEqual(refused);
  });

  it('gets 500 when its key cannot encrypt the answer', async () => {
    for (const public_key of ['', 'AAAA', undefined]) {
      const { status, json } = await postAttest(world, world.keys['public'], attestBody({ public_key }));
      expect([status, json]).toEqual([
        500,
        { status: 'attestation failure', message: 'There was an internal processing error' },
      ]);
    }
  });

  it('gets 500 without a message when the verifier breaks', async () => {
    outcome = () => Promise.reject(new Error('canary'));
    const { status, json } = await postAttest(world, world.keys['fake'], attestBody());
    expect([status, json]).toEqual([500, { status: 'attestation failure' }]);
    expect(world.log()).toContain('attestation failed');
  });

  it('gets the status of the failure class, with the detail before the explanation', async () => {
    for (const failure of Object.keys(EXPLANATIONS) as FailureClass[]) {
      const wanted = failure === 'UNKNOWN' || failure === 'INTERNAL_ERROR' ? 500 : 403;
      outcome = async () => refuse('test', failure);
      const plain = await postAttest(world, world.keys['fake'], attestBody());
      const message = EXPLANATIONS[failure];
      expect([failure, plain.status, plain.json]).toEqual([failure, wanted, { status: message, message }]);
      outcome = async () => refuse('test', failure, 'exactly this');
      const detailed = await postAttest(world, world.keys['fake'], attestBody());
      expect(detailed.json).toEqual({ status: 'exactly this', message });
    }
  });

  it('gets no JWT, or 500 where they are enforced, when its record has no site', async () => {
    const lenient = await postAttest(world, world.keys['siteless'], attestBody());
    expect([lenient.status, lenient.json.body.attestation_jwt_core]).toEqual([200, undefined]);
    const strict = await createWorld({ config: { enforceJwt: true } });
    const { status, json } = await postAttest(strict, strict.keys['siteless'], attestBody());
    expect([status, json.message]).toEqual([500, 'There was an internal processing error']);
    await strict.close();
  });

  it('gets 413 above ten mebibytes', async () => {
    const { status, text } = await postAttest(world, world.keys['public'], 'x'.repeat(10 * 1024 * 1024 + 1));
    expect([status, text]).toEqual([413, 'Request Too Long']);
  });
});

interface Vector {
  readonly id: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- the shape differs by vector
  readonly [member: string]: any;
}
const vectors = (loadVectors('uid2-core.json') as { vectors: Vector[] } | undefined)?.vectors;
const vector = (id: string) => vectors?.find((entry) => entry.id === id);

describe.skipIf(vectors === undefined)('known answers', () => {
  it('core-attest-status: every failure class has the status and text of the reference', async () => {
    const cases: { when: string; code: number; body?: unknown }[] = vector('core-attest-status')?.['cases'];
    let seen = 0;
    for (const { when, code, body } of cases) {
      const failure = /^result (\w+)$/.exec(when)?.[1];
      if (failure === undefined) continue;
      outcome = async () => refuse('test', failure as FailureClass);
      const { status, json } = await postAttest(world, world.keys['fake'], attestBody());
      expect([when, status, json]).toEqual([when, code, body]);
      seen += 1;
    }
    expect(seen).toBe(8);
  });

  it('attest-request-trusted: the complete request of the reference succeeds', async () => {
    const request = vector('attest-request-trusted')?.['request'];
    const { status, json } = await postAttest(world, world.keys['public'], JSON.stringify(request));
    expect([status, json.status, json.body.optout_url]).toEqual([200, 'success', OPTOUT_URL]);
    expect(json.body.attestation_jwt_core.split('.')).toHaveLength(3);
    const empty = await postAttest(world, world.keys['public'], '');
    expect(empty.text).toBe(vector('attest-request-trusted')?.['empty_body_error']);
  });

  it('attest-expires-at: an instant carries as many fraction digits as it needs', () => {
    const { epoch_millis, text } = vector('attest-expires-at') as unknown as { epoch_millis: number; text: string };
    expect(instantText(epoch_millis)).toBe(text);
    expect(instantText(5000)).toBe('1970-01-01T00:00:05Z');
  });

  it('seed-operators: each key of the seed world is answered as its record says', async () => {
    const other = await createWorld();
    const cases: Record<string, unknown>[] = vector('seed-operators')?.['cases'];
    await writeStore(other.objects, 'operators', 'operators', cases, 2);
    await other.context.refreshSeeds();
    for (const { key, protocol, disabled, name } of cases) {
      const { status } = await postAttest(other, String(key), attestBody());
      // No other protocol takes trusted evidence: `AA==` is no token and no document, which an operator survives.
      const wanted = disabled === true ? 401 : protocol === 'trusted' ? 200 : 500;
      expect([name, status]).toEqual([name, wanted]);
    }
    await other.close();
  });
});

it('an operator key of 120 characters still fits the key of the answer', async () => {
  const token = createAttestationToken('k'.repeat(120), START / 1000, world.context.attestationTokenKey, (length) =>
    randomBytes(length),
  );
  expect(Buffer.byteLength(token)).toBeLessThanOrEqual(245);
});
