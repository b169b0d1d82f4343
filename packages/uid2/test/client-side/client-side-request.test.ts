import { PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseClientSideRequest } from '../../src/client-side/client-side-request.ts';
import { thrownBy } from '../operator-vectors.ts';

const timestampOf = (json: string): bigint | undefined => parseClientSideRequest(`{"timestamp":${json}}`)?.timestamp;
const codeOf = (text: string): unknown => {
  const thrown = thrownBy(() => parseClientSideRequest(text));
  return thrown instanceof PlatformError ? thrown.code : thrown;
};

describe('parseClientSideRequest', () => {
  it('reads all members', () => {
    const body = {
      payload: 'p',
      iv: 'i',
      subscription_id: 's',
      public_key: 'k',
      timestamp: 1_700_000_000_000,
      app_name: 'a',
    };
    expect(parseClientSideRequest(JSON.stringify(body))).toEqual({
      payload: 'p',
      iv: 'i',
      subscriptionId: 's',
      publicKey: 'k',
      timestamp: 1_700_000_000_000n,
      appName: 'a',
    });
  });

  it('members may be missing or null, and the whole body null', () => {
    expect(parseClientSideRequest('{"iv":null}')).toMatchObject({ iv: undefined, appName: undefined, timestamp: 0n });
    expect(parseClientSideRequest(' null ')).toBeNull();
  });

  it('numbers and booleans stand for their text', () => {
    expect(parseClientSideRequest('{"subscription_id":5,"app_name":true}')).toMatchObject({
      subscriptionId: '5',
      appName: 'true',
    });
  });

  it('timestamps may be text, empty, or have a fraction, which is dropped towards zero', () => {
    expect(['" 12 "', '""', '"  "', '"+7"', '"-7"', 'null'].map(timestampOf)).toEqual([12n, 0n, 0n, 7n, -7n, 0n]);
    expect(['1.9', '-1.9', '1.7e12', '-0'].map(timestampOf)).toEqual([1n, -1n, 1_700_000_000_000n, 0n]);
  });

  it('timestamps keep all 64 bits', () => {
    expect(timestampOf('9007199254740993')).toBe(9_007_199_254_740_993n);
    expect(timestampOf('/* last counts */ 1, "timestamp": 9223372036854775807')).toBe(9_223_372_036_854_775_807n);
    expect(timestampOf('"-9223372036854775808"')).toBe(-9_223_372_036_854_775_808n);
    expect(timestampOf('1e18')).toBe(1_000_000_000_000_000_000n);
  });

  it('refuses timestamps that are no 64-bit number', () => {
    const wrong = ['true', '"1.5"', '"x"', '[]', '{}', '9223372036854775808', '1e19', '1e999', '"9223372036854775808"'];
    for (const json of wrong) expect([json, codeOf(`{"timestamp":${json}}`)]).toEqual([json, INVALID]);
  });

  it('refuses unknown members, nested values and bodies that are no object', () => {
    for (const text of ['{"policy":1}', '{"iv":{}}', '{"payload":[]}', '[]', '"text"', '5', '{"__proto__":1}']) {
      expect([text, codeOf(text)]).toEqual([text, INVALID]);
    }
  });

  it('tells bodies that are no JSON apart', () => {
    for (const text of ['', '{', '{"iv":1} x']) expect([text, codeOf(text)]).toEqual([text, 'JSON_INVALID']);
  });

  it('only our errors escape from arbitrary text and JSON', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseClientSideRequest(text);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });
});

const INVALID = 'CLIENT_SIDE_REQUEST_INVALID';
