import { decodeRefreshToken } from '@holdfast/uid2';
import type { JsonObject } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { askAsClient, clientSideWorld } from './client-side-world.ts';
import { errorText, textOf, World } from './world.ts';

const plainWorld = (): World => new World({ envelopes: false });

describe('an operator without envelopes', () => {
  it('takes and returns plain JSON', async () => {
    const world = plainWorld();
    const answer = await world.post('/v2/identity/map', JSON.stringify({ email: ['user@example.com'] }));
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(answer.body)).toMatchObject({
      status: 'success',
      body: { mapped: [{ identifier: 'user@example.com' }] },
    });
  });

  it('leaves refresh tokens bare, without a response key', async () => {
    const world = plainWorld();
    const answer = await world.post('/v2/token/generate', JSON.stringify({ email: 'user@example.com' }));
    const { body } = JSON.parse(answer.body) as { body: JsonObject };
    expect(Object.keys(body)).not.toContain('refresh_response_key');
    expect(decodeRefreshToken(textOf(body, 'refresh_token'), world.keysets)).toMatchObject({ version: 3 });
  });

  it('client-generate stays encrypted, and its refresh tokens wrapped', async () => {
    const world = clientSideWorld({}, { envelopes: false });
    const { json } = await askAsClient(world, { email_hash: 'tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ=' });
    expect(textOf(json?.['body'] as JsonObject, 'refresh_token')).toHaveLength(388);
  });

  it('errors look as ever, and a missing body is a missing payload', async () => {
    const world = plainWorld();
    expect((await world.post('/v2/token/generate', undefined)).body).toContain('Required Parameter Missing');
    expect((await world.post('/v2/key/latest', undefined)).statusCode).toBe(200);
    expect((await world.post('/v2/identity/map', '{}', { client: null })).statusCode).toBe(401);
  });

  it.for(['x', '[]', '"text"'])('the body %s gives the bare 500', async (body) => {
    const answer = await plainWorld().post('/v2/identity/map', body);
    expect([answer.statusCode, answer.body]).toEqual([500, 'Internal Server Error']);
  });

  it('refresh never succeeds and logout never sees its body, as in the reference', async () => {
    const world = plainWorld();
    const refresh = await world.post('/v2/token/refresh', '{}');
    expect([refresh.statusCode, refresh.body]).toEqual([500, 'Internal Server Error']);
    const logout = await world.post('/v2/token/logout', JSON.stringify({ email: 'user@example.com' }));
    expect([logout.statusCode, logout.body]).toEqual([400, errorText('invalid_token', 'Invalid Token presented')]);
    expect(world.optOutWrites).toEqual([]);
  });
});
