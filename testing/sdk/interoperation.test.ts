import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { hashed } from './support/expectations.ts';
import { SdkProgram } from './support/sdk-program.ts';

const { python, java } = inject('sdks');
const { demo, sharer } = inject('world').clients;

describe.skipIf('missing' in python || 'missing' in java)('the Python and the Java SDK at one operator', () => {
  let programs: readonly SdkProgram[];

  beforeAll(() => {
    programs = [new SdkProgram(python), new SdkProgram(java)];
  });

  afterAll(() => {
    for (const program of programs) program.stop();
  });

  it('map the same identities to the same raw UIDs and buckets', async () => {
    const email = Array.from({ length: 200 }, (_, index) => ` Person.${index}+tag@gmail.com`);
    const [v3, v3Again] = await Promise.all(programs.map((sdk) => sdk.call('mapV3', demo, { email })));
    expect(Object.keys(v3?.mapped ?? {})).toHaveLength(200);
    expect(v3Again).toEqual(v3);
    const values = [hashed('one@example.com'), hashed('two@example.com'), hashed('optout@example.com')];
    const [v2, v2Again] = await Promise.all(
      programs.map((sdk) => sdk.call('mapV2', demo, { kind: 'email_hash', values })),
    );
    expect(v2Again).toEqual(v2);
  });

  it.each([
    ['Python', 'Java', 0, 1],
    ['Java', 'Python', 1, 0],
  ])('a token that the %s SDK got and a sharing token that it made, the %s SDK reads', async (_a, _b, from, to) => {
    const [sender, receiver] = [programs[from], programs[to]];
    const outcome = await sender?.call('generateToken', demo, { kind: 'phone', value: '+12345678901' });
    const token = outcome?.status === 'success' ? outcome.identity.advertisingToken : '';
    await sender?.call('refreshKeys', demo, { kind: 'sharing' });
    await receiver?.call('refreshKeys', sharer, { kind: 'sharing' });
    const decrypted = await receiver?.call('decrypt', sharer, { kind: 'sharing', token });
    expect(decrypted?.status).toBe('SUCCESS');
    const shared = await sender?.call('encrypt', demo, { kind: 'sharing', rawUid: decrypted?.rawUid ?? '' });
    expect(await receiver?.call('decrypt', sharer, { kind: 'sharing', token: shared?.token ?? '' })).toMatchObject({
      status: 'SUCCESS',
      rawUid: decrypted?.rawUid,
    });
  });

  it('refresh each other’s identities', async () => {
    const [first, second] = programs;
    const outcome = await first?.call('generateToken', demo, { kind: 'email', value: 'user@example.com' });
    const identity = outcome?.status === 'success' ? outcome.identity.json : '';
    expect(await second?.call('refreshToken', demo, { identity })).toMatchObject({ status: 'success' });
  });
});
