import { describe, expect, it } from 'vitest';

import { bodyOf, errorText, keyset, keysetSnapshot, saltSnapshot, SITE, World } from '../world.ts';

const PATH = '/v2/identity/map';
const EXACTLY_ONE =
  'Required Parameter Missing: exactly one of [email, email_hash, phone, phone_hash] must be specified';
const UNKNOWN = errorText('unknown', 'Unknown error while mapping identity v2');

describe('identity map v2', () => {
  it('maps in order, with identifiers as sent, and names the reason for what it leaves out', async () => {
    const world = new World();
    world.optOut([['email', 'gone@example.com']]);
    const email = ['TEST@uid2.com', 'nonsense', 'gone@example.com', 'user@example.com'];
    const body = bodyOf(await world.call(PATH, { email }));
    expect(body).toEqual({
      mapped: [
        {
          identifier: 'TEST@uid2.com',
          advertising_id: 'IB6Eg38UHlI0XPOVMaeeI1E88J9KeDTkDlLaMz3LIziD',
          bucket_id: 'bl5yy6kr58',
        },
        {
          identifier: 'user@example.com',
          advertising_id: 'ICALImfE94kkoCsBn79kNqDk485MeuvZ3bHUdsmPcKIf',
          bucket_id: 'bv3WM92zaA',
        },
      ],
      unmapped: [
        { identifier: 'nonsense', reason: 'invalid identifier' },
        { identifier: 'gone@example.com', reason: 'optout' },
      ],
    });
  });

  it('unmapped is absent when empty, mapped is always there', async () => {
    const world = new World();
    expect(Object.keys(bodyOf(await world.call(PATH, { email: ['test@uid2.com'] })))).toEqual(['mapped']);
    expect(bodyOf(await world.call(PATH, { email: ['x'] }))).toMatchObject({ mapped: [] });
    expect(bodyOf(await world.call(PATH, { email: [] }))).toEqual({ mapped: [] });
    expect(bodyOf(await world.call(PATH, { email: [], phone: [] }))).toEqual({ mapped: [] });
  });

  it('an empty array beside a filled one does not count', async () => {
    const body = bodyOf(await new World().call(PATH, { email: [], phone: ['+1234567890'], email_hash: null }));
    expect(body['mapped']).toMatchObject([{ identifier: '+1234567890' }]);
  });

  it('identifiers that JSON must escape come back as sent, an unpaired surrogate as a question mark', async () => {
    const world = new World();
    const awkward = ['"quoted\\"@example.com', 'tab\there', '😀@example.com', '</script>\u2028@example.com'];
    const body = bodyOf(await world.call(PATH, { email: awkward }));
    const all = [...(body['mapped'] as { identifier: string }[]), ...(body['unmapped'] as { identifier: string }[])];
    expect(all.map(({ identifier }) => identifier).toSorted()).toEqual(awkward.toSorted());
    const lone = bodyOf(await world.call(PATH, '{"email":["\\ud800@example.com"]}'));
    expect(lone['mapped']).toMatchObject([{ identifier: '?@example.com' }]);
  });

  it('an unpaired surrogate hashes as a question mark', async () => {
    const world = new World();
    const lone = bodyOf(await world.call(PATH, '{"email":["\\ud800@example.com"]}'));
    const mark = bodyOf(await world.call(PATH, { email: ['?@example.com'] }));
    expect(lone['mapped']).toEqual(mark['mapped']);
  });

  it('numbers and booleans stand for their text', async () => {
    const body = bodyOf(await new World().call(PATH, { phone: [5, true, '+1234567890'] }));
    expect(body).toMatchObject({
      mapped: [{ identifier: '+1234567890' }],
      unmapped: [
        { identifier: '5', reason: 'invalid identifier' },
        { identifier: 'true', reason: 'invalid identifier' },
      ],
    });
  });

  it('a null phone is unmapped, a null of another kind fails the request', async () => {
    const world = new World();
    expect(bodyOf(await world.call(PATH, { phone: [null] }))).toEqual({
      mapped: [],
      unmapped: [{ identifier: null, reason: 'invalid identifier' }],
    });
    for (const payload of [{ email: [null] }, { email_hash: [null] }, { phone_hash: [null] }]) {
      const answer = await world.call(PATH, payload);
      expect([answer.status, answer.text]).toEqual([500, UNKNOWN]);
    }
  });

  it('JSON comments are tolerated and the last of equal keys wins', async () => {
    const body = bodyOf(
      await new World().call(PATH, '/* batch */ {"email":["x"], // first\n "email":["test@uid2.com"]}'),
    );
    expect(body['mapped']).toMatchObject([{ identifier: 'test@uid2.com' }]);
  });

  it('thousands of identities keep their order across slices', async () => {
    const email = Array.from({ length: 3000 }, (_, index) => `user${index}@example.com`);
    const body = bodyOf(await new World().call(PATH, { email }, { binary: true }));
    expect((body['mapped'] as { identifier: string }[]).map(({ identifier }) => identifier)).toEqual(email);
  });

  it('duplicate default keysets do not affect it', async () => {
    const world = new World();
    world.keysets = keysetSnapshot([keyset(900, SITE)]);
    expect((await world.call(PATH, { email: ['test@uid2.com'] })).status).toBe(200);
  });
});

describe('identity map v2, errors', () => {
  it.each([
    [{}, EXACTLY_ONE],
    [{ email: null, phone: null }, EXACTLY_ONE],
    [{ email: ['a@b.c'], phone: ['+1234567890'] }, EXACTLY_ONE],
    [{ email: 'a@b.c' }, 'email must be an array'],
    [{ phone_hash: { a: 1 } }, 'phone_hash must be an array'],
  ])('payload %j is refused: %s', async (payload, message) => {
    const answer = await new World().call(PATH, payload);
    expect([answer.status, answer.contentType, answer.text]).toEqual([
      400,
      'application/json',
      errorText('client_error', message),
    ]);
  });

  it('without phone support the message names e-mail only', async () => {
    expect((await new World({ phoneSupport: false }).call(PATH, { phone: ['+1234567890'] })).text).toBe(
      errorText('client_error', 'Required Parameter Missing: exactly one of email or email_hash must be specified'),
    );
  });

  it('no payload is a 500', async () => {
    const answer = await new World().call(PATH, undefined);
    expect([answer.status, answer.text]).toEqual([500, UNKNOWN]);
  });

  it('a bucket without material is a 500, also deep inside a batch', async () => {
    const world = new World();
    world.salts = [
      saltSnapshot({
        lines: [0, 1, 2, 3, 4].map((id) => `${id},1795996800001,${id === 4 ? '' : 'salt'},1803772800000,,,,,,,`),
      }),
    ];
    const email = Array.from({ length: 1000 }, (_, index) => `user${index}@example.com`);
    expect((await world.call(PATH, { email })).text).toBe(UNKNOWN);
    expect((await world.call(PATH, { email: ['nonsense'] })).status).toBe(200);
  });
});
