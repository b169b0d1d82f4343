import { toBase64, toHex, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { sha256 } from '../../src/encoding/sha256.ts';
import {
  firstLevelHash,
  hashDii,
  identityHash,
  parseIdentityHash,
  replaceUnpairedSurrogates,
} from '../../src/identity/identity-hash.ts';
import { lowerType, vectorGroup, vectorsMissing } from '../operator-vectors.ts';

describe.skipIf(vectorsMissing)('known answers', () => {
  it.each(vectorGroup<{ normalized: string; sha256_hex: string; sha256_b64: string }>('hash_examples'))(
    'identityHash of $normalized',
    (vector) => {
      const hash = identityHash(vector.normalized);
      expect(toHex(hash)).toBe(vector.sha256_hex);
      expect(toBase64(hash)).toBe(vector.sha256_b64);
    },
  );

  it.each(
    vectorGroup<{ input: string; valid: boolean; normalized_b64?: string; decoded_length?: number }>(
      'identity_hash_inputs',
    ),
  )('parseIdentityHash of "$input"', (vector) => {
    const hash = parseIdentityHash(vector.input);
    expect(hash !== undefined).toBe(vector.valid);
    // Trailing bits and padding are not kept, so the comparison is between bytes.
    const expected = vector.normalized_b64 && toHex(parseIdentityHash(vector.normalized_b64) ?? new Uint8Array());
    expect(hash && toHex(hash)).toBe(expected);
    if (vector.decoded_length !== undefined) expect(hash).toHaveLength(vector.decoded_length);
    for (const kind of ['email_hash', 'phone_hash'] as const) {
      expect(hashDii(kind, vector.input)?.hash).toEqual(hash);
    }
  });

  it.each(
    vectorGroup<{
      identity: string;
      identity_type: 'Email' | 'Phone';
      identity_hash_b64: string;
      first_level_salt: string;
      first_level_hash_b64: string;
      first_level_hash_hex: string;
    }>('first_level_hash'),
  )('firstLevelHash of $identity under $first_level_salt', (vector) => {
    const hashed = hashDii(lowerType(vector.identity_type), vector.identity);
    expect(hashed?.type).toBe(lowerType(vector.identity_type));
    const hash = hashed?.hash ?? new Uint8Array();
    expect(toBase64(hash)).toBe(vector.identity_hash_b64);
    const flh = firstLevelHash(hash, vector.first_level_salt);
    expect(toBase64(flh)).toBe(vector.first_level_hash_b64);
    expect(toHex(flh)).toBe(vector.first_level_hash_hex);
  });
});

describe('identityHash', () => {
  it('hashes unpaired surrogates as question marks and leaves pairs alone', () => {
    expect(replaceUnpairedSurrogates('a\ud800b\udc00c\ud83d\ude00')).toBe('a?b?c\ud83d\ude00');
    expect(identityHash('x\ud800@y')).toEqual(sha256(toUtf8('x?@y')));
    expect(hashDii('email', '\udfff@y')).toEqual(hashDii('email', '?@y'));
  });

  it('leaves well-formed text as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(replaceUnpairedSurrogates(text)).toBe(text);
      }),
    );
  });
});

describe('hashDii', () => {
  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('email', 'email_hash', 'phone', 'phone_hash'),
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.uint8Array({ maxLength: 64 }).map((b) => String.fromCharCode(...b)),
        ),
        (kind, text) => {
          const hashed = hashDii(kind, text);
          expect(hashed === undefined || hashed.hash.length >= 31).toBe(true);
        },
      ),
    );
  });

  it('gives raw and hashed input the same identity', () => {
    const raw = hashDii('email', 'User@Example.com');
    expect(hashDii('email_hash', toBase64(raw?.hash ?? new Uint8Array()))).toEqual(raw);
    expect(hashDii('email_hash', toHex(raw?.hash ?? new Uint8Array()).toUpperCase())).toEqual(raw);
  });
});
