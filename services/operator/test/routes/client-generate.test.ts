import { createSecretKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { toHex } from '@holdfast/base';
import {
  decodeAdvertisingToken,
  decodeRefreshToken,
  importClientSidePublicKey,
  unwrapRefreshToken,
} from '@holdfast/uid2';
import type { JsonObject } from '@holdfast/uid2';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  askAsClient,
  clientKeys,
  clientSideWorld,
  keypair,
  ORIGIN,
  postAsClient,
  sealFor,
  site,
} from '../client-side-world.ts';
import type { ClientSideReply } from '../client-side-world.ts';
import { errorText, flhOf, keysetSnapshot, NOW_MS, sample, SITE, textOf, World } from '../world.ts';

const EMAIL_HASH = 'tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ=';
const INNER = { email_hash: EMAIL_HASH };
const COUNT = 'uid2_token_response_status_count_total';
const UNKNOWN = errorText('unknown', 'Unknown error while handling client side token generate');

function bodyOf({ json, raw }: ClientSideReply): JsonObject {
  if (json?.['status'] !== 'success') throw new Error(`not a success: ${raw.statusCode} ${raw.body}`);
  return json['body'] as JsonObject;
}

const answerOf = ({ raw }: ClientSideReply): readonly [number, string] => [raw.statusCode, raw.body];
const refused = (httpStatus: number, status: string, message: string): readonly [number, string] => [
  httpStatus,
  errorText(status, message),
];

