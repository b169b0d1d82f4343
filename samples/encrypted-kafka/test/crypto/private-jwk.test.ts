import { describe, expect, it } from 'vitest';

import { decryptMessage, encryptMessage } from '../../src/crypto/message-cipher.ts';
import { parsePrivateJwk } from '../../src/crypto/private-jwk.ts';
import { otherPublicKey, pair, privateJwk } from '../keys.ts';

const without = (...names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(privateJwk).filter(([name]) => !names.includes(name)));

describe('parsePrivateJwk', () => {
  it('reads what the sidecar answers', () => {
    const key = parsePrivateJwk(JSON.stringify({ ...privateJwk, key_ops: ['decrypt'] }), pair.publicKey);
    expect(decryptMessage(encryptMessage('hello', pair.publicKey), key)).toBe('hello');
  });

  it('computes the numbers that may be left out', () => {
    const key = parsePrivateJwk(JSON.stringify(without('dp', 'dq', 'qi')));
    expect(key.export({ format: 'jwk' })).toEqual(privateJwk);
  });

  it.each([
    ['an empty text', ''],
    ['another kind of key', JSON.stringify({ kty: 'oct', k: 'AA' })],
    ['a public key', JSON.stringify(without('d', 'p', 'q', 'dp', 'dq', 'qi'))],
    ['numbers of two keys', JSON.stringify({ ...privateJwk, n: otherPublicKey.export({ format: 'jwk' }).n })],
    ['a changed exponent', JSON.stringify({ ...without('dp', 'dq', 'qi'), d: privateJwk.n })],
  ])('refuses %s and repeats nothing of it', (_what, text) => {
    const error = (() => {
      try {
        return parsePrivateJwk(text);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({ code: 'SAMPLE_KEY_UNUSABLE' });
    expect((error as Error).cause).toBeUndefined();
    expect(String(error)).not.toContain(privateJwk.d?.slice(0, 20));
  });

  it('refuses a key that does not belong to the configured public key', () => {
    expect(() => parsePrivateJwk(JSON.stringify(privateJwk), otherPublicKey)).toThrow('not the configured PUBKEY');
  });
});
