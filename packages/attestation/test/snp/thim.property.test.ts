import { damagedJson, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatThimCertificates, parseThimCertificates, thimTcb } from '../../src/snp/thim.ts';

const hex = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.boolean())
  .map(([value, upper]) => value.toString(16).padStart(16, '0')[upper ? 'toUpperCase' : 'toLowerCase']());
const certificates = fc.record({
  vcekCert: fc.string(),
  tcbm: hex,
  certificateChain: fc.string(),
  cacheControl: fc.string(),
});

describe('parseThimCertificates', () => {
  it('reads what formatThimCertificates writes', () => {
    fc.assert(
      fc.property(certificates, (value) => {
        const read = parseThimCertificates(formatThimCertificates(value));
        expect(read).toEqual(value);
        expect(thimTcb(read)).toBeLessThan(2n ** 64n);
      }),
    );
  });

  it('refuses damaged JSON with its own code, or answers four texts', () => {
    const valid = { vcekCert: 'PEM\n', tcbm: 'DB18000000000004', certificateChain: 'PEM\n', cacheControl: '86400' };
    fc.assert(
      fc.property(damagedJson(valid), (text) => {
        const read = refusedOnlyWith(['SNP_THIM_INVALID'], () => parseThimCertificates(text));
        if (read !== undefined) expect(Object.values(read).every((value) => typeof value === 'string')).toBe(true);
      }),
    );
  });

  it('refuses bytes that are no UTF-8 JSON', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refusedOnlyWith(['SNP_THIM_INVALID'], () => parseThimCertificates(bytes))).toBeUndefined();
      }),
    );
  });
});