describe('client-generate, success', () => {
  it('makes tokens of the publisher’s site that show they are client-side', async () => {
    const world = clientSideWorld();
    const answer = await askAsClient(world, INNER);
    const body = bodyOf(answer);
    const token = decodeAdvertisingToken(textOf(body, 'advertising_token'), world.keysets);
    expect(token).toMatchObject({ version: 4, siteId: SITE, privacyBits: 3, establishedMs: NOW_MS });
    const wrapped = textOf(body, 'refresh_token');
    expect(wrapped).toHaveLength(388);
    const { refreshToken, refreshResponseKey } = unwrapRefreshToken(wrapped, world.keysets);
    expect(refreshResponseKey.export().toString('base64')).toBe(body['refresh_response_key']);
    const inner = decodeRefreshToken(refreshToken, world.keysets);
    expect(inner).toMatchObject({ siteId: SITE, privacyBits: 3 });
    expect(toHex(inner.firstLevelHash)).toBe(toHex(flhOf('email_hash', EMAIL_HASH)));
    expect(body).toMatchObject({ refresh_from: NOW_MS + 900_000, identity_expires: NOW_MS + 3_600_000 });
  });

  it('the reply is Base64 without a content type, and readable from the page', async () => {
    const { raw } = await askAsClient(clientSideWorld(), INNER);
    expect(raw.headers['content-type']).toBeUndefined();
    expect(raw.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(raw.body).toMatch(/^[A-Za-z0-9+/]+=*$/);
  });

  it('an opted-out user gets no tokens', async () => {
    const world = clientSideWorld();
    world.optOut([['email_hash', EMAIL_HASH]]);
    expect((await askAsClient(world, INNER)).json).toEqual({ status: 'optout' });
  });

  it('an app needs its name, in any case, and no origin', async () => {
    const answer = await askAsClient(clientSideWorld(), INNER, { appName: 'COM.example.app', origin: undefined });
    expect(bodyOf(answer)).toHaveProperty('advertising_token');
  });

  it('phone hashes count as e-mail hashes do', async () => {
    const answer = await askAsClient(clientSideWorld(), { phone_hash: EMAIL_HASH, email_hash: null });
    expect(textOf(bodyOf(answer), 'advertising_token').slice(0, 2)).toBe('B4');
  });

  it('the age of the timestamp does not matter, its digits do: they are authenticated', async () => {
    const world = clientSideWorld();
    const key = createSecretKey(
      diffieHellman({ privateKey: clientKeys.privateKey, publicKey: importClientSidePublicKey(keypair.publicKey) }),
    );
    for (const [json, timestamp] of [
      ['0', 0n],
      ['9007199254740993', 9_007_199_254_740_993n],
      ['"  12 "', 12n],
      ['1.9', 1n],
      ['null', 0n],
    ] as const) {
      const sealed = sealFor(key, timestamp, JSON.stringify(INNER));
      const sent = { ...sealed, subscription_id: keypair.subscriptionId, public_key: spkiOf(clientKeys.publicKey) };
      const body = `${JSON.stringify(sent).slice(0, -1)},"timestamp":${json}}`;
      expect([json, (await postAsClient(world, body)).statusCode]).toEqual([json, 200]);
    }
    const changed = await askAsClient(world, INNER, { change: { timestamp: world.nowMs + 1 } });
    expect(answerOf(changed)).toEqual(refused(400, 'client_error', 'payload decryption failed'));
  });

  it('with the domain check off, anybody may ask', async () => {
    const world = clientSideWorld({ domainCheck: false });
    world.sites = [];
    expect((await askAsClient(world, INNER, { origin: 'https://elsewhere.org' })).json).toMatchObject({
      status: 'success',
    });
    expect((await askAsClient(world, INNER, { appName: 'any' })).json).toMatchObject({ status: 'success' });
  });

  it('the tokens can be refreshed, and stay client-side', async () => {
    const world = clientSideWorld();
    const tokens = bodyOf(await askAsClient(world, INNER));
    const refreshed = await world.post('/v2/token/refresh', textOf(tokens, 'refresh_token'), { client: null });
    expect(refreshed.statusCode).toBe(200);
    expect(await sample(world, COUNT, { token_endpoint: 'RefreshV2', cstg: 'true' })).toBe(1);
  });
});

describe('client-generate, refusals in their order', () => {
  it('a body that is no JSON, or has an announced length of 0', async () => {
    const expected = refused(400, 'client_error', 'json payload is not valid');
    for (const body of ['{', 'x', '{"iv":1} trailing']) {
      expect([body, answerOf({ raw: await postAsClient(clientSideWorld(), body), json: undefined })]).toEqual([
        body,
        expected,
      ]);
    }
    const empty = await postAsClient(clientSideWorld(), undefined, { origin: ORIGIN, 'content-length': '0' });
    expect([empty.statusCode, empty.body]).toEqual(expected);
  });

  it('no body at all, or JSON null', async () => {
    for (const body of [undefined, 'null']) {
      const raw = await postAsClient(clientSideWorld(), body);
      expect([raw.statusCode, raw.body]).toEqual(refused(400, 'client_error', 'json payload expected but not found'));
    }
  });

  it.for([
    ['[]'],
    ['5'],
    ['{"unknown":1}'],
    ['{"iv":{}}'],
    ['{"payload":[]}'],
    ['{"timestamp":true}'],
    ['{"timestamp":"1.5"}'],
    ['{"timestamp":"soon"}'],
    ['{"timestamp":9223372036854775808}'],
  ])('a body of the wrong shape is a failure of the server: %s', async ([body]) => {
    const raw = await postAsClient(clientSideWorld(), body);
    expect([raw.statusCode, raw.body]).toEqual([500, UNKNOWN]);
  });

  it('an unknown or missing subscription', async () => {
    const expected = refused(400, 'client_error', 'bad subscription_id');
    for (const subscription_id of ['other', undefined, null, 5]) {
      expect(answerOf(await askAsClient(clientSideWorld(), INNER, { change: { subscription_id } }))).toEqual(expected);
    }
  });

  it('a disabled key pair, before anything else about the request', async () => {
    const world = clientSideWorld();
    world.keypairs = [{ ...keypair, disabled: true }];
    const answer = await askAsClient(world, INNER, { origin: 'https://elsewhere.org', change: { iv: null } });
    expect(answerOf(answer)).toEqual(refused(401, 'unauthorized', 'Unauthorized'));
    expect(await sample(world, COUNT, { token_response_status: 'Unauthorized' })).toBe(1);
  });

  it('an app name that is not the publisher’s, whatever the origin', async () => {
    const world = clientSideWorld();
    for (const appName of ['com.example.other', '']) {
      expect(answerOf(await askAsClient(world, INNER, { appName }))).toEqual(
        refused(403, 'invalid_app_name', 'unexpected app name'),
      );
    }
    const labels = { token_response_status: 'InvalidAppName', platform_type: 'InApp', cstg: 'true' };
    expect(await sample(world, COUNT, labels)).toBe(2);
  });

  it('an origin that is not the publisher’s, or none', async () => {
    const world = clientSideWorld();
    for (const origin of ['https://example.org', 'https://example.com.evil.org', 'null', undefined]) {
      expect(answerOf(await askAsClient(world, INNER, { origin, change: { iv: null } }))).toEqual(
        refused(403, 'invalid_http_origin', 'unexpected http origin'),
      );
    }
    expect(await sample(world, COUNT, { token_response_status: 'InvalidHttpOrigin', platform_type: 'Other' })).toBe(1);
  });

  it('a site that is not among the sites allows no origin and no app', async () => {
    const world = clientSideWorld();
    world.sites = [];
    expect((await askAsClient(world, INNER)).raw.statusCode).toBe(403);
    expect((await askAsClient(world, INNER, { appName: 'com.example.app' })).raw.statusCode).toBe(403);
  });

  it.for(['payload', 'iv', 'public_key'])('no %s', async (name) => {
    const world = clientSideWorld();
    const expected = refused(400, 'client_error', 'required parameters: payload, iv, public_key');
    expect(answerOf(await askAsClient(world, INNER, { change: { [name]: undefined } }))).toEqual(expected);
    expect(await sample(world, COUNT, { token_response_status: 'MissingParams' })).toBe(1);
  });

  it('a public key that is none', async () => {
    const world = clientSideWorld();
    const rsa = spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey);
    for (const public_key of ['not base64!', 'AAAA', '', rsa]) {
      expect(answerOf(await askAsClient(world, INNER, { change: { public_key, iv: 'bad' } }))).toEqual(
        refused(400, 'client_error', 'bad public key'),
      );
    }
    expect(await sample(world, COUNT, { token_response_status: 'BadPublicKey' })).toBe(4);
  });

  it('a public key on another curve is a failure of the server', async () => {
    const world = clientSideWorld();
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    expect(answerOf(await askAsClient(world, INNER, { change: { public_key: spkiOf(publicKey) } }))).toEqual([
      500,
      UNKNOWN,
    ]);
    expect(await sample(world, COUNT, { token_response_status: 'Unknown' })).toBe(1);
  });

  it('an initialisation vector of another length', async () => {
    const world = clientSideWorld();
    for (const iv of ['AAAA', '', '!', Buffer.alloc(13).toString('base64')]) {
      expect(answerOf(await askAsClient(world, INNER, { change: { iv, payload: '!' } }))).toEqual(
        refused(400, 'client_error', 'bad iv'),
      );
    }
    expect(await sample(world, COUNT, { token_response_status: 'BadIV' })).toBe(4);
  });

  it('a payload that does not decrypt', async () => {
    const world = clientSideWorld();
    const other = spkiOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey);
    for (const change of [{ payload: 'AAAA' }, { payload: '' }, { payload: '*' }, { public_key: other }]) {
      expect(answerOf(await askAsClient(world, INNER, { change }))).toEqual(
        refused(400, 'client_error', 'payload decryption failed'),
      );
    }
    expect(await sample(world, COUNT, { token_response_status: 'BadPayload' })).toBe(4);
  });

  it('a payload that is no JSON object', async () => {
    for (const inner of ['', '[]', 'null', '{']) {
      expect(answerOf(await askAsClient(clientSideWorld(), inner))).toEqual(
        refused(400, 'client_error', 'encrypted payload contains invalid json'),
      );
    }
  });

  it('a phone hash without phone support, even beside an e-mail hash', async () => {
    const world = clientSideWorld({}, { phoneSupport: false });
    expect(answerOf(await askAsClient(world, { ...INNER, phone_hash: EMAIL_HASH }))).toEqual(
      refused(400, 'client_error', 'phone support not enabled'),
    );
    expect(answerOf(await askAsClient(world, {}))).toEqual(refused(400, 'client_error', 'please provide email_hash'));
    expect((await askAsClient(world, INNER)).json).toMatchObject({ status: 'success' });
  });

  it('no hash, or two', async () => {
    for (const inner of [{}, { email: 'a@b.c' }, { ...INNER, phone_hash: EMAIL_HASH }]) {
      expect(answerOf(await askAsClient(clientSideWorld(), inner))).toEqual(
        refused(400, 'client_error', 'please provide exactly one of: email_hash, phone_hash'),
      );
    }
  });

  it('a hash that is none', async () => {
    const world = clientSideWorld();
    expect(answerOf(await askAsClient(world, { email_hash: 'short' }))).toEqual(
      refused(400, 'client_error', 'Invalid Identifier'),
    );
    expect(await world.metricsText()).not.toContain(`${COUNT}{`);
  });

  it('no active key', async () => {
    const world = clientSideWorld();
    world.keysets = keysetSnapshot([], [], (id) => id !== 101);
    expect(answerOf(await askAsClient(world, INNER))).toEqual(
      refused(500, 'unknown', 'No active encryption key available'),
    );
    expect(await sample(world, COUNT, { token_response_status: 'NoActiveKey' })).toBe(1);
  });

  it('anything unforeseen', async () => {
    const world = clientSideWorld();
    world.runtime = { ...world.runtime, identityTokenExpiresAfterSeconds: 2 * 86_400 };
    expect(answerOf(await askAsClient(world, INNER))).toEqual([500, UNKNOWN]);
  });
});

