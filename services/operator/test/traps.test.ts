import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, createHash, createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import {
  encodeRequestEnvelope,
  parseClients,
  parseRuntimeConfiguration,
  parseServiceLinks,
  parseServices,
} from '@holdfast/uid2';
import type { JsonObject } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { clientSideWorld, CLIENT_GENERATE, sealAsClient } from './client-side-world.ts';
import {
  bodyOf,
  FIRST_LEVEL_SALT,
  flhOf,
  keysetKey,
  keysetSnapshot,
  PLAIN_SALT_LINES,
  saltSnapshot,
  textOf,
  World,
} from './world.ts';

const EMAIL_HASH = 'tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ=';

/** The traps of porting the reference that other tests already step into: where, and what the test is called. */
const ELSEWHERE: readonly (readonly [trap: string, file: string, test: string])[] = [
  ['3: 388 is load-bearing', 'operator:routes/token-generate', 'the wrapped refresh token has exactly 388 characters'],
  ['3: 388 is load-bearing', 'uid2:tokens/refresh-token-wrapper', 'always makes 388 characters from 168'],
  [
    '8: hashes of the wrong length are accepted',
    'operator:routes/token-generate',
    'hashes of 44 characters that decode to 31 or 33 bytes are accepted',
  ],
  [
    '9: the clock window',
    'operator:enveloped-route',
    'the clock window is just under 120 s back and exactly 119 s ahead',
  ],
  [
    '10: strict Base64',
    'uid2:encoding/lenient-base64',
    'decodes what standard encoders write, with and without padding',
  ],
  ['10: missing padding is legal', 'operator:enveloped-route', 'missing padding is legal'],
  ['10: unpaired surrogates', 'operator:routes/identity-map-v2', 'an unpaired surrogate hashes as a question mark'],
  [
    '11: content type equality',
    'operator:enveloped-route',
    'application/octet-stream in any case gets raw bytes under exactly that type',
  ],
  [
    '11: the fallback rewrites the mode',
    'operator:enveloped-route',
    'Base64 text under octet-stream falls back to text, and so does the reply',
  ],
  [
    '12: errors are never encrypted',
    'operator:enveloped-route',
    'errors of binary requests are JSON text all the same',
  ],
  ['13: p is null', 'operator:routes/identity-map-v3', 'p is present as null when there is no previous raw UID'],
  [
    '13: unmapped is absent',
    'operator:routes/identity-map-v2',
    'unmapped is absent when empty, mapped is always there',
  ],
  [
    '14: expiry text and master keyset',
    'operator:routes/keys',
    'token_expiry_seconds is a string and master keyset is 9999999',
  ],
  ['14: ten seconds more', 'operator:routes/keys', 'adds ten seconds to the sharing lifetime, which only sharers get'],
  ['14: ten seconds more', 'operator:routes/keys', 'has lifetime with ten seconds more and keys without keyset'],
  [
    '15: key lists are not filtered by time',
    'operator:routes/keys',
    'an ID_READER gets open keysets and those that name its site, without regard to time',
  ],
  [
    '15: a missing list is not an empty one',
    'uid2:keysets/keyset-snapshot',
    'opens a missing list to readers only, and an empty list to the owner only',
  ],
  [
    '16: expiry is exclusive',
    'operator:routes/token-generate',
    'the active key is the latest activated, and expires exclusively',
  ],
  ['17: no key derivation', 'uid2:client-side/client-side-key', 'both sides get the key of case %i'],
  [
    '17: compact JSON is authenticated',
    'uid2:client-side/additional-data',
    'escapes quotes, back slashes and control characters, in upper case, and nothing else',
  ],
  [
    '17: unknown members are a 500',
    'operator:routes/client-generate',
    'a body of the wrong shape is a failure of the server',
  ],
  ['17: app names in any case', 'operator:routes/client-generate', 'an app needs its name, in any case, and no origin'],
  ['17: registrable domains', 'operator:public-suffixes', 'allows and refuses as the reference does'],
  [
    '18: deprecated tokens',
    'operator:routes/token-refresh',
    'a token established before 2021-03-08T17:00:00Z is opted out, even unauthenticated and expired',
  ],
  [
    '19: corrupt is not malformed',
    'uid2:tokens/refresh-token',
    'calls every truncation that still shows version and key corrupt',
  ],
  [
    '19: malformed is invalid',
    'operator:routes/token-refresh',
    '%s is invalid_token with a key and a bare error without',
  ],
  ['20: selection stops at the first gap', 'uid2:salts/salt-snapshot', 'the one before the first gap'],
  ['20: expired salts still serve', 'operator:routes/token-generate', 'expired salts still serve and are reported'],
  [
    '21: test identities and the salt',
    'operator:routes/token-generate',
    'test identities follow a change of the first-level salt',
  ],
  ['22: a failed list is no empty list', 'operator:main', 'stays not ready, and says so, while the opt-out list %s'],
  ['22: an honest empty list is', 'operator:stores/opt-out-sync', 'is content with a list that is honestly empty'],
  [
    '23: version 4 in the opt-out record',
    'uid2:optout/optout-index',
    'loses the environment bits of a version 4 PROD UID, as the format does',
  ],
  ['24: a refusal ends at once', 'operator:main', 'ends at once when Core refuses with %i, and says what Core said'],
  [
    '24: network errors never do',
    'operator:lifecycle/shutdown-rules',
    'without an HTTP answer neither starts nor advances the clock',
  ],
  ['25: first metadata end', 'operator:main', 'ends when the metadata of a store cannot be had'],
  ['25: first content is tried forever', 'operator:main', 'tries the first content of a store forever'],
  ['27: 64-bit numbers', 'uid2:client-side/client-side-request', 'timestamps keep all 64 bits'],
  ['27: 64-bit numbers', 'uid2:envelope/request-envelope', 'refuses a time at either end of the range'],
  [
    '28: exact roles in services',
    'uid2:seed-files/services',
    'role names of services count exactly, those of links in any case',
  ],
  ['29: duplicate default keysets', 'operator:routes/keys', 'two default keysets of the caller’s site'],
  ['29: map is unaffected', 'operator:routes/identity-map-v2', 'duplicate default keysets do not affect it'],
  [
    '29: other sites are unaffected',
    'uid2:keysets/keyset-snapshot',
    'refuses a site with two default keysets and leaves other sites alone',
  ],
  [
    '30: health says nothing of freshness',
    'operator:main',
    'goes on serving when Core is gone, counts down, and ends when its stores are too old',
  ],
];

