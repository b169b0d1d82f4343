import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  addressText,
  cidrOf,
  contains,
  overlaps,
  parseCidr,
  suggestServiceCidr,
  usableAddresses,
} from '../../src/network/cidr.ts';
import type { Cidr } from '../../src/network/cidr.ts';
import { configOf } from '../configs.ts';
import { runDoctor } from '../../src/index.ts';

function make(base: number, length: number): Cidr {
  const size = 2 ** (32 - length);
  const text = `${addressText(Math.floor(base / size) * size)}/${length}`;
  const cidr = cidrOf(text);
  if (cidr === undefined) throw new Error(text);
  return cidr;
}

const anyCidr = fc
  .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }))
  .map(([base, length]) => make(base, length));

/** Ranges as numbers from first to last, without any bit operation. */
const bounds = (cidr: Cidr): readonly [number, number] => [cidr.base, cidr.base + 2 ** (32 - cidr.length) - 1];

describe('acceptance 13: address ranges', () => {
  it('contain and overlap as sets of numbers do', () => {
    fc.assert(
      fc.property(anyCidr, anyCidr, (a, b) => {
        const [[a0, a1], [b0, b1]] = [bounds(a), bounds(b)];
        expect(contains(a, b)).toBe(a0 <= b0 && b1 <= a1);
        expect(overlaps(a, b)).toBe(a0 <= b1 && b0 <= a1);
      }),
      { numRuns: 500 },
    );
  });

  it('cover everything with /0 and one address with /32', () => {
    const [all, one] = [make(0, 0), make(0xffffffff, 32)];
    expect(contains(all, one)).toBe(true);
    expect(contains(one, all)).toBe(false);
    expect(one.text).toBe('255.255.255.255/32');
  });

  it.each([
    '10.0.0.0',
    '10.0.0/8',
    '010.0.0.0/8',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.256/32',
    '0x0a.0.0.0/8',
    '10.0.0.0/8 ',
    '::/0',
  ])('refuses %s', (text) => {
    expect(parseCidr(text)).toHaveProperty('reason');
  });

  it('suggests the range without host bits', () => {
    expect(parseCidr('10.1.2.3/16')).toEqual({ reason: 'has host bits that are not zero', suggestion: '10.1.0.0/16' });
  });

  it('count the five addresses that Azure keeps', () => {
    expect(usableAddresses(make(0, 24))).toBe(251);
    expect(usableAddresses(make(0, 32))).toBe(0);
  });

  it('find a free range for Services away from reserved ones', () => {
    expect(suggestServiceCidr([])).toBe('172.16.0.0/16');
    const blocked = Array.from({ length: 14 }, (_, index) => `172.${16 + index}.0.0/16`).map((text) =>
      make(cidrOf(text)?.base ?? 0, 16),
    );
    expect(suggestServiceCidr(blocked)).toBe('192.168.0.0/16');
    expect(suggestServiceCidr([make(0, 0)])).toBeUndefined();
  });
});

it('acceptance 13: of the network checks, the defaults of the guide fail exactly one, as a warning', () => {
  const failed = runDoctor(configOf('uid2-vn2')).filter(
    ({ check, verdict }) => /^NW-0[1-8]$/.test(check.id) && verdict === 'failed',
  );
  expect(failed.map(({ check, severity }) => [check.id, severity])).toEqual([['NW-06', 'warning']]);
});