describe('client-generate, arbitrary requests', () => {
  const named = new Map([
    [400, ['client_error']],
    [401, ['unauthorized']],
    [403, ['invalid_http_origin', 'invalid_app_name']],
    [500, ['unknown']],
  ]);

  function expectNamed({ raw, json }: ClientSideReply): void {
    const word = raw.statusCode === 200 ? json?.['status'] : raw.json<{ status: string }>().status;
    expect(named.get(raw.statusCode) ?? ['success', 'optout']).toContain(word);
  }

  it('get an answer that the endpoint names, whatever the body', async () => {
    const world = clientSideWorld();
    const values = fc.oneof(fc.string(), fc.base64String(), fc.constant(null), fc.double(), fc.boolean(), fc.json());
    const members = fc.dictionary(
      fc.constantFrom('payload', 'iv', 'public_key', 'subscription_id', 'timestamp', 'app_name', 'other'),
      values,
    );
    await fc.assert(
      fc.asyncProperty(members, async (change) => {
        expectNamed(await askAsClient(world, INNER, { change }));
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (body) => {
        const raw = await postAsClient(world, body);
        expect([400, 500]).toContain(raw.statusCode);
      }),
    );
  });

  it('get an answer that the endpoint names, whatever is inside', async () => {
    const world = clientSideWorld();
    const inner = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ email_hash: fc.oneof(fc.base64String(), fc.string({ minLength: 44, maxLength: 44 }), fc.anything()) })
        .map((value) => JSON.stringify(value) ?? ''),
    );
    await fc.assert(
      fc.asyncProperty(inner, async (text) => {
        expectNamed(await askAsClient(world, text));
      }),
    );
  });
});

