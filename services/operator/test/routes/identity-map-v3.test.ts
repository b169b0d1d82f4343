import { describe, expect, it } from 'vitest';

import { bodyOf, errorText, NOW_MS, saltSnapshot, World } from '../world.ts';

const PATH = '/v3/identity/map';
const HASH = 'DH5qQFhi5ALrdqcPiib8cy0Hwykx6frpqxWCkR0uijs=';
const MISSING = 'Required Parameter Missing: one or more of [email, email_hash, phone, phone_hash] must be specified';
const DAY_MS = 86_400_000;

describe('identity map v3', () => {
  it('maps kinds mixed freely, in order, and always has all four keys', async () => {
    const world = new World();
    world.optOut([['phone', '+1234567890']]);
    const payload = { phone: ['+1234567890', '1'], email: ['user@example.com'], email_hash: null };
    expect(bodyOf(await world.call(PATH, payload, { binary: true }))).toEqual({
      email: [
        {
          u: 'ICALImfE94kkoCsBn79kNqDk485MeuvZ3bHUdsmPcKIf',
          p: 'IB6EghawhupR9Vfx/F7ZQpRvgKuhgF4mEYv1YV9RtSve',
          r: 1_806_364_800,
        },
      ],
      email_hash: [],
      phone: [{ e: 'optout' }, { e: 'invalid identifier' }],
      phone_hash: [],
    });
  });

  it('p is present as null when there is no previous raw UID', async () => {
    const body = bodyOf(await new World().call(PATH, { email: ['test@uid2.com'] }));
    expect(body['email']).toEqual([{ u: 'IB6Eg38UHlI0XPOVMaeeI1E88J9KeDTkDlLaMz3LIziD', p: null, r: 1_803_772_800 }]);
  });

  it.each([
    [90 * DAY_MS - 1, true],
    [90 * DAY_MS, false],
  ])('a bucket rotated %i ms ago has a previous raw UID: %s', async (age, expected) => {
    const world = new World();
    world.salts = [
      saltSnapshot({
        lines: [0, 1, 2, 3, 4].map((id) => `${id},${NOW_MS - age},now,${NOW_MS + 5},before,,,,,,`),
      }),
    ];
    const [item] = bodyOf(await world.call(PATH, { email: ['a@b.c'] }))['email'] as { p: unknown }[];
    expect(typeof item?.p).toBe(expected ? 'string' : 'object');
  });

  it('numbers and booleans are text, which is then invalid', async () => {
    expect(bodyOf(await new World().call(PATH, { email: [5], phone: [true] }))).toMatchObject({
      email: [{ e: 'invalid identifier' }],
      phone: [{ e: 'invalid identifier' }],
    });
  });

  it('phones are mapped even without phone support', async () => {
    const body = bodyOf(await new World({ phoneSupport: false }).call(PATH, { phone: ['+1234567890'] }));
    expect(body['phone']).toMatchObject([{ u: expect.any(String) }]);
  });

  it('a null for a known key is fine, even alone', async () => {
    expect(bodyOf(await new World().call(PATH, { email: null }))).toEqual({
      email: [],
      email_hash: [],
      phone: [],
      phone_hash: [],
    });
  });

  it('thousands of identities keep their order across slices', async () => {
    const world = new World();
    const email = Array.from({ length: 2000 }, (_, index) => (index % 2 === 0 ? `user${index}@example.com` : 'x'));
    const items = bodyOf(await world.call(PATH, { email }))['email'] as { e?: string }[];
    expect(items).toHaveLength(2000);
    expect(items.every((item, index) => 'e' in item === (index % 2 === 1))).toBe(true);
  });
});

describe('identity map v3, errors', () => {
  it.each([
    [undefined, MISSING],
    [{}, MISSING],
    [{ email: ['a@b.c'], link_id: 'x' }, 'Incorrect request format'],
    [{ email: ['a@b.c'], policy: 1 }, 'Incorrect request format'],
    [{ email: 'a@b.c' }, 'Incorrect request format'],
    [{ email: [null] }, 'Incorrect request format'],
    [{ email_hash: [HASH, ['x']] }, 'Incorrect request format'],
    [{ phone: [{ a: 1 }] }, 'Incorrect request format'],
    ['{"__proto__":["a@b.c"]}', 'Incorrect request format'],
  ])('payload %j is refused: %s', async (payload, message) => {
    const answer = await new World().call(PATH, payload);
    expect([answer.status, answer.contentType, answer.text]).toEqual([
      400,
      'application/json',
      errorText('client_error', message),
    ]);
  });

  it('without phone support the message names e-mail only', async () => {
    expect((await new World({ phoneSupport: false }).call(PATH, {})).text).toBe(
      errorText('client_error', 'Required Parameter Missing: one or more of [email, email_hash] must be specified'),
    );
  });

  it('a bucket without material is a 500', async () => {
    const world = new World();
    world.salts = [saltSnapshot({ lines: ['0,1795996800001,,1803772800000,,,,,,,'] })];
    expect((await world.call(PATH, { email: ['a@b.c', 'b@c.d', 'c@d.e'] })).text).toBe(
      errorText('unknown', 'Unknown error while mapping identity v3'),
    );
  });

  it('a client that is a service fails: service links are not configured', async () => {
    const world = new World();
    const client = world.addClient({ serviceId: 7 });
    const answer = await world.call(PATH, { email: ['test@uid2.com'] }, { client });
    expect([answer.status, answer.text]).toEqual([401, errorText('unauthorized', 'Invalid link_id')]);
  });
});
