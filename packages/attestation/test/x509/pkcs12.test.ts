import { createCipheriv, pbkdf2Sync } from 'node:crypto';

import { concatBytes } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { contextTag } from '../../src/der/reader.ts';
import { derElement, derInteger, derOctetString, derOid, derSequence } from '../../src/der/writer.ts';
import { readPkcs12 } from '../../src/x509/pkcs12.ts';

const PASSWORD = 'a password';
const SALT = new Uint8Array(8).fill(1);
const IV = new Uint8Array(16).fill(2);
const KEY = Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x07);

const AES_128 = '2.16.840.1.101.3.4.1.2';

const inContext = (...content: readonly Uint8Array[]): Uint8Array => derElement(contextTag(0), ...content);
const data = (content: Uint8Array): Uint8Array =>
  derSequence(derOid('1.2.840.113549.1.7.1'), inContext(derOctetString(content)));

/** A bag with a key under PBES2 (PBKDF2 with HMAC-SHA-1, AES-128). What it says of its iterations need not be true. */
function keyBag(said: number, spent = said, cipherName = AES_128): Uint8Array {
  const key = pbkdf2Sync(PASSWORD, SALT, spent, 16, 'sha1');
  const cipher = createCipheriv('aes-128-cbc', key, IV);
  const encrypted = concatBytes(cipher.update(KEY), cipher.final());
  const kdf = derSequence(derOid('1.2.840.113549.1.5.12'), derSequence(derOctetString(SALT), derInteger(said)));
  const scheme = derSequence(derOid(cipherName), derOctetString(IV));
  const algorithm = derSequence(derOid('1.2.840.113549.1.5.13'), derSequence(kdf, scheme));
  const bag = derSequence(algorithm, derOctetString(encrypted));
  return derSequence(derOid('1.2.840.113549.1.12.10.1.2'), inContext(bag));
}

function fileOf(...bags: readonly Uint8Array[]): Uint8Array {
  return derSequence(derInteger(3), data(derSequence(data(derSequence(...bags)))));
}

const unreadable = expect.objectContaining({ code: 'X509_PKCS12_UNREADABLE' }) as Error;
const outOfBounds = expect.objectContaining({
  code: 'X509_PKCS12_UNREADABLE',
  message: 'the number of iterations is out of bounds',
}) as Error;

describe('readPkcs12', () => {
  it('reads keys under a password, and refuses another one', () => {
    const file = fileOf(keyBag(2000), keyBag(1));
    expect(readPkcs12(file, PASSWORD).keys.map((key) => Buffer.compare(key, KEY))).toEqual([0, 0]);
    expect(() => readPkcs12(file, 'another')).toThrow(unreadable);
  });

  it.each([0, 1_000_001, 2 ** 32])('refuses a key that asks for %i iterations', (said) => {
    expect(() => readPkcs12(fileOf(keyBag(said, 1)), PASSWORD)).toThrow(unreadable);
  });

  it('refuses a file whose keys together ask for too much work, each of which alone would not', () => {
    const bags = Array.from({ length: 1000 }, () => keyBag(1, 1));
    expect(readPkcs12(fileOf(...bags), PASSWORD).keys).toHaveLength(1000);
    const costly = keyBag(1_000_000);
    expect(() => readPkcs12(fileOf(costly, costly, keyBag(1)), PASSWORD)).toThrow(outOfBounds);
  });

  it('refuses a cipher that it does not know', () => {
    expect(() => readPkcs12(fileOf(keyBag(1, 1, '1.2.3')), PASSWORD)).toThrow('not supported');
  });

  it('refuses a file that is cut off anywhere, with its own error', () => {
    const whole = fileOf(keyBag(1));
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => readPkcs12(whole.subarray(0, length), PASSWORD)).toThrow(unreadable);
    }
  });
});
