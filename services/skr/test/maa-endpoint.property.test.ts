import { isIP } from 'node:net';

import { damagedText, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { maaOrigin } from '../src/maa-endpoint.ts';

const CODE = 'SKR_ENDPOINT_REFUSED';
const HOST = 'maa.example.com:8443';
/** Spellings of addresses that URL parsers accept, among others. */
const endpoint = fc.oneof(
  damagedText(`https://${HOST}`),
  damagedText('127.0.0.1'),
  damagedText('0x7f.0x1'),
  damagedText('[::ffff:127.0.0.1]:80'),
  fc.webUrl(),
  fc.domain(),
  fc.nat({ max: 0xffffffff }).map(String),
);

describe('maaOrigin', () => {
  it('answers an https origin without user, path or address, or refuses', () => {
    const rules = { allowedHosts: undefined, allowAddresses: false };
    fc.assert(
      fc.property(endpoint, (text) => {
        const origin = refusedOnlyWith([CODE], () => maaOrigin(text, rules));
        if (origin === undefined) return;
        const url = new URL(origin);
        expect(`https://${url.host}`).toBe(origin);
        expect([url.username, url.password, url.pathname, url.search, url.hash]).toEqual(['', '', '/', '', '']);
        expect(isIP(url.hostname)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('answers nothing but the one allowed host', () => {
    const rules = { allowedHosts: [HOST], allowAddresses: true };
    fc.assert(
      fc.property(endpoint, (text) => {
        expect([undefined, `https://${HOST}`]).toContain(refusedOnlyWith([CODE], () => maaOrigin(text, rules)));
      }),
      { numRuns: 500 },
    );
  });
});
