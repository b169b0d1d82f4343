import { generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** The key pair of one attestation attempt: the evidence is bound to the public key, and the answer's token is encrypted for it. */
export interface AttestationKeys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** Makes an RSA key pair of 2048 bits, on a thread of Node's own; that takes from twenty to some hundred milliseconds. */
export async function generateAttestationKeys(): Promise<AttestationKeys> {
  return generate('rsa', { modulusLength: 2048 });
}
