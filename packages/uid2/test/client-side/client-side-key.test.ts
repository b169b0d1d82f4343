import { generateKeyPairSync, randomBytes } from 'node:crypto';

import { PlatformError, toBase64, toHex } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  agreeOnClientSideKey,
  clientSidePrivateKeyText,
  generateClientSideKeys,
  importClientPublicKey,
  importClientSidePrivateKey,
  importClientSidePublicKey,
} from '../../src/client-side/client-side-key.ts';
import { thrownBy, vectorGroup, vectorsMissing } from '../operator-vectors.ts';

interface EcdhVector {
  readonly server_private_key: string;
  readonly server_public_key: string;
  readonly client_private_key_pkcs8: string;
  readonly client_public_key_spki: string;
  readonly shared_secret_b64: string;
}

const spkiOf = (curve: string): string =>
  toBase64(generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ format: 'der', type: 'spki' }));

describe.skipIf(vectorsMissing)('agreeOnClientSideKey on known answers', () => {
  it.for([...vectorGroup<EcdhVector>('cstg_ecdh').entries()])('both sides get the key of case %i', ([, vector]) => {
    const server = importClientSidePrivateKey(vector.server_private_key);
    const client = importClientSidePrivateKey(`UID2-Y-L-${vector.client_private_key_pkcs8}`);
    const atServer = agreeOnClientSideKey(server, importClientPublicKey(vector.client_public_key_spki));
    const atClient = agreeOnClientSideKey(client, importClientSidePublicKey(vector.server_public_key));
    expect(toBase64(atServer.export())).toBe(vector.shared_secret_b64);
    expect(toBase64(atClient.export())).toBe(vector.shared_secret_b64);
  });

  it.for([...vectorGroup<EcdhVector>('cstg_ecdh').entries()])(
    'the private key of case %i is written as it was read',
    ([, { server_private_key: text, server_public_key: publicKey }]) => {
      expect(clientSidePrivateKeyText(importClientSidePrivateKey(text), publicKey)).toBe(text);
    },
  );
});

describe('generateClientSideKeys', () => {
  it('makes a pair that agrees with any other, with the prefixes of scope and environment', () => {
    const ours = generateClientSideKeys('euid', 'P', randomBytes);
    const theirs = generateClientSideKeys('uid2', 'L', randomBytes);
    expect([ours.publicKey.slice(0, 9), ours.privateKey.slice(0, 9)]).toEqual(['EUID-X-P-', 'EUID-Y-P-']);
    const one = agreeOnClientSideKey(
      importClientSidePrivateKey(ours.privateKey),
      importClientSidePublicKey(theirs.publicKey),
    );
    const other = agreeOnClientSideKey(
      importClientSidePrivateKey(theirs.privateKey),
      importClientSidePublicKey(ours.publicKey),
    );
    expect(toHex(one.export())).toBe(toHex(other.export()));
    expect(one.symmetricKeySize).toBe(32);
  });

  it('draws again when the random bytes are no scalar of the curve', () => {
    const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(7)];
    const { privateKey } = generateClientSideKeys('uid2', 'L', () => draws.shift() ?? new Uint8Array(32));
    expect(draws).toEqual([]);
    expect(importClientSidePrivateKey(privateKey).export({ format: 'jwk' }).d).toBe(
      Buffer.alloc(32, 7).toString('base64url'),
    );
  });
});

describe('importClientPublicKey', () => {
  it('refuses what is no elliptic-curve key', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'der', type: 'spki' });
    for (const text of ['', 'no base64!', 'AAAA', toBase64(rsa)]) {
      expect(thrownBy(() => importClientPublicKey(text))).toMatchObject({ code: 'CLIENT_SIDE_KEY_INVALID' });
    }
  });

  it('takes keys on other curves, with which no key can be agreed', () => {
    const server = importClientSidePrivateKey(generateClientSideKeys('uid2', 'L', randomBytes).privateKey);
    const other = importClientPublicKey(spkiOf('secp384r1'));
    expect(thrownBy(() => agreeOnClientSideKey(server, other))).toMatchObject({
      code: 'CLIENT_SIDE_CURVE_UNSUITABLE',
    });
  });

  it('only our errors escape from arbitrary and damaged keys', () => {
    const whole = Buffer.from(spkiOf('prime256v1'), 'base64');
    const damaged = fc.nat(whole.length * 8 - 1).map((bit) => {
      const bytes = Uint8Array.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return bytes;
    });
    const cut = fc.nat(whole.length - 1).map((length) => Uint8Array.from(whole.subarray(0, length)));
    fc.assert(
      fc.property(fc.oneof(damaged, cut, fc.uint8Array()), (bytes) => {
        try {
          importClientPublicKey(toBase64(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });
});
