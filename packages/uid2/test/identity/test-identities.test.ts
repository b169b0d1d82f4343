import { toBase64 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { firstLevelHash, hashDii, identityHash } from '../../src/identity/identity-hash.ts';
import { createTestIdentities } from '../../src/identity/test-identities.ts';
import { lowerType, vectorGroup, vectorsMissing } from '../operator-vectors.ts';
import { SALT_FIXTURE } from '../salt-fixture.ts';

const BEHAVIOURS: Readonly<Record<string, string | undefined>> = {
  'optout@example.com': 'optout',
  '+00000000000': 'optout',
  'refresh-optout@example.com': 'refresh-optout',
  '+00000000002': 'refresh-optout',
  'validate@example.com': 'validate',
  '+12345678901': 'validate',
  'optout@unifiedid.com': undefined,
  '+00000000001': undefined,
};

describe('createTestIdentities', () => {
  const identities = createTestIdentities(SALT_FIXTURE.firstLevelSalt, 'uid2');

  describe.skipIf(vectorsMissing)('known answers', () => {
    it.each(
      vectorGroup<{
        identity: string;
        identity_type: 'Email' | 'Phone';
        identity_hash_b64: string;
        first_level_hash_b64_embedded_salt: string;
      }>('test_identities'),
    )('classifies $identity', (vector) => {
      const type = lowerType(vector.identity_type);
      const hashed = hashDii(`${type}_hash`, vector.identity_hash_b64);
      const flh = firstLevelHash(hashed?.hash ?? new Uint8Array(), SALT_FIXTURE.firstLevelSalt);
      expect(toBase64(flh)).toBe(vector.first_level_hash_b64_embedded_salt);
      expect(Object.hasOwn(BEHAVIOURS, vector.identity)).toBe(true);
      expect(identities.classify(flh, type)).toBe(BEHAVIOURS[vector.identity]);
      expect(identities.classify(flh, type === 'email' ? 'phone' : 'email')).toBeUndefined();
    });
  });

  it('knows nobody under another first-level salt', () => {
    const flh = firstLevelHash(identityHash('optout@example.com'), 'another salt');
    expect(identities.classify(flh, 'email')).toBeUndefined();
    expect(createTestIdentities('another salt', 'uid2').classify(flh, 'email')).toBe('optout');
  });
});
