import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';

import { DependencyError } from '@holdfast/base';
import { z } from 'zod';

import { decryptMessage, encryptMessage } from './message-cipher.ts';

const number = z.string().regex(/^[A-Za-z0-9_-]+$/);
const jwkSchema = z.object({
  kty: z.literal('RSA'),
  n: number,
  e: number,
  d: number,
  p: number,
  q: number,
  dp: number.optional(),
  dq: number.optional(),
  qi: number.optional(),
});

/**
 * Reads the private key of a sidecar's answer: the text of an RSA JWK with two primes. What is left out of the Chinese
 * remainder numbers is computed. The key is tried once, so that a damaged one is noticed here.
 * @param expected The producer's public key, when it is known.
 * @throws DependencyError SAMPLE_KEY_UNUSABLE; no message repeats anything of the key
 * @see RFC 7518 section 6.3
 */
export function parsePrivateJwk(text: string, expected?: KeyObject): KeyObject {
  const jwk = jwkSchema.safeParse(parseJson(text));
  if (!jwk.success) throw unusable('it is no RSA private key');
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: completed(jwk.data), format: 'jwk' });
    const probe = randomBytes(16).toString('hex');
    if (decryptMessage(encryptMessage(probe, createPublicKey(key)), key) !== probe) throw new RangeError();
  } catch {
    throw unusable('its numbers do not belong together'); // the cause could quote the key
  }
  if (expected !== undefined && !createPublicKey(key).equals(expected)) {
    throw unusable('its public part is not the configured PUBKEY');
  }
  return key;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // refused below; a parser's message could quote the key
  }
}

function unusable(problem: string): DependencyError {
  return new DependencyError('SAMPLE_KEY_UNUSABLE', `the released key cannot be used: ${problem}`, {
    retryable: true,
    action: 'Create the key with holdfast key create, and name it in SkrClientKID.',
  });
}

function completed(jwk: z.output<typeof jwkSchema>): JsonWebKey {
  const { dp, dq, qi } = jwk;
  if (dp !== undefined && dq !== undefined && qi !== undefined) return { ...jwk, dp, dq, qi };
  const [d, p, q] = [toInteger(jwk.d), toInteger(jwk.p), toInteger(jwk.q)];
  return { ...jwk, dp: toText(d % (p - 1n)), dq: toText(d % (q - 1n)), qi: toText(inverse(q, p)) };
}

function toInteger(text: string): bigint {
  return BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);
}

function toText(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
}

/** The inverse of `value` modulo `modulus`, by the extended Euclidean algorithm. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [remainder, next] = [value % modulus, modulus];
  let [coefficient, following] = [1n, 0n];
  while (next !== 0n) {
    const quotient = remainder / next;
    [remainder, next] = [next, remainder - quotient * next];
    [coefficient, following] = [following, coefficient - quotient * following];
  }
  return ((coefficient % modulus) + modulus) % modulus;
}
