import { damagedJson, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ClientKeySet } from '../../src/uid2-client/key-set.ts';

const key = {
  id: 1,
  keyset_id: 9_999_999,
  created: 1,
  activates: 1,
  expires: 2,
  secret: Buffer.alloc(32, 1).toString('base64'),
};
const VALID = {
  caller_site_id: 3,
  master_keyset_id: 9_999_999,
  identity_scope: 'UID2',
  keys: [key, { ...key, id: 2 }],
};

describe('ClientKeySet.fromBody', () => {
  it('refuses a damaged key list as malformed, or holds its keys', () => {
    fc.assert(
      fc.property(damagedJson(VALID), (text) => {
        let body: unknown;
        try {
          body = JSON.parse(text);
        } catch {
          return; // whoever receives the answer notices this before
        }
        const keys = refusedOnlyWith(['UID2_ANSWER_MALFORMED'], () => ClientKeySet.fromBody(body));
        if (keys === undefined) return;
        expect(keys.size).toBeLessThanOrEqual(3);
        refusedOnlyWith(['ADVERTISING_TOKEN_INVALID'], () => keys.decrypt('A4AAAAABAAAA', 0));
      }),
    );
  });
});