describe('client-generate, around the request', () => {
  it('exists only where it is switched on', async () => {
    expect((await postAsClient(new World(), '{}')).statusCode).toBe(404);
    expect((await clientSideWorld().app.inject({ url: '/v2/token/client-generate' })).headers['allow']).toBe('POST');
  });

  it('is closed while the operator must not serve', async () => {
    const world = clientSideWorld();
    world.gate = { reason: 'old' };
    expect((await postAsClient(world, '{}')).statusCode).toBe(503);
  });

  it('outcomes are counted as client-side, by platform', async () => {
    const world = clientSideWorld();
    await askAsClient(world, INNER);
    await askAsClient(world, INNER, { appName: 'com.example.app', origin: undefined });
    const labels = {
      token_endpoint: 'ClientSideTokenGenerateV2',
      token_response_status: 'Success',
      site_name: `site ${SITE}`,
      cstg: 'true',
      advertising_token_version: 'V4',
    };
    expect(await sample(world, COUNT, { ...labels, platform_type: 'HasOriginHeader' })).toBe(1);
    expect(await sample(world, COUNT, { ...labels, platform_type: 'InApp' })).toBe(1);
  });

  it('an API key in place of subscription or public key is reported, without the key', async () => {
    const world = clientSideWorld();
    const { apiKey, record } = world.client;
    await askAsClient(world, INNER, { change: { subscription_id: apiKey } });
    await askAsClient(world, INNER, { change: { public_key: apiKey } });
    const errors = world.logLines.filter((line) => line.includes('"level":50') || line.includes('"level":"error"'));
    expect(errors).toHaveLength(2);
    for (const line of errors) expect(JSON.parse(line)).toMatchObject({ keyId: record.keyId, siteId: SITE });
    expect(world.logLines.join('')).not.toContain(apiKey);
  });

  it('refusals name the site in the log, those of strangers at level info', async () => {
    const world = clientSideWorld();
    await askAsClient(world, INNER, { origin: 'https://elsewhere.org' });
    const line = JSON.parse(world.logLines.at(-1) ?? '{}') as Record<string, unknown>;
    expect(line).toMatchObject({
      errorStatus: 'invalid_http_origin',
      siteId: SITE,
      statusCode: 403,
      origin: 'https://elsewhere.org',
    });
    expect([30, 'info']).toContain(line['level']);
  });

  it('refused origins and app names are gathered and logged once an hour', async () => {
    const world = clientSideWorld({ logInvalidOrigins: true });
    world.sites = [site(SITE, { name: 'Publisher' })];
    const lines = (): string[] => world.logLines.filter((line) => line.includes('InvalidHttpOriginAndAppName'));
    for (const origin of ['https://one.org', 'https://two.org', 'https://one.org']) {
      await askAsClient(world, INNER, { origin });
    }
    expect(lines()).toEqual([]);
    world.nowMs += 3_600_000;
    await askAsClient(world, INNER, { appName: 'strange.app' });
    expect(lines()).toHaveLength(1);
    await askAsClient(world, INNER, { appName: 'other.app' });
    expect(lines()).toHaveLength(1);
    world.nowMs += 3_600_000;
    await askAsClient(world, INNER, { appName: 'third.app' });
    expect(lines().map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      `InvalidHttpOriginAndAppName: site Publisher (${SITE}): https://one.org, https://two.org, strange.app`,
      `InvalidHttpOriginAndAppName: site Publisher (${SITE}): other.app, third.app`,
    ]);
  });

  it('refused origins are not gathered unless asked for', async () => {
    const world = clientSideWorld();
    await askAsClient(world, INNER, { origin: 'https://one.org' });
    world.nowMs += 3_600_000;
    await askAsClient(world, INNER, { origin: 'https://one.org' });
    expect(world.logLines.join('')).not.toContain('InvalidHttpOriginAndAppName');
  });
});

function spkiOf(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}
