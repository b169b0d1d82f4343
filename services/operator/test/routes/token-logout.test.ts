import { toHex } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { bodyOf, errorText, flhOf, World } from '../world.ts';

const PATH = '/v2/token/logout';

describe('token logout', () => {
  it('hands first-level hash, raw UID and raw inputs to the Opt-Out service', async () => {
    const world = new World();
    const answer = await world.call(
      PATH,
      { email: 'User@Example.com', clientIp: '203.0.113.7' },
      { headers: { 'uid-trace-id': 'trace-1' } },
    );
    expect(answer.json).toEqual({ status: 'success', body: { optout: 'OK' } });
    const mapped = bodyOf(await world.call('/v3/identity/map', { email: ['user@example.com'] }))['email'];
    const [write] = world.optOutWrites;
    expect(write).toMatchObject({ email: 'User@Example.com', clientIp: '203.0.113.7', traceId: 'trace-1' });
    expect(Object.keys(write ?? {})).not.toContain('phone');
    expect(toHex(write?.flh ?? new Uint8Array())).toBe(toHex(flhOf('email', 'user@example.com')));
    expect(mapped).toMatchObject([{ u: Buffer.from(write?.rawUid ?? []).toString('base64') }]);
  });

  it('changes nothing here: the effect comes with the next delta file', async () => {
    const world = new World();
    await world.call(PATH, { email: 'user@example.com' });
    expect((await world.call('/v2/token/generate', { email: 'user@example.com' })).json?.['status']).toBe('success');
  });

  it('forwards an opted-out user again: the list is not consulted', async () => {
    const world = new World();
    await world.call(PATH, { email: 'optout@example.com' });
    expect(world.optOutWrites).toHaveLength(1);
  });

  it.each([{}, undefined, { email: 'nonsense' }, { email: 'a@b.c', phone: '+1234567890' }])(
    'payload %j is an invalid token',
    async (payload) => {
      const world = new World();
      const answer = await world.call(PATH, payload);
      expect([answer.status, answer.contentType, answer.text]).toEqual([
        400,
        'application/json',
        errorText('invalid_token', 'Invalid Token presented'),
      ]);
      expect(world.optOutWrites).toHaveLength(0);
    },
  );

  it('a failing service gives the bare 500', async () => {
    const world = new World();
    world.optOutFailure = new Error('the service is away');
    const answer = await world.call(PATH, { email: 'user@example.com' });
    expect([answer.status, answer.contentType, answer.text]).toEqual([500, undefined, 'Internal Server Error']);
  });
});
