import { fromBase64, toHex } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { firstLevelHash, hashDii } from '../../src/identity/identity-hash.ts';
import { rawUid } from '../../src/raw-uid/raw-uid.ts';
import { encodeAdvertisingToken } from '../../src/tokens/advertising-token.ts';
import { wrapRefreshToken } from '../../src/tokens/refresh-token-wrapper.ts';
import { encodeRefreshToken } from '../../src/tokens/refresh-token.ts';
import { PRIVACY_BITS_CLIENT_SIDE, PRIVACY_BITS_DEFAULT } from '../../src/tokens/token-format.ts';
import { KEYSET_WORLD } from '../keyset-fixture.ts';
import { lowerType, scriptedRandom, vectorGroup, vectorsMissing } from '../operator-vectors.ts';
import { SALT_FIXTURE, saltTable } from '../salt-fixture.ts';

interface GenerateVector {
  identity: string;
  identity_type: 'Email' | 'Phone';
  site_id: number;
  now_ms: number;
  config: {
    identity_token_expires_after_seconds: number;
    refresh_token_expires_after_seconds: number;
    refresh_identity_token_after_seconds: number;
    identity_environment: 'test' | 'integ' | 'prod';
  };
  response_json: {
    status: string;
    body: {
      advertising_token: string;
      refresh_token: string;
      identity_expires: number;
      refresh_expires: number;
      refresh_from: number;
      refresh_response_key: string;
    };
  };
}

describe.skipIf(vectorsMissing)('known answers', () => {
  const table = saltTable(SALT_FIXTURE.lines);

  it.each(vectorGroup<GenerateVector>('token_generate_end_to_end'))(
    'all parts together make the tokens of $identity',
    (vector) => {
      const { body } = vector.response_json;
      const { config, now_ms: now } = vector;
      const type = lowerType(vector.identity_type);
      const hashed = hashDii(type, vector.identity);
      const flh = firstLevelHash(hashed?.hash ?? new Uint8Array(), SALT_FIXTURE.firstLevelSalt);
      const options = { scope: 'uid2', type, environment: config.identity_environment, identityV3: false } as const;
      const [master, site, refresh] = [
        KEYSET_WORLD.masterKey(now),
        KEYSET_WORLD.siteKey(vector.site_id, now),
        KEYSET_WORLD.refreshKey(now),
      ];
      if (master === undefined || site === undefined || refresh === undefined) throw new Error('no active key');
      const random = scriptedRandom(
        '000102030405060708090a0b',
        '101112131415161718191a1b',
        '202122232425262728292a2b',
        toHex(fromBase64(body.refresh_response_key)),
        '303132333435363738393a3b',
      );
      const facts = {
        scope: 'uid2',
        type,
        siteId: vector.site_id,
        privacyBits: PRIVACY_BITS_DEFAULT,
        createdMs: now,
        establishedMs: now,
      } as const;
      const advertisingToken = encodeAdvertisingToken(
        {
          ...facts,
          expiresMs: now + config.identity_token_expires_after_seconds * 1000,
          refreshedMs: now,
          rawUid: rawUid(table, table.indexOf(flh), flh, options),
        },
        { master, site },
        random,
      );
      const inner = encodeRefreshToken(
        {
          ...facts,
          expiresMs: now + config.refresh_token_expires_after_seconds * 1000,
          publisherId: 0,
          clientKeyId: 0,
          firstLevelHash: flh,
        },
        refresh,
        random,
      );
      const wrapped = wrapRefreshToken(inner, 'uid2', refresh, random);
      expect(vector.response_json).toEqual({
        status: 'success',
        body: {
          advertising_token: advertisingToken,
          refresh_token: wrapped.text,
          identity_expires: now + config.identity_token_expires_after_seconds * 1000,
          refresh_expires: now + config.refresh_token_expires_after_seconds * 1000,
          refresh_from: now + config.refresh_identity_token_after_seconds * 1000,
          refresh_response_key: wrapped.refreshResponseKey,
        },
      });
    },
  );

  it.each(vectorGroup<{ endpoint: string; value: number }>('privacy_bits'))(
    '$endpoint sets the privacy bits $value',
    (vector) => {
      const bits: Record<string, number> = {
        '/v2/token/generate': PRIVACY_BITS_DEFAULT,
        '/v2/token/client-generate': PRIVACY_BITS_CLIENT_SIDE,
      };
      expect(bits[vector.endpoint]).toBe(vector.value);
    },
  );
});
