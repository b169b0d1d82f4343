import { toHex } from '@holdfast/base';
import { decodeAdvertisingToken, decodeRefreshToken, rawUid, unwrapRefreshToken } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import {
  bodyOf,
  errorText,
  flhOf,
  keyset,
  keysetKey,
  keysetSnapshot,
  NOW_MS,
  PLAIN_SALT_LINES,
  saltSnapshot,
  SITE,
  SITE_WITHOUT_KEYSET,
  World,
  textOf,
} from '../world.ts';

const PATH = '/v2/token/generate';
const EXACTLY_ONE =
  'Required Parameter Missing: exactly one of [email, email_hash, phone, phone_hash] must be specified';
const HASH = 'DH5qQFhi5ALrdqcPiib8cy0Hwykx6frpqxWCkR0uijs=';

describe('token generate, success', () => {
  it('makes a V4 advertising token and a wrapped refresh token for the caller’s site', async () => {
    const world = new World();
    const body = bodyOf(await world.call(PATH, { email: 'Test@UID2.com' }));
    const token = decodeAdvertisingToken(textOf(body, 'advertising_token'), world.keysets);
    const flh = flhOf('email', 'test@uid2.com');
    const { table } = saltSnapshot();
    expect(token).toMatchObject({
      version: 4,
      scope: 'uid2',
      type: 'email',
      siteId: SITE,
      privacyBits: 1,
      createdMs: NOW_MS,
      refreshedMs: NOW_MS,
      establishedMs: NOW_MS,
      expiresMs: NOW_MS + 3_600_000,
      siteKeyId: 104,
    });
    expect(toHex(token.rawUid)).toBe(
      toHex(
        rawUid(table, table.indexOf(flh), flh, {
          scope: 'uid2',
          type: 'email',
          environment: 'test',
          identityV3: false,
        }),
      ),
    );
    expect(body).toMatchObject({
      identity_expires: NOW_MS + 3_600_000,
      refresh_expires: NOW_MS + 86_400_000,
      refresh_from: NOW_MS + 900_000,
    });
    const { refreshToken, refreshResponseKey } = unwrapRefreshToken(textOf(body, 'refresh_token'), world.keysets);
    expect(refreshResponseKey.export().toString('base64')).toBe(body['refresh_response_key']);
    const inner = decodeRefreshToken(refreshToken, world.keysets);
    expect(inner).toMatchObject({ version: 3, siteId: SITE, expiresMs: NOW_MS + 86_400_000 });
    expect(toHex(inner.firstLevelHash)).toBe(toHex(flh));
  });

  it('the wrapped refresh token has exactly 388 characters, by which it is known on the way in', async () => {
    const body = bodyOf(await new World().call(PATH, { phone: '+12345678901' }));
    expect(textOf(body, 'refresh_token')).toHaveLength(388);
  });

  it.each([
    ['uid2', { email: 'a@b.c' }, 'A4'],
    ['uid2', { phone_hash: HASH }, 'B4'],
    ['euid', { email_hash: HASH }, 'E4'],
    ['euid', { phone: '+1234567890' }, 'F4'],
  ] as const)('%s tokens for %j start with %s', async (identityScope, payload, start) => {
    const body = bodyOf(await new World({ identityScope }).call(PATH, payload));
    expect(textOf(body, 'advertising_token').slice(0, 2)).toBe(start);
  });

  it('buckets with a salt give 218 characters, with key material 219', async () => {
    const world = new World();
    expect(textOf(bodyOf(await world.call(PATH, { email: 'test@uid2.com' })), 'advertising_token')).toHaveLength(219);
    world.salts = [saltSnapshot({ lines: PLAIN_SALT_LINES })];
    expect(textOf(bodyOf(await world.call(PATH, { email: 'test@uid2.com' })), 'advertising_token')).toHaveLength(218);
  });

  it('hashes of 44 characters that decode to 31 or 33 bytes are accepted', async () => {
    for (const hash of [`${HASH.slice(0, 42)}==`, `${HASH.slice(0, 43)}A`]) {
      expect((await new World().call(PATH, { email_hash: hash })).status).toBe(200);
    }
  });

  it('JSON null counts as absent, and unknown keys such as policy are ignored', async () => {
    const payload = { email: 'test@uid2.com', phone: null, policy: 0, optout_check: 0 };
    expect((await new World().call(PATH, payload)).status).toBe(200);
  });

  it('a site without its own keyset uses the fallback key of site 2', async () => {
    const world = new World();
    const client = world.addClient({ siteId: SITE_WITHOUT_KEYSET });
    const body = bodyOf(await world.call(PATH, { email: 'test@uid2.com' }, { client }));
    expect(decodeAdvertisingToken(textOf(body, 'advertising_token'), world.keysets)).toMatchObject({
      siteId: SITE_WITHOUT_KEYSET,
      siteKeyId: 103,
    });
  });

  it('the active key is the latest activated, and expires exclusively', async () => {
    const world = new World();
    world.keysets = keysetSnapshot(
      [],
      [
        keysetKey(201, SITE, { activatesSeconds: NOW_MS / 1000 }),
        keysetKey(202, SITE, { activatesSeconds: NOW_MS / 1000 - 5, expiresSeconds: NOW_MS / 1000 }),
        keysetKey(203, SITE, { activatesSeconds: NOW_MS / 1000 + 1 }),
      ],
    );
    const keyIdAt = async (nowMs: number) => {
      world.nowMs = nowMs;
      const body = bodyOf(await world.call(PATH, { email: 'test@uid2.com' }));
      return decodeAdvertisingToken(textOf(body, 'advertising_token'), world.keysets).siteKeyId;
    };
    expect([await keyIdAt(NOW_MS - 1), await keyIdAt(NOW_MS), await keyIdAt(NOW_MS + 1000)]).toEqual([202, 201, 203]);
  });

  it('expired salts still serve and are reported', async () => {
    const world = new World();
    world.salts = [saltSnapshot({ expires: NOW_MS })];
    expect((await world.call(PATH, { email: 'test@uid2.com' })).status).toBe(200);
    expect(world.saltSelections).toEqual([true]);
  });
});

