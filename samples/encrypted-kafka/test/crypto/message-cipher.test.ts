import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  decryptMessage,
  encryptMessage,
  longestMessageBytes,
  parsePublicKey,
} from '../../src/crypto/message-cipher.ts';
import { otherPublicKey, pair, privateJwk, publicPem } from '../keys.ts';

describe('encryptMessage', () => {
  it('is standard Base64 of RSA-OAEP with SHA-256 and no label, as another implementation decrypts it', () => {
    const base64 = encryptMessage('Msg 1: Azure Confidential Computing', pair.publicKey);
    expect(base64).toMatch(/^[A-Za-z0-9+/]{342}==$/);
    const oaep = { key: pair.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    expect(privateDecrypt(oaep, Buffer.from(base64, 'base64')).toString()).toBe('Msg 1: Azure Confidential Computing');
  });

  it('and decryptMessage are each other’s inverse for every text that fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 47 }), (text) => {
        fc.pre(text.isWellFormed());
        expect(decryptMessage(encryptMessage(text, pair.publicKey), pair.privateKey)).toBe(text);
      }),
      { numRuns: 30 },
    );
  });

  it('takes exactly as much as one block holds: 318 bytes for 3072 bits', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    expect(longestMessageBytes(publicKey)).toBe(318);
    expect(encryptMessage('x'.repeat(318), publicKey)).toHaveLength(512);
    expect(() => encryptMessage('x'.repeat(319), publicKey)).toThrow(
      expect.objectContaining({ code: 'SAMPLE_MESSAGE_TOO_LONG', message: 'MSG: 319 bytes, and the key holds 318' }),
    );
  });
});

describe('decryptMessage', () => {
  it('refuses everything that is not for this key in the same words', () => {
    const good = encryptMessage('hello', pair.publicKey);
    const flipped = good.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
    for (const text of ['', 'plain text', good.slice(4), flipped, encryptMessage('hello', otherPublicKey)]) {
      expect(() => decryptMessage(text, pair.privateKey)).toThrow(
        expect.objectContaining({
          code: 'SAMPLE_MESSAGE_UNREADABLE',
          message: 'the message was not encrypted for this key',
        }),
      );
    }
  });
});

describe('parsePublicKey', () => {
  it('reads PEM, also with its line breaks written as two characters', () => {
    expect(parsePublicKey(publicPem, 'PUBKEY').equals(pair.publicKey)).toBe(true);
    expect(parsePublicKey(publicPem.replaceAll('\n', String.raw`\n`), 'PUBKEY').equals(pair.publicKey)).toBe(true);
  });

  it.each([
    ['nonsense', 'junk', 'does not begin with BEGIN PUBLIC KEY'],
    ['a cut key', publicPem.slice(0, 100), 'it cannot be read'],
    [
      'an elliptic curve key',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      'type ec',
    ],
    [
      'a short key',
      generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      '1024 bits',
    ],
    ['a private key', pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'private key'],
  ])('refuses %s and names where it is from', (_what, pem, words) => {
    const error = (() => {
      try {
        return parsePublicKey(pem, 'PUBKEY');
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({
      code: 'SAMPLE_PUBLIC_KEY_INVALID',
      message: expect.stringMatching(`^PUBKEY: .*${words}`),
    });
    expect(JSON.stringify(error)).not.toContain(privateJwk.d);
  });
});
