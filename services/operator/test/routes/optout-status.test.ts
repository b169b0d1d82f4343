import { toBase64 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { bodyOf, errorText, World } from '../world.ts';

const PATH = '/v2/optout/status';
const SHORT = new Uint8Array(32).fill(0xfb);
const LONG = new Uint8Array(33).fill(0x20);

describe('opt-out status', () => {
  it('names only what it finds, with milliseconds', async () => {
    const world = new World();
    world.optOut([['email', 'gone@example.com']], SHORT, 1_700_000_123);
    const id = toBase64(SHORT);
    expect(bodyOf(await world.call(PATH, { advertising_ids: [toBase64(LONG), id, 'nonsense', 7, null] }))).toEqual({
      opted_out: [{ advertising_id: id, opted_out_since: 1_700_000_123_000 }],
    });
  });

  it('finds raw UIDs of 33 bytes', async () => {
    const world = new World();
    world.optOut([['email', 'gone@example.com']], LONG);
    expect(bodyOf(await world.call(PATH, { advertising_ids: [toBase64(LONG)] }))['opted_out']).toHaveLength(1);
  });

  it('compares text: another spelling of the same bytes is not found', async () => {
    const world = new World();
    world.optOut([['email', 'gone@example.com']], SHORT);
    const id = toBase64(SHORT);
    const spellings = [id.replace('=', ''), `${id.slice(0, 42)}${id[42] === 's' ? 't' : 's'}=`];
    expect(bodyOf(await world.call(PATH, { advertising_ids: spellings }))['opted_out']).toEqual([]);
  });

  it('an empty list is fine', async () => {
    expect(bodyOf(await new World().call(PATH, { advertising_ids: [] }))).toEqual({ opted_out: [] });
  });

  it.each([
    [undefined, 400, 'client_error', 'Invalid request body'],
    [{}, 400, 'client_error', 'Required Parameter Missing: advertising_ids'],
    [{ advertising_ids: null }, 400, 'client_error', 'Required Parameter Missing: advertising_ids'],
    [{ advertising_ids: ['a', 'b', 'c'] }, 400, 'client_error', 'Request payload is too large'],
    [{ advertising_ids: 'a' }, 500, 'unknown', 'Unknown error while getting optout status'],
  ] as const)('payload %j is answered with %i %s', async (payload, httpStatus, status, message) => {
    const world = new World({ optOutStatusMaxRequestSize: 2 });
    const answer = await world.call(PATH, payload);
    expect([answer.status, answer.text]).toEqual([httpStatus, errorText(status, message)]);
    expect(world.logLines[0]).toContain('"level":"error"');
  });
});
