import { randomBytes } from 'node:crypto';

import { Secret } from '@holdfast/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ClientKeySet, Uid2Client } from '../../src/uid2-client/index.ts';
import { startFakeOperator } from '../../testing/fake-operator.ts';
import type { FakeOperator } from '../../testing/fake-operator.ts';

let operator: FakeOperator;
let client: Uid2Client;

beforeAll(async () => {
  operator = await startFakeOperator();
  client = clientWith({});
});
afterAll(async () => {
  await client.close();
  await operator.stop();
});

function clientWith(changes: { apiKey?: string; secret?: string; url?: string }): Uid2Client {
  return new Uid2Client({
    operatorUrl: changes.url ?? operator.url,
    apiKey: new Secret(changes.apiKey ?? operator.apiKey),
    clientSecret: new Secret(changes.secret ?? operator.secret),
    clock: Date.now,
    randomBytes,
  });
}

describe('Uid2Client', () => {
  it('generates a token that its own keys decrypt', async () => {
    const outcome = await client.generateToken({ kind: 'email', value: 'a@example.com' });
    if (outcome.status !== 'success') throw new Error(outcome.status);
    const keys = await client.fetchKeys();
    expect(keys.callerSiteId).toBe(3);
    expect(keys.decrypt(outcome.identity.advertisingToken, Date.now())).toMatchObject({
      rawUid: operator.rawUidOf('a@example.com'),
      siteId: 3,
      identityType: 'email',
      identityScope: 'uid2',
      tokenVersion: 4,
    });
  });

  it('tells an opted-out identity from a failure', async () => {
    expect(await client.generateToken({ kind: 'email', value: 'optout@example.com' })).toEqual({ status: 'optout' });
  });

  it('refreshes a token with the response key it was given', async () => {
    const outcome = await client.generateToken({ kind: 'email', value: 'a@example.com' });
    if (outcome.status !== 'success') throw new Error(outcome.status);
    expect(await client.refreshToken(outcome.identity)).toMatchObject({ status: 'success' });
    await expect(client.refreshToken({ ...outcome.identity, refreshToken: 'x' })).rejects.toMatchObject({
      code: 'UID2_REQUEST_REFUSED',
      message: '/v2/token/refresh answered 400: invalid_token, Invalid Token',
    });
  });

  it('maps identities in the order they were given', async () => {
    const mapped = await client.mapIdentities('email', ['a@example.com', 'nonsense', 'optout@example.com']);
    expect(mapped).toEqual([
      {
        input: 'a@example.com',
        rawUid: operator.rawUidOf('a@example.com'),
        previousRawUid: null,
        refreshFrom: expect.any(Number),
      },
      { input: 'nonsense', error: 'invalid identifier' },
      { input: 'optout@example.com', error: 'optout' },
    ]);
  });

  it('asks for opt-outs', async () => {
    expect(await client.optOutStatus(['x'])).toEqual(new Map());
  });

  it('says which key is wrong', async () => {
    const stranger = clientWith({ apiKey: 'UID2-C-L-3-nobody' });
    await expect(stranger.fetchKeys()).rejects.toMatchObject({
      code: 'UID2_REQUEST_REFUSED',
      details: { httpStatus: 401 },
    });
    await stranger.close();
  });

  it('refuses a secret that cannot be one before it sends anything', () => {
    expect(() => clientWith({ secret: 'c2hvcnQ=' })).toThrow(expect.objectContaining({ code: 'UID2_SECRET_INVALID' }));
  });

  it('reports an operator that is not there as a dependency', async () => {
    const lost = clientWith({ url: 'http://127.0.0.1:1' });
    await expect(lost.fetchKeys()).rejects.toMatchObject({ code: 'HTTP_UNREACHABLE' });
    await lost.close();
  });
});

describe('ClientKeySet', () => {
  it('refuses an expired token', async () => {
    const outcome = await client.generateToken({ kind: 'email', value: 'a@example.com' });
    if (outcome.status !== 'success') throw new Error(outcome.status);
    const { advertisingToken, identityExpiresMs } = outcome.identity;
    const keys = await client.fetchKeys();
    expect(() => keys.decrypt(advertisingToken, identityExpiresMs)).toThrow(
      expect.objectContaining({ code: 'ADVERTISING_TOKEN_EXPIRED' }),
    );
    expect(keys.decrypt(advertisingToken, identityExpiresMs - 1000).siteId).toBe(3);
  });

  it.each([[null], [{}], [{ keys: [{ id: 1 }] }], [{ keys: [{ id: 1, secret: '%', activates: 1, expires: 2 }] }]])(
    'refuses a key list that is none: %j',
    (body) => {
      expect(() => ClientKeySet.fromBody(body)).toThrow(expect.objectContaining({ code: 'UID2_ANSWER_MALFORMED' }));
    },
  );
});
