import { createCipheriv, generateKeyPairSync, randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  isEnvelopeKey,
  openEnvelope,
  parseSealedSecret,
  sealingKeyOf,
  sealVaultSecret,
  verifySealedSecret,
} from '../../src/peer-pod/sealed-secret.ts';
import type { EnvelopeSecret } from '../../src/peer-pod/sealed-secret.ts';

const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const keyId = 'kbs:///default/keys/sealing';
const URI = 'kbs:///default/database/password';
const sealed = sealVaultSecret(URI, { key: signer.privateKey, keyId });
const strict = { skipVerification: false };

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const vault = { version: '0.1.0', type: 'vault', name: URI, provider: 'kbs', provider_settings: {}, annotations: {} };
const unsigned = (payload: unknown): string => `sealed.fakejwsheader.${part(payload)}.fakesignature`;
const withHeader = (header: unknown): string => `sealed.${part(header)}.${part(vault)}.AAAA`;

describe('a sealed secret', () => {
  it('names its key and its resource, and verifies', () => {
    const secret = parseSealedSecret(sealed, strict);
    expect(secret).toMatchObject({ keyId, content: { type: 'vault', name: URI, provider: 'kbs' } });
    expect(() => verifySealedSecret(secret, signer.publicKey)).not.toThrow();
  });

  it('does not verify with another key', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    expect(() => verifySealedSecret(parseSealedSecret(sealed, strict), other)).toThrow(
      expect.objectContaining({ code: 'PEER_POD_SECRET_SIGNATURE_INVALID' }),
    );
  });

  it('does not verify with a key that is not on P-256', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const secret = parseSealedSecret(sealVaultSecret(URI, { key: privateKey, keyId }), strict);
    expect(() => verifySealedSecret(secret, publicKey)).toThrow(
      expect.objectContaining({ code: 'PEER_POD_SECRET_SIGNATURE_INVALID' }),
    );
  });

  it('never verifies with one character changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 'sealed.'.length, max: sealed.length - 1 }), (at) => {
        const character = sealed[at] === 'A' ? 'B' : 'A';
        const changed = sealed.slice(0, at) + character + sealed.slice(at + 1);
        expect(() => verifySealedSecret(parseSealedSecret(changed, strict), signer.publicKey)).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^PEER_POD_SECRET_/) }),
        );
      }),
    );
  });

  it('never verifies when it is cut, at any length', () => {
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => verifySealedSecret(parseSealedSecret(sealed.slice(0, length), strict), signer.publicKey)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^PEER_POD_SECRET_/) }),
      );
    }
  });

  it('needs neither header nor signature when verification is skipped, and four parts all the same', () => {
    expect(parseSealedSecret(unsigned(vault), { skipVerification: true })).toMatchObject({
      keyId: undefined,
      content: { name: URI },
    });
    expect(() => parseSealedSecret(`${unsigned(vault)}.x`, { skipVerification: true })).toThrow(
      expect.objectContaining({ code: 'PEER_POD_SECRET_MALFORMED' }),
    );
  });

  it.each([
    ['another signature algorithm', withHeader({ alg: 'none', kid: keyId }), 'PEER_POD_SECRET_UNSUPPORTED'],
    ['no key', withHeader({ alg: 'ES256' }), 'PEER_POD_SECRET_MALFORMED'],
    ['a header that is dummy text', unsigned(vault), 'PEER_POD_SECRET_MALFORMED'],
  ])('with %s is refused', (_name, text, code) => {
    expect(() => parseSealedSecret(text, strict)).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ['another version', { ...vault, version: '0.2.0' }, 'PEER_POD_SECRET_UNSUPPORTED'],
    ['another type', { ...vault, type: 'box' }, 'PEER_POD_SECRET_UNSUPPORTED'],
    ['no name', { ...vault, name: undefined }, 'PEER_POD_SECRET_MALFORMED'],
    ['annotations that are a text', { ...vault, annotations: 'x' }, 'PEER_POD_SECRET_MALFORMED'],
    ['another wrapping', { ...vault, type: 'envelope', wrap_type: 'A128CTR' }, 'PEER_POD_SECRET_UNSUPPORTED'],
    ['an envelope without a key', { ...vault, type: 'envelope', wrap_type: 'A256GCM' }, 'PEER_POD_SECRET_MALFORMED'],
    ['a payload that is a list', [], 'PEER_POD_SECRET_MALFORMED'],
  ])('with %s is refused', (_name, payload, code) => {
    expect(() => parseSealedSecret(unsigned(payload), { skipVerification: true })).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('lets only its own errors out', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (text, skipVerification) => {
        expect(() => parseSealedSecret(`sealed.${text}`, { skipVerification })).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^PEER_POD_SECRET_/) }),
        );
      }),
    );
  });
});

describe('an envelope', () => {
  const key = randomBytes(32);
  const envelope = seal('shhh', key);

  it('opens with its key', () => {
    expect(Buffer.from(openEnvelope(envelope, key)).toString()).toBe('shhh');
    expect(isEnvelopeKey(key)).toBe(true);
    expect(isEnvelopeKey(key.subarray(1))).toBe(false);
  });

  it('does not open with another key, or with one bit changed', () => {
    const unreadable = expect.objectContaining({ code: 'PEER_POD_SECRET_UNREADABLE' });
    expect(() => openEnvelope(envelope, randomBytes(32))).toThrow(unreadable);
    for (const name of ['encryptedKey', 'encryptedData', 'iv'] as const) {
      const changed = Uint8Array.from(envelope[name], (byte, at) => (at === 0 ? byte ^ 1 : byte));
      expect(() => openEnvelope({ ...envelope, [name]: changed }, key)).toThrow(unreadable);
    }
  });

  it('is read from its payload', () => {
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const payload = {
      version: '0.1.0',
      type: 'envelope',
      provider: 'kbs',
      key_id: 'kbs:///default/keys/wrap',
      encrypted_key: base64(envelope.encryptedKey),
      encrypted_data: base64(envelope.encryptedData),
      wrap_type: 'A256GCM',
      iv: base64(envelope.iv),
      provider_settings: {},
      annotations: {},
    };
    const { content } = parseSealedSecret(unsigned(payload), { skipVerification: true });
    if (content.type !== 'envelope') throw new Error('not an envelope');
    expect(Buffer.from(openEnvelope(content, key)).toString()).toBe('shhh');
  });
});

describe('sealingKeyOf', () => {
  it('takes public keys on P-256 only, also from a private one', () => {
    expect(sealingKeyOf({ ...signer.privateKey.export({ format: 'jwk' }) } as Record<string, string>)?.type).toBe(
      'public',
    );
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    expect(sealingKeyOf({ ...publicKey.export({ format: 'jwk' }) } as Record<string, string>)).toBeUndefined();
    expect(sealingKeyOf({ kty: 'oct', k: 'AAAA' })).toBeUndefined();
  });
});

function seal(text: string, key: Uint8Array): EnvelopeSecret {
  const contentKey = randomBytes(32);
  const iv = randomBytes(12);
  const wrap = createCipheriv('id-aes256-wrap', key, Buffer.alloc(8, 0xa6));
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv);
  const ciphertext = Buffer.concat([cipher.update(text), cipher.final()]);
  return {
    type: 'envelope',
    provider: 'kbs',
    keyId: 'kbs:///default/keys/wrap',
    encryptedKey: Buffer.concat([wrap.update(contentKey), wrap.final()]),
    encryptedData: Buffer.concat([ciphertext, cipher.getAuthTag()]),
    iv,
  };
}
