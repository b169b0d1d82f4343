import { constants, createDecipheriv, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto';

import { PlatformError, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { openSecret, sealSecret } from '../src/index.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const seal = (secret: Uint8Array): string => sealSecret({ publicKey: pair.publicKey, kid: 'wrapping', secret, random });
const codeOf = (sealed: string, key = pair.privateKey): string => {
  try {
    openSecret(sealed, key);
    return 'opened';
  } catch (error) {
    if (error instanceof PlatformError) return error.code;
    throw error;
  }
};

describe('sealSecret', () => {
  it('seals secrets of any length, which only the private key opens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (secret) => {
        expect(openSecret(seal(secret), pair.privateKey)).toEqual(secret);
      }),
      { numRuns: 20 },
    );
    expect(codeOf(seal(toUtf8('s')), other.privateKey)).toBe('SEALED_SECRET_UNDECRYPTABLE');
  });

  it('writes a JWE (RFC 7516) as any library reads it: the header is the additional data', () => {
    const sealed = seal(toUtf8('secret'));
    const [header = '', ...parts] = sealed.split('.');
    const [key = '', iv = '', text = '', tag = ''] = parts;
    const bytes = (part: string): Buffer => Buffer.from(part, 'base64url');
    expect(JSON.parse(bytes(header).toString())).toEqual({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'wrapping' });
    const contentKey = privateDecrypt(
      { key: pair.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      bytes(key),
    );
    const decipher = createDecipheriv('aes-256-gcm', contentKey, bytes(iv));
    decipher.setAAD(Buffer.from(header)).setAuthTag(bytes(tag));
    expect(Buffer.concat([decipher.update(bytes(text)), decipher.final()]).toString()).toBe('secret');
  });

  it('refuses keys that are too small, and keys of another kind', () => {
    for (const { publicKey } of [
      generateKeyPairSync('rsa', { modulusLength: 1024 }),
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ]) {
      const call = () => sealSecret({ publicKey, kid: 'k', secret: new Uint8Array(), random });
      expect(call).toThrowError(expect.objectContaining({ code: 'KEY_WRAP_INVALID' }));
    }
  });
});

describe('openSecret', () => {
  it('never opens a text with one changed bit', () => {
    const sealed = seal(toUtf8('a secret'));
    const parts = sealed.split('.').map((part) => Buffer.from(part, 'base64url'));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 }), fc.nat(), (part, position) => {
        const changed = parts.map((bytes) => Buffer.from(bytes));
        const bytes = changed[part];
        const at = position % ((bytes?.length ?? 1) * 8);
        if (bytes !== undefined) bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
        expect(codeOf(changed.map((each) => each.toString('base64url')).join('.'))).not.toBe('opened');
      }),
      { numRuns: 60 },
    );
  });

  it('says what is not a sealed secret', () => {
    const header = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const rest = seal(toUtf8('x')).split('.').slice(1).join('.');
    for (const sealed of [
      '',
      'a.b.c',
      'null',
      `${Buffer.from('null').toString('base64url')}.${rest}`,
      `${header({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.${rest}`,
      `${header({ alg: 'RSA-OAEP-256', enc: 'A128GCM' })}.${rest}`,
      `${header({ alg: 'RSA-OAEP-256', enc: 'A256GCM', zip: 'DEF' })}.${rest}`,
      `${seal(toUtf8('x'))}=`,
      'a'.repeat(200_000),
    ]) {
      expect(codeOf(sealed)).toBe('SEALED_SECRET_MALFORMED');
    }
  });
});
