import { generateKeyPairSync } from 'node:crypto';

import { damagedBytes, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeCoseSign1, signCoseSign1, verifyCoseSign1 } from '../../src/cose/sign1.ts';

const CODE = 'TEST_MALFORMED';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
const payload = new Uint8Array(40).fill(7);
const signed = signCoseSign1({
  algorithm: 'ES384',
  protectedHeader: new Map<number | string, string>([[3, 'application/json']]),
  payload,
  signingKey: privateKey,
});

describe('decodeCoseSign1', () => {
  it('reads what signCoseSign1 writes, and its signature holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (content) => {
        const bytes = signCoseSign1({
          algorithm: 'ES384',
          protectedHeader: new Map(),
          payload: content,
          signingKey: privateKey,
        });
        const envelope = decodeCoseSign1(bytes, CODE);
        expect(envelope.payload).toEqual(content);
        expect(verifyCoseSign1(envelope, 'ES384', publicKey)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('refuses damaged bytes as malformed, or reads an envelope whose signature fails', () => {
    fc.assert(
      fc.property(damagedBytes(signed), (bytes) => {
        const envelope = refusedOnlyWith([CODE], () => decodeCoseSign1(bytes, CODE));
        if (envelope === undefined) return;
        const unchanged =
          Buffer.compare(envelope.payload, payload) === 0 && verifyCoseSign1(envelope, 'ES384', publicKey);
        // Only the outermost tag is outside what the signature covers.
        if (unchanged) expect(Buffer.from(bytes).equals(signed) || bytes.length < signed.length).toBe(true);
        expect(verifyCoseSign1(envelope, 'ES384', publicKey)).toBe(unchanged);
      }),
      { numRuns: 300 },
    );
  });
});
