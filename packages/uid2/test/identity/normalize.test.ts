import { toBase64 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hashDii } from '../../src/identity/identity-hash.ts';
import { normalizeEmail } from '../../src/identity/normalize-email.ts';
import { normalizePhone } from '../../src/identity/normalize-phone.ts';
import { vectorGroup, vectorsMissing } from '../operator-vectors.ts';

interface EmailVector {
  input: string;
  valid: boolean;
  normalized?: string;
  sha256_b64?: string;
}

interface PhoneVector {
  input: string | null;
  valid: boolean;
  sha256_b64?: string;
}

describe('normalizeEmail', () => {
  describe.skipIf(vectorsMissing)('known answers', () => {
    it.each(vectorGroup<EmailVector>('email_normalization'))('normalises "$input"', (vector) => {
      expect(normalizeEmail(vector.input)).toBe(vector.normalized);
      expect(vector.valid).toBe(vector.normalized !== undefined);
      const hashed = hashDii('email', vector.input);
      expect(hashed && toBase64(hashed.hash)).toBe(vector.sha256_b64);
    });
  });

  it.each([
    ['a b@c.com', 'ab@c.com'],
    ['x@ two words ', 'x@ two words'],
    ['\tx@c.com', '\tx@c.com'],
    ['ÄB@C.COM', 'Äb@c.com'],
    ['İ@c.com', 'İ@c.com'],
    ['a.b+c@GMAIL.com', 'ab@gmail.com'],
    ['a.b@ gmail.com', 'a.b@ gmail.com'],
    ['+a@gmail.com', undefined],
    ['...@gmail.com', undefined],
    ['a@b@c', undefined],
    ['a@  ', undefined],
    ['  @c', undefined],
    ['nothing', undefined],
  ])('turns "%s" into "%s"', (input, normalized) => {
    expect(normalizeEmail(input)).toBe(normalized);
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (local, domain) => {
        const once = normalizeEmail(`${local}@${domain}`);
        if (once !== undefined) expect(normalizeEmail(once)).toBe(once);
      }),
    );
  });
});

describe('normalizePhone', () => {
  describe.skipIf(vectorsMissing)('known answers', () => {
    it.each(vectorGroup<PhoneVector>('phone_normalization'))('decides on $input', (vector) => {
      // A null never reaches the function; the routes answer it.
      const input = vector.input ?? '';
      expect(normalizePhone(input)).toBe(vector.valid ? input : undefined);
      const hashed = hashDii('phone', input);
      expect(hashed && toBase64(hashed.hash)).toBe(vector.sha256_b64);
    });
  });

  it.each(['+1234567890\n', '+１２３４５６７８９０', ' +1234567890', '+123456789', '+1234567890123456'])(
    'refuses "%s"',
    (input) => {
      expect(normalizePhone(input)).toBeUndefined();
    },
  );
});