describe('token generate, opted out', () => {
  it('an opted-out user gets status optout without a body', async () => {
    const world = new World();
    world.optOut([['email', 'gone@example.com']]);
    expect((await world.call(PATH, { email: 'GONE@example.com' })).json).toEqual({ status: 'optout' });
    expect((await world.call(PATH, { email: 'here@example.com' })).json?.['status']).toBe('success');
  });

  it.each([
    [{ email: 'optout@example.com' }, 'optout'],
    [{ phone: '+00000000000' }, 'optout'],
    [{ email_hash: 'DYsnJ8r5+cjRDHue98gIGDKvLIMuqAm/RRLODrjqK50=' }, 'optout'],
    [{ email: 'refresh-optout@example.com' }, 'success'],
    [{ phone: '+00000000002' }, 'success'],
    [{ email: 'validate@example.com' }, 'success'],
    [{ phone: '+12345678901' }, 'success'],
    [{ email: 'optout@unifiedid.com' }, 'success'],
    [{ phone: '+00000000001' }, 'success'],
  ])('test identity %j gets %s', async (payload, status) => {
    expect((await new World().call(PATH, payload)).json?.['status']).toBe(status);
  });

  it('validate and refresh-optout identities ignore the opt-out list', async () => {
    const world = new World();
    world.optOut([
      ['email', 'validate@example.com'],
      ['email', 'refresh-optout@example.com'],
    ]);
    for (const email of ['validate@example.com', 'refresh-optout@example.com']) {
      expect((await world.call(PATH, { email })).json?.['status']).toBe('success');
    }
  });

  it('test identities follow a change of the first-level salt', async () => {
    const world = new World();
    await world.call(PATH, { email: 'optout@example.com' });
    world.salts = [saltSnapshot({ firstLevelSalt: 'another' })];
    expect((await world.call(PATH, { email: 'optout@example.com' })).json).toEqual({ status: 'optout' });
  });
});

describe('token generate, errors', () => {
  it.each([
    [{}, EXACTLY_ONE],
    [undefined, EXACTLY_ONE],
    [{ email: null }, EXACTLY_ONE],
    [{ email: 'a@b.c', phone: '+1234567890' }, EXACTLY_ONE],
    [{ email: 'a@b.c', email_hash: HASH }, EXACTLY_ONE],
    [{ email: 'nonsense' }, 'Invalid Identifier'],
    [{ email: 5 }, 'Invalid Identifier'],
    [{ email_hash: 'short' }, 'Invalid Identifier'],
    [{ phone: '1234567890' }, 'Invalid Identifier'],
    [{ phone_hash: true }, 'Invalid Identifier'],
  ])('payload %j is refused: %s', async (payload, message) => {
    const answer = await new World().call(PATH, payload);
    expect([answer.status, answer.contentType, answer.text]).toEqual([
      400,
      'application/json',
      errorText('client_error', message),
    ]);
  });

  it('without phone support the phone keys do not exist', async () => {
    const world = new World({ phoneSupport: false });
    expect((await world.call(PATH, { phone: '+1234567890' })).text).toBe(
      errorText('client_error', 'Required Parameter Missing: exactly one of email or email_hash must be specified'),
    );
    expect((await world.call(PATH, { phone: '+1234567890', email: 'a@b.c' })).status).toBe(200);
  });

  it.each([101, 102])('without an active key %i it answers 500 unknown', async (keyId) => {
    const world = new World();
    world.keysets = keysetSnapshot([], [], (id) => id !== keyId);
    const answer = await world.call(PATH, { email: 'test@uid2.com' });
    expect([answer.status, answer.text]).toEqual([500, errorText('unknown', 'No active encryption key available')]);
  });

  it('without a key of the site and of the fallback site it answers 500 unknown', async () => {
    const world = new World();
    world.keysets = keysetSnapshot([], [], (id) => id !== 103 && id !== 104);
    expect((await world.call(PATH, { email: 'test@uid2.com' })).text).toBe(
      errorText('unknown', 'No active encryption key available'),
    );
  });

  it.each([
    ['two default keysets of the site', (world: World) => (world.keysets = keysetSnapshot([keyset(900, SITE)]))],
    [
      'contradicting lifetimes',
      (world: World) => (world.runtime = { ...world.runtime, refreshIdentityTokenAfterSeconds: 1_000_000 }),
    ],
    [
      'a bucket without material',
      (world: World) =>
        (world.salts = [
          saltSnapshot({ lines: [0, 1, 2, 3, 4].map((id) => `${id},1795996800001,,1803772800000,,,,,,,`) }),
        ]),
    ],
  ])('%s give 500 unknown and one error line in the log', async (_name, spoil) => {
    const world = new World();
    spoil(world);
    const answer = await world.call(PATH, { email: 'test@uid2.com' });
    expect([answer.status, answer.text]).toEqual([
      500,
      errorText('unknown', 'Unknown error while generating token v2'),
    ]);
    expect(world.logLines.filter((line) => line.includes('"level":"error"'))).toHaveLength(1);
  });
});
