import { constants, generateKeyPairSync, publicEncrypt } from 'node:crypto';

import { damagedJson, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseAttestAnswer } from '../src/attest-answer.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const sealed = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, Buffer.from('token'));
const VALID = {
  status: 'success',
  body: {
    attestation_token: sealed.toString('base64'),
    expiresAt: '2026-05-01T12:00:00.123456Z',
    attestation_jwt_core: 'a.b.c',
    attestation_jwt_optout: 'd.e.f',
    optout_url: 'https://optout.example.com',
  },
};
const read = (text: string) => parseAttestAnswer(Buffer.from(text), privateKey);

describe('parseAttestAnswer', () => {
  it('reads a whole answer', () => {
    const answer = read(JSON.stringify(VALID));
    expect(answer.token.reveal()).toBe('token');
    expect(answer.expiresAtMs).toBe(Date.UTC(2026, 4, 1, 12, 0, 0, 123));
    expect(answer.optOutUrl).toBe('https://optout.example.com');
  });

  it('refuses a damaged answer with its own code, or yields what fits into headers', () => {
    fc.assert(
      fc.property(damagedJson(VALID), (text) => {
        const answer = refusedOnlyWith(['CORE_ANSWER_INVALID'], () => read(text));
        if (answer === undefined) return;
        expect(Number.isSafeInteger(answer.expiresAtMs)).toBe(true);
        for (const secret of [answer.token, answer.coreJwt, answer.optOutJwt]) {
          if (secret !== undefined) expect(secret.reveal()).toMatch(/^[\x21-\x7E]+$/);
        }
      }),
    );
  });

  it('refuses bytes that are no text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(refusedOnlyWith(['CORE_ANSWER_INVALID'], () => parseAttestAnswer(bytes, privateKey))).toBeUndefined();
      }),
    );
  });
});
