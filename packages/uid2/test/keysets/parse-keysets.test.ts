import { MalformedError, toBase64 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseKeysetKeys, parseKeysets } from '../../src/keysets/parse-keysets.ts';
import { thrownBy } from '../operator-vectors.ts';

const KEYSET = {
  keyset_id: 5,
  site_id: 6,
  name: 'n',
  allowed_sites: [1, 2],
  created: 7,
  enabled: true,
  default: false,
};
const KEY = { id: 1, keyset_id: 5, created: 2, activates: 3, expires: 4, secret: toBase64(new Uint8Array(32).fill(9)) };

describe('parseKeysets', () => {
  it('reads every field and keeps a null list apart from an empty one', () => {
    const [some, none, empty] = parseKeysets([
      KEYSET,
      { ...KEYSET, allowed_sites: null },
      { ...KEYSET, allowed_sites: [] },
    ]);
    expect(some).toEqual({
      id: 5,
      siteId: 6,
      name: 'n',
      allowedSites: new Set([1, 2]),
      createdSeconds: 7,
      enabled: true,
      isDefault: false,
    });
    expect(none?.allowedSites).toBeUndefined();
    expect(empty?.allowedSites).toEqual(new Set());
  });

  it.each(['keyset_id', 'site_id', 'created', 'enabled', 'default'])('refuses a keyset without %s', (field) => {
    const parse = () => parseKeysets([KEYSET, { ...KEYSET, [field]: undefined }]);
    expect(thrownBy(parse)).toMatchObject({
      code: 'KEYSETS_MALFORMED',
      message: expect.stringContaining(`keysets[1].${field}`),
    });
  });

  it('fails with its own error for arbitrary JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        fc.pre(!Array.isArray(json) || json.length > 0);
        expect(thrownBy(() => parseKeysets(json))).toBeInstanceOf(MalformedError);
        expect(thrownBy(() => parseKeysetKeys(json))).toBeInstanceOf(MalformedError);
      }),
    );
  });
});

describe('parseKeysetKeys', () => {
  it('reads every field and prepares the secret', () => {
    const [key] = parseKeysetKeys([KEY]);
    expect(key).toMatchObject({ id: 1, keysetId: 5, createdSeconds: 2, activatesSeconds: 3, expiresSeconds: 4 });
    expect(key && toBase64(key.secret.export())).toBe(KEY.secret);
  });

  it('refuses a secret that is not Base64 without repeating it', () => {
    const thrown = thrownBy(() => parseKeysetKeys([{ ...KEY, secret: 'hunter2!' }]));
    expect(thrown).toMatchObject({ code: 'KEYSET_KEYS_MALFORMED' });
    expect(String(thrown)).not.toContain('hunter2');
  });
});
