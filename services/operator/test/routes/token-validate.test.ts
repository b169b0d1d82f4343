import { describe, expect, it } from 'vitest';

import { bodyOf, errorText, keyset, keysetKey, keysetSnapshot, SITE_WITHOUT_KEYSET, World, textOf } from '../world.ts';
import type { TestClient } from '../world.ts';

const PATH = '/v2/token/validate';

async function tokenFor(world: World, email: string, client?: TestClient): Promise<string> {
  const answer = await world.call('/v2/token/generate', { email }, client === undefined ? {} : { client });
  return textOf(bodyOf(answer), 'advertising_token');
}

describe('token validate', () => {
  it('says true for the identity of the token and false for another', async () => {
    const world = new World();
    const token = await tokenFor(world, 'validate@example.com');
    expect((await world.call(PATH, { email: 'VALIDATE@example.com', token })).json).toEqual({
      status: 'success',
      body: true,
    });
    expect((await world.call(PATH, { email: 'other@example.com', token })).json).toEqual({
      status: 'success',
      body: false,
    });
  });

  it('does not look at the token’s expiry or at opt-outs', async () => {
    const world = new World();
    const token = await tokenFor(world, 'user@example.com');
    world.nowMs += 7 * 86_400_000;
    world.optOut([['email', 'user@example.com']]);
    expect((await world.call(PATH, { email: 'user@example.com', token })).json?.['body']).toBe(true);
  });

  it.each([undefined, '', 'A4', 'nonsense', 5])('token %j is invalid', async (token) => {
    const answer = await new World().call(PATH, { email: 'user@example.com', token });
    expect([answer.status, answer.contentType, answer.text]).toEqual([
      400,
      'application/json',
      errorText('client_error', 'Invalid token'),
    ]);
  });

  it('a token of another site is refused', async () => {
    const world = new World();
    world.keysets = keysetSnapshot([keyset(500, 500)], [keysetKey(501, 500)]);
    const token = await tokenFor(world, 'user@example.com');
    const client = world.addClient({ siteId: 500 });
    const answer = await world.call(PATH, { email: 'user@example.com', token }, { client });
    expect([answer.status, answer.text]).toEqual([400, errorText('client_error', 'Unauthorised to validate token')]);
  });

  it('a publisher without its own keyset can never validate its tokens', async () => {
    const world = new World();
    const client = world.addClient({ siteId: SITE_WITHOUT_KEYSET });
    const token = await tokenFor(world, 'user@example.com', client);
    expect((await world.call(PATH, { email: 'user@example.com', token }, { client })).text).toBe(
      errorText('client_error', 'Unauthorised to validate token'),
    );
  });

  it('input errors are those of token generate', async () => {
    const world = new World();
    expect((await world.call(PATH, { token: 'x' })).text).toContain('Required Parameter Missing');
    expect((await world.call(PATH, { email: 'x', token: 'x' })).text).toBe(
      errorText('client_error', 'Invalid Identifier'),
    );
  });

  it('a key whose keyset vanished gives the bare 500', async () => {
    const world = new World();
    world.keysets = keysetSnapshot([keyset(500, 500)], [keysetKey(501, 500)]);
    const client = world.addClient({ siteId: 500 });
    const token = await tokenFor(world, 'user@example.com', client);
    world.keysets = keysetSnapshot([], [keysetKey(501, 500)]);
    const answer = await world.call(PATH, { email: 'user@example.com', token }, { client });
    expect([answer.status, answer.contentType, answer.text]).toEqual([500, undefined, 'Internal Server Error']);
  });
});
