import { generateKeyPairSync } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { openReply } from '../../../src/peer-pod/kbs/open-reply.ts';
import { createTeeKey, TEE_KEY_ALGORITHMS, teeKeyOf, teeKeyPem } from '../../../src/peer-pod/kbs/tee-key.ts';
import { encrypt } from '../fake-broker.ts';

const key = await createTeeKey('ECDH-ES+A256KW-P256');
const jwk = key.jwk as Readonly<Record<string, string>>;
const UNREADABLE = expect.objectContaining({ code: 'PEER_POD_REPLY_UNREADABLE' });

describe('openReply', () => {
  it('opens what was encrypted to its key, of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (plaintext) => {
        expect([...openReply(JSON.stringify(encrypt(plaintext, jwk)), key.privateKey)]).toEqual([...plaintext]);
      }),
      { numRuns: 50 },
    );
  });

  it('opens replies to keys on P-521', async () => {
    const wide = await createTeeKey('ECDH-ES+A256KW-P521');
    const reply = encrypt(Buffer.from('x'), wide.jwk as Readonly<Record<string, string>>);
    expect([...openReply(JSON.stringify(reply), wide.privateKey)]).toEqual([0x78]);
  });

  it('never opens a reply with one bit changed', () => {
    const reply = encrypt(Buffer.from('secret'), jwk);
    const names = ['encrypted_key', 'iv', 'ciphertext', 'tag'];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), fc.integer({ min: 0, max: 7 }), (name, at, bit) => {
        const bytes = Buffer.from(reply[name] ?? '', 'base64url');
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
        const changed = { ...reply, [name]: bytes.toString('base64url') };
        expect(() => openReply(JSON.stringify(changed), key.privateKey)).toThrow(UNREADABLE);
      }),
    );
  });

  it('never opens a reply whose header names its members in another order', () => {
    const reply = encrypt(Buffer.from('secret'), jwk, ({ alg, enc, epk }) => ({ enc, alg, epk }));
    expect(() => openReply(JSON.stringify(reply), key.privateKey)).toThrow(UNREADABLE);
  });

  it('opens a reply with members after alg and enc in the order of their names', () => {
    const reply = encrypt(Buffer.from('secret'), jwk, (header) => ({ ...header, kid: 'k' }));
    expect(Buffer.from(openReply(JSON.stringify(reply), key.privateKey)).toString()).toBe('secret');
  });

  it.each([
    ['another content encryption', { enc: 'A128GCM' }],
    ['the algorithm of another key', { alg: 'RSA-OAEP-256' }],
    ['no key encryption', { alg: 'dir' }],
    [
      'a key on another curve',
      { epk: generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' }) },
    ],
    ['no ephemeral key', { epk: null }],
  ])('refuses %s', (_name, change) => {
    const reply = encrypt(Buffer.from('secret'), jwk, (header) => ({ ...header, ...change }));
    expect(() => openReply(JSON.stringify(reply), key.privateKey)).toThrow(UNREADABLE);
  });

  it('refuses a reply for another guest', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    expect(() => openReply(JSON.stringify(encrypt(Buffer.from('secret'), jwk)), other)).toThrow(UNREADABLE);
  });

  it('says nothing but its one error about arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        expect(() => openReply(body, key.privateKey)).toThrow(UNREADABLE);
      }),
    );
  });
});

describe('a guest key', () => {
  it.each(TEE_KEY_ALGORITHMS)('of %s has the members of the protocol and no other', async (algorithm) => {
    const { jwk: members, privateKey } = await createTeeKey(algorithm);
    const names = algorithm === 'RSA-OAEP-256' ? ['kty', 'alg', 'n', 'e'] : ['kty', 'crv', 'alg', 'x', 'y'];
    expect(Object.keys(members)).toEqual(names);
    expect(teeKeyOf(privateKey).jwk).toEqual(members);
    const title = algorithm === 'RSA-OAEP-256' ? 'RSA PRIVATE KEY' : 'PRIVATE KEY';
    expect(teeKeyPem({ jwk: members, privateKey })).toMatch(new RegExp(`^-----BEGIN ${title}-----`));
  });
});
