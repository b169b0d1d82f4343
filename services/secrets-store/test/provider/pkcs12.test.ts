import { createPrivateKey, X509Certificate } from 'node:crypto';

import { readPkcs12 } from '@holdfast/attestation';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { orderChain } from '../../src/provider/pem.ts';
import { pkcs12Of } from './pkcs12-file.ts';

const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

describe('readPkcs12', () => {
  it.each([
    ['AES-256 and SHA-256, as OpenSSL 3 writes', []],
    [
      'triple DES and SHA-1, as older programs write',
      ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
    ],
    ['AES-128', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC']],
    ['nothing encrypted', ['-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac']],
  ])('reads key and certificate of a file with %s', async (_, options) => {
    const { keys, certificates } = readPkcs12(
      Buffer.from(await pkcs12Of({ certificates: 1, key: EC, options }), 'base64'),
    );
    expect([keys.length, certificates.length]).toEqual([1, 1]);
    const key = createPrivateKey({ key: Buffer.from(keys[0] ?? []), format: 'der', type: 'pkcs8' });
    expect(new X509Certificate(certificates[0] ?? '').checkPrivateKey(key)).toBe(true);
  });

  it('refuses a file with a cipher it does not know, and anything that is cut off or changed, with an error', async () => {
    const whole = Buffer.from(await pkcs12Of({ certificates: 1, key: EC, options: ['-nomac'] }), 'base64');
    for (let length = 0; length < whole.length; length++)
      expect(() => readPkcs12(whole.subarray(0, length))).toThrow(Error);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => readPkcs12(bytes)).toThrow(Error);
      }),
      { numRuns: 200 },
    );
  });
});

describe('orderChain', () => {
  it('goes from the leaf to the root, whatever the order in the file', async () => {
    const { certificates } = readPkcs12(Buffer.from(await pkcs12Of({ certificates: 3, key: EC }), 'base64'));
    for (const given of [certificates, certificates.toReversed()]) {
      const ordered = orderChain(given);
      expect(ordered.complete).toBe(true);
      expect(ordered.certificates.map((der) => new X509Certificate(der).subject)).toEqual([
        'CN=leaf',
        'CN=middle',
        'CN=root',
      ]);
    }
  });

  it('leaves an incomplete chain in its order, and finds no leaf where there is nothing', async () => {
    const { certificates } = readPkcs12(Buffer.from(await pkcs12Of({ certificates: 3, key: EC }), 'base64'));
    const isMiddle = (der: Uint8Array) => new X509Certificate(der).subject === 'CN=middle';
    const gap = certificates.filter((der) => !isMiddle(der)).toReversed();
    expect(orderChain(gap)).toEqual({ certificates: gap, complete: false });
    expect(() => orderChain([])).toThrow('no leaf found');
  });
});