const FOLDERS: Readonly<Record<string, string>> = { operator: './', uid2: '../../../packages/uid2/test/' };

function open(key: KeyObject, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
}

const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The raw UID of an e-mail address as identity map gives it. */
async function mapped(world: World, email: string): Promise<Buffer> {
  const [item] = bodyOf(await world.call('/v2/identity/map', { email: [email] }))['mapped'] as JsonObject[];
  return Buffer.from(textOf(item ?? {}, 'advertising_id'), 'base64');
}

describe('traps that other tests cover', () => {
  it.for(ELSEWHERE)('trap %s: there is a test for it in %s', ([, place, name]) => {
    const [folder = '', file] = place.split(':');
    const path = fileURLToPath(new URL(`${FOLDERS[folder] ?? ''}${file}.test.ts`, import.meta.url));
    expect(readFileSync(path, 'utf8')).toContain(name);
  });
});

describe('traps', () => {
  it('trap 1: refresh and client-generate replies carry neither time nor nonce, all others do', async () => {
    const world = clientSideWorld();
    const generated = await world.post(
      '/v2/token/generate',
      Buffer.from(
        encodeRequestEnvelope(
          { nowMs: world.nowMs, nonce: Buffer.from('12345678'), json: '{"email":"a@b.c"}' },
          world.client.secret,
          randomBytes,
        ),
      ).toString('base64'),
    );
    const plain = open(world.client.secret, Buffer.from(generated.body, 'base64'));
    expect([plain.readBigInt64BE(0), plain.toString('latin1', 8, 16)]).toEqual([BigInt(world.nowMs), '12345678']);
    const { body } = JSON.parse(plain.toString('utf8', 16)) as { body: Record<string, string> };
    const refreshed = await world.post('/v2/token/refresh', body['refresh_token']);
    const refreshKey = createSecretKey(Buffer.from(body['refresh_response_key'] ?? '', 'base64'));
    expect(open(refreshKey, Buffer.from(refreshed.body, 'base64')).toString()).toMatch(/^\{"status":"success"/);
    const asked = sealAsClient(world.nowMs, { email_hash: EMAIL_HASH });
    const answered = await world.post(CLIENT_GENERATE, asked.body, { headers: { origin: 'https://example.com' } });
    expect(open(asked.key, Buffer.from(answered.body, 'base64')).toString()).toMatch(/^\{"status":"success"/);
  });

  it('trap 2: the request envelope has a version byte, the reply has none', async () => {
    const world = new World();
    const request = encodeRequestEnvelope(
      { nowMs: world.nowMs, nonce: randomBytes(8) },
      world.client.secret,
      randomBytes,
    );
    expect(request[0]).toBe(1);
    expect((await world.post('/v2/key/latest', Buffer.from(request.subarray(1)).toString('base64'))).statusCode).toBe(
      400,
    );
    const answer = await world.post('/v2/key/latest', Buffer.from(request).toString('base64'));
    expect(() => open(world.client.secret, Buffer.from(answer.body, 'base64'))).not.toThrow();
  });

  it('trap 4: salts, first-level salt and key material take part as text', async () => {
    const world = new World();
    world.salts = [saltSnapshot({ lines: PLAIN_SALT_LINES, firstLevelSalt: 'not Base64 ä' })];
    const flh = sha256(sha256('a@b.c').toString('base64'), 'not Base64 ä');
    expect(await mapped(world, 'a@b.c')).toEqual(sha256(flh.toString('base64'), 'salt-of-everybody'));

    const key = 'key12345key12345key12345key12345';
    const material = (id: number): string => `${id},1795996800001,,1803772800000,,7,${key},text salt ä,,,`;
    world.salts = [saltSnapshot({ lines: [0, 1, 2, 3, 4].map(material) })];
    const uid = await mapped(world, 'a@b.c');
    const tail = Buffer.from(flhOf('email', 'a@b.c')).subarray(16);
    const iv = sha256('text salt ä', tail, uid.subarray(0, 4)).subarray(0, 12);
    const cipher = createCipheriv('aes-256-ctr', Buffer.from(key, 'utf8'), Buffer.concat([iv, Buffer.alloc(4)]));
    expect(uid.subarray(4, 16)).toEqual(iv);
    expect(uid.subarray(16, 32)).toEqual(cipher.update(tail));
  });

  it('trap 5: hashes go into the next hash as Base64 text', async () => {
    const world = new World();
    world.salts = [saltSnapshot({ lines: PLAIN_SALT_LINES })];
    const flh = sha256(EMAIL_HASH, FIRST_LEVEL_SALT);
    const item = bodyOf(await world.call('/v2/identity/map', { email_hash: [EMAIL_HASH] }))['mapped'];
    const expected = sha256(flh.toString('base64'), 'salt-of-everybody').toString('base64');
    expect(item).toMatchObject([{ advertising_id: expected }]);
  });

  it('trap 6: the low nibble of the third byte takes part in the choice of the bucket', async () => {
    const world = new World();
    const { table } = saltSnapshot();
    const email = Array.from({ length: 50 }, (_, index) => `user${index}@example.com`);
    const items = bodyOf(await world.call('/v2/identity/map', { email }))['mapped'] as JsonObject[];
    const byHighNibble: string[] = [];
    for (const item of items) {
      const [first = 0, second = 0, third = 0] = flhOf('email', textOf(item, 'identifier'));
      expect(item['bucket_id']).toBe(table.bucketId(((first << 12) | (second << 4) | (third & 0x0f)) % 5));
      byHighNibble.push(table.bucketId(((first << 12) | (second << 4) | (third >> 4)) % 5));
    }
    expect(byHighNibble).not.toEqual(items.map((item) => item['bucket_id']));
  });

  it('trap 7: blanks vanish from the local part, gmail.com matches exactly after lowering, tabs stay', async () => {
    const world = new World();
    const uid = async (email: string): Promise<string> => (await mapped(world, email)).toString('hex');
    expect(await uid(' j a ne.Doe@Example.com ')).toBe(await uid('jane.doe@example.com'));
    expect(await uid('ja.ne+x@GMAIL.com')).toBe(await uid('jane@gmail.com'));
    expect(await uid('ja.ne@gmail.com.au')).not.toBe(await uid('jane@gmail.com.au'));
    expect(await uid('jane@gmail.com\t')).not.toBe(await uid('jane@gmail.com'));
  });

  it('trap 16: of keys activated together the last in the file wins', async () => {
    const world = new World();
    const together = { activatesSeconds: 1_700_000_000 };
    world.keysets = keysetSnapshot([], [keysetKey(301, -1, together), keysetKey(300, -1, together)]);
    const token = Buffer.from(
      textOf(bodyOf(await world.call('/v2/token/generate', { email: 'a@b.c' })), 'advertising_token'),
      'base64url',
    );
    expect(token.readInt32BE(2)).toBe(300);
  });

  it('trap 26: version bytes and metadata from 0x80 on are unsigned', async () => {
    const world = new World();
    const body = bodyOf(await world.call('/v2/token/generate', { email: 'a@b.c' }));
    expect(Buffer.from(textOf(body, 'advertising_token'), 'base64url')[1]).toBe(128);
    const validated = await world.call('/v2/token/validate', {
      email: 'a@b.c',
      token: textOf(body, 'advertising_token'),
    });
    expect(validated.json?.['body']).toBe(true);
    const refused = await world.post('/v2/token/generate', Buffer.alloc(60, 0xc8).toString('base64'));
    expect(refused.json()).toMatchObject({ message: expect.stringContaining('received 200, must be 1') as unknown });
    world.runtime = { ...world.runtime, identityEnvironment: 'prod' };
    const lines = [0, 1, 2, 3, 4].map((id) => `${id},1795996800001,,1803772800000,,7,${'k'.repeat(32)},salt,,,`);
    world.salts = [saltSnapshot({ lines })];
    expect((await mapped(world, 'a@b.c'))[0]).toBe(0xa0);
  });

  it('trap 28: environments and the roles of clients and links count in any case, those of services exactly', () => {
    const times = {
      identity_token_expires_after_seconds: 2,
      refresh_token_expires_after_seconds: 2,
      refresh_identity_token_after_seconds: 1,
      sharing_token_expiry_seconds: 1,
    };
    expect(parseRuntimeConfiguration({ ...times, identity_environment: 'Integ' }).identityEnvironment).toBe('integ');
    const secret = Buffer.alloc(32).toString('base64');
    const client = { key_hash: secret, key_salt: secret, secret, roles: ['id_Reader'] };
    expect(parseClients(JSON.stringify([client]))[0]?.roles).toEqual(['ID_READER']);
    expect(parseServiceLinks('[{"service_id":1,"link_id":"x","roles":["mapper"]}]')[0]?.roles).toEqual(['MAPPER']);
    expect(() => parseServices('[{"service_id":1,"roles":["mapper"]}]')).toThrow('roles');
  });
});
