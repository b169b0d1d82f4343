import { toBase64, toHex, toUtf8 } from '@holdfast/base';
import { damagedJson, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import { runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  buildInitdata,
  initdataReferenceValue,
  measureInitdata,
  parseReferenceValues,
  PLACEHOLDER_INITDATA,
} from '../src/index.ts';

const expires = Date.UTC(2027, 0, 1, 12, 30, 15, 999);
const older = buildInitdata({ data: new Map([['aa.toml', 'x = 1\n']]) });
const newer = buildInitdata({ algorithm: 'sha384', data: new Map([['aa.toml', 'x = 2\n']]) });

describe('initdataReferenceValue', () => {
  it('lists PCR 8 of the old and the new document on Azure', () => {
    const value = initdataReferenceValue([older, newer, older], { platform: 'azure-snp', expires });
    expect(value).toEqual({
      name: 'snp_pcr08',
      expiration: '2027-01-01T12:30:15Z',
      value: [toHex(measureInitdata(older).pcr8), toHex(measureInitdata(newer).pcr8)],
    });
  });

  it.each([
    ['azure-tdx', 'tdx_pcr08', toHex(measureInitdata(newer).pcr8)],
    ['snp', 'snp_init_data', toHex(measureInitdata(newer).hostData)],
    ['tdx', 'tdx_init_data', toHex(measureInitdata(newer).mrConfigId)],
  ] as const)('gives the register of %s', (platform, name, value) => {
    expect(initdataReferenceValue([newer], { platform, expires })).toMatchObject({ name, value: [value] });
  });

  it('refuses the placeholder unless told otherwise', () => {
    const refused = expect.objectContaining({ code: 'INITDATA_REFERENCE_INVALID' });
    const options = { platform: 'azure-snp', expires } as const;
    expect(() => initdataReferenceValue([PLACEHOLDER_INITDATA], options)).toThrow(refused);
    expect(initdataReferenceValue([PLACEHOLDER_INITDATA], { ...options, allowPlaceholder: true }).value).toHaveLength(
      1,
    );
    expect(() => initdataReferenceValue([], options)).toThrow(refused);
    expect(() => initdataReferenceValue([older], { ...options, expires: Number.NaN })).toThrow(refused);
  });
});

describe('parseReferenceValues', () => {
  const expected = [{ name: 'pcr08', expiration: '2027-01-01T00:00:00Z', value: ['0aff'] }];
  const current = expected;
  const earlier = [
    { name: 'pcr08', expiration: '2027-01-01T00:00:00Z', 'hash-value': [{ alg: 'sha256', value: '0AFF' }] },
  ];
  const map = { pcr08: toBase64(toUtf8(JSON.stringify(current[0]))) };

  it.each([
    ['the list of today', current],
    ['the older list', earlier],
    ['the map', map],
  ])('reads %s', (_, shape) => {
    expect(parseReferenceValues(JSON.stringify(shape))).toEqual(expected);
  });

  it('refuses damaged values with its own error only', () => {
    const damaged = fc.constantFrom<unknown>(current, earlier, map).chain(damagedJson);
    fc.assert(
      fc.property(damaged, (text) => {
        refusedOnlyWith(['INITDATA_REFERENCE_MALFORMED'], () => parseReferenceValues(text));
      }),
      { numRuns: runsOf(100, 500) },
    );
  });
});
