import { damagedText, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseIpAddress } from '../../src/x509/ip-address.ts';
import { readPem, writePem } from '../../src/x509/pem.ts';

const LABEL = 'CERTIFICATE';

function pemOf(contents: readonly Uint8Array[], lineEnd: string): string {
  return contents.map((content) => writePem(LABEL, content).replaceAll('\n', lineEnd)).join('');
}

describe('readPem', () => {
  const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 4 });

  it('reads the blocks that were written, with either line end', () => {
    fc.assert(
      fc.property(contents, fc.constantFrom('\n', '\r\n'), (blocks, lineEnd) => {
        expect(readPem(pemOf(blocks, lineEnd), LABEL)).toEqual(blocks);
      }),
    );
  });

  it('refuses damaged text as malformed', () => {
    const valid = pemOf([new Uint8Array(100).fill(1), new Uint8Array(3)], '\n');
    fc.assert(
      fc.property(damagedText(valid), (text) => {
        refusedOnlyWith(['X509_PEM_MALFORMED'], () => readPem(text, LABEL));
      }),
    );
  });
});

describe('parseIpAddress', () => {
  /** Without an embedded IPv4 address, which the reader does not take. */
  const ipV6 = fc.ipV6().filter((text) => !text.includes('.'));

  it('reads the four bytes of every IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect([...parseIpAddress(text)]).toEqual(text.split('.').map(Number));
      }),
    );
  });

  it('answers sixteen bytes for every IPv6 address, as the URL parser reads it', () => {
    fc.assert(
      fc.property(ipV6, (text) => {
        const bytes = parseIpAddress(text);
        const groups = Array.from({ length: 8 }, (_, group) =>
          (((bytes[group * 2] ?? 0) << 8) | (bytes[group * 2 + 1] ?? 0)).toString(16),
        );
        expect(bytes).toHaveLength(16);
        expect(new URL(`http://[${groups.join(':')}]`).hostname).toBe(new URL(`http://[${text}]`).hostname);
      }),
    );
  });

  it('refuses everything else with its code', () => {
    fc.assert(
      fc.property(fc.oneof(damagedText('192.168.17.254'), damagedText('2001:db8::a:1.2.3.4')), (text) => {
        const bytes = refusedOnlyWith(['X509_IP_ADDRESS_INVALID'], () => parseIpAddress(text));
        if (bytes !== undefined) expect([4, 16]).toContain(bytes.length);
      }),
    );
  });
});
