import { PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isConsentSufficient, parseTcfConsent } from '../../src/consent/tcf-consent.ts';
import { thrownBy, vectorGroup, vectorsMissing } from '../operator-vectors.ts';

interface TcfVector {
  readonly tcf_consent_string: string;
  readonly vendor_id: number;
  readonly result: 'sufficient' | 'insufficient' | 'invalid';
  readonly decoded?: {
    readonly version: number;
    readonly purposesConsent: readonly number[];
    readonly purposesLI: readonly number[];
  };
}

const SUFFICIENT = 'CPehNtWPehNtWABAMBFRACBoALAAAEJAAIYgAKwAQAKgArABAAqAAA';
const VENDOR = 21;

/** Writes fields of given widths, most significant bit first, as URL-safe Base64. */
function encode(fields: readonly (readonly [value: number, bits: number])[]): string {
  const bits = fields.map(([value, width]) => value.toString(2).padStart(width, '0')).join('');
  const bytes = bits.match(/.{1,8}/g)?.map((octet) => Number.parseInt(octet.padEnd(8, '0'), 2)) ?? [];
  return Buffer.from(bytes).toString('base64url');
}

/** Version, then nothing of interest up to the purposes. */
const head = (version: number, purposesAt: number): readonly (readonly [number, number])[] => [
  [version, 6],
  ...Array.from({ length: purposesAt - 6 }, () => [0, 1] as const),
];

const ALL_PURPOSES = 2 ** 24 - 1;
const EMPTY_VENDORS: readonly (readonly [number, number])[] = [
  [0, 16],
  [0, 1],
];

function version2(vendors: readonly (readonly [number, number])[], rest: readonly (readonly [number, number])[] = []) {
  return encode([
    ...head(2, 152),
    [ALL_PURPOSES, 24],
    [0, 24],
    [0, 13],
    ...vendors,
    ...EMPTY_VENDORS,
    [0, 12],
    ...rest,
  ]);
}

describe.skipIf(vectorsMissing)('TCF consent on known answers', () => {
  it.for([...vectorGroup<TcfVector>('tcf').entries()])('consent of case %i is judged as known', ([, vector]) => {
    const { tcf_consent_string: text, vendor_id: vendor, result, decoded } = vector;
    if (result === 'invalid') {
      expect(thrownBy(() => parseTcfConsent(text))).toMatchObject({ code: 'TCF_STRING_INVALID' });
      return;
    }
    const consent = parseTcfConsent(text);
    expect(isConsentSufficient(consent, vendor)).toBe(result === 'sufficient');
    if (decoded === undefined) return;
    expect(consent.version).toBe(decoded.version);
    expect([...consent.purposeConsents]).toEqual(decoded.purposesConsent);
    expect([...(consent.purposeLegitimateInterests ?? [])]).toEqual(decoded.purposesLI);
  });
});

describe('parseTcfConsent', () => {
  it('finds vendors in ranges as in bit fields', () => {
    const bitField = parseTcfConsent(
      version2([
        [24, 16],
        [0, 1],
        [2 ** 3, 24],
      ]),
    );
    const ranges = parseTcfConsent(
      version2([
        [40, 16],
        [1, 1],
        [2, 12],
        [0, 1],
        [7, 16],
        [1, 1],
        [20, 16],
        [22, 16],
      ]),
    );
    expect([20, 21, 22].map(bitField.hasVendorConsent)).toEqual([false, true, false]);
    expect([6, 7, 8, 19, 20, 21, 22, 23].map(ranges.hasVendorConsent)).toEqual([
      false,
      true,
      false,
      false,
      true,
      true,
      true,
      false,
    ]);
    expect([isConsentSufficient(bitField, VENDOR), isConsentSufficient(ranges, VENDOR)]).toEqual([true, true]);
    expect(isConsentSufficient(ranges, 40)).toBe(false);
  });

  it.for([
    ['backwards', 9, 8],
    ['beyond the highest vendor', 8, 11],
  ] as const)('refuses ranges that go %s', ([, first, last]) => {
    const text = version2([
      [10, 16],
      [1, 1],
      [1, 12],
      [1, 1],
      [first, 16],
      [last, 16],
    ]);
    expect(thrownBy(() => parseTcfConsent(text))).toMatchObject({ code: 'TCF_STRING_INVALID' });
  });

  it('refuses a core segment that is cut short anywhere', () => {
    const whole = Buffer.from(version2(EMPTY_VENDORS), 'base64url');
    for (let length = 0; length < whole.length; length += 1) {
      const text = whole.subarray(0, length).toString('base64url');
      expect(thrownBy(() => parseTcfConsent(text))).toMatchObject({ code: 'TCF_STRING_INVALID' });
    }
    expect(parseTcfConsent(whole.toString('base64url')).version).toBe(2);
  });

  it('refuses restrictions that end early, though they do not count', () => {
    const vendors = [...EMPTY_VENDORS, ...EMPTY_VENDORS];
    const text = encode([...head(2, 152), [0, 24], [0, 24], [0, 13], ...vendors, [9, 12]]);
    expect(thrownBy(() => parseTcfConsent(text))).toMatchObject({ code: 'TCF_STRING_INVALID' });
  });

  it('takes other segments that are Base64, and no others', () => {
    expect(isConsentSufficient(parseTcfConsent(`${SUFFICIENT}.YAAA`), VENDOR)).toBe(true);
    for (const text of [`${SUFFICIENT}.a+b/`, `${SUFFICIENT}.A`, ` ${SUFFICIENT}`, `${SUFFICIENT}=`]) {
      expect(thrownBy(() => parseTcfConsent(text))).toMatchObject({ code: 'TCF_STRING_INVALID' });
    }
  });

  it('refuses versions other than 1 and 2', () => {
    for (const version of [0, 3, 63]) {
      const text = encode([[version, 6], ...Array.from({ length: 400 }, () => [0, 1] as const)]);
      expect(thrownBy(() => parseTcfConsent(text))).toMatchObject({ code: 'TCF_STRING_INVALID' });
    }
  });

  it('reads version 1, which cannot say whether consent suffices', () => {
    const consent = parseTcfConsent(
      encode([...head(1, 132), [ALL_PURPOSES, 24], [30, 16], [1, 1], [1, 1], [1, 12], [0, 1], [22, 16]]),
    );
    expect([21, 22, 30, 31].map(consent.hasVendorConsent)).toEqual([true, false, true, false]);
    expect(thrownBy(() => isConsentSufficient(consent, VENDOR))).toMatchObject({ code: 'TCF_VERSION_UNSUPPORTED' });
    const cut = encode([...head(1, 132), [0, 24], [30, 16], [0, 1]]);
    expect(thrownBy(() => parseTcfConsent(cut))).toMatchObject({ code: 'TCF_STRING_INVALID' });
  });

  it('only our errors escape from arbitrary and damaged strings', () => {
    const core = Buffer.from(SUFFICIENT, 'base64url');
    const damaged = fc.nat(core.length * 8 - 1).map((bit) => {
      const bytes = Buffer.from(core);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return bytes.toString('base64url');
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), damaged), (text) => {
        try {
          isConsentSufficient(parseTcfConsent(text), VENDOR);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });
});
