import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';

/** A key pair for tests, made once: the smallest that the sample takes. */
export const pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
});

export const publicPem: string = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();

export const privateJwk: JsonWebKey = pair.privateKey.export({ format: 'jwk' });

/** A public key that belongs to no private key here. */
export const otherPublicKey: KeyObject = createPublicKey(
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
);
