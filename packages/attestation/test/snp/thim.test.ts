import { describe, expect, it } from 'vitest';

import { formatThimCertificates, parseThimCertificates, thimCertificateBundle, thimTcb } from '../../src/index.ts';
import { codeOf } from '../support/chain.ts';

const certificates = { vcekCert: 'a\n', tcbm: 'DB18000000000004', certificateChain: 'b\n', cacheControl: '86400' };

describe('host certificates', () => {
  it('round trip in the member order of the service', () => {
    const json = formatThimCertificates(certificates);
    expect(Object.keys(JSON.parse(json) as object)).toEqual(['vcekCert', 'tcbm', 'certificateChain', 'cacheControl']);
    expect(parseThimCertificates(json)).toEqual(certificates);
  });

  it('read the TCB as a value, in either case of hex', () => {
    expect(thimTcb(certificates)).toBe(0xdb18000000000004n);
    expect(thimTcb({ ...certificates, tcbm: 'db18000000000004' })).toBe(0xdb18000000000004n);
  });

  it('put a newline between leaf and chain when it is missing', () => {
    expect(thimCertificateBundle(certificates)).toBe('a\nb\n');
    expect(thimCertificateBundle({ ...certificates, vcekCert: 'a' })).toBe('a\nb\n');
  });

  it.each([
    ['not JSON', '{'],
    ['an array', '[]'],
    ['a member missing', JSON.stringify({ ...certificates, tcbm: undefined })],
    ['a TCB that is no hex', JSON.stringify({ ...certificates, tcbm: 'DB1800000000000g' })],
    ['a member twice', formatThimCertificates(certificates).replace('{', '{"tcbm":"0",')],
    ['more than 64 KiB', JSON.stringify({ ...certificates, vcekCert: 'x'.repeat(70_000) })],
  ])('are refused when they are %s', (_name, json) => {
    expect(codeOf(() => parseThimCertificates(json))).toBe('SNP_THIM_INVALID');
  });
});
