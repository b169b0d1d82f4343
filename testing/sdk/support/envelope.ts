import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import type { SdkClient } from './sdk-program.ts';

/*
 * The version 2 envelope as its public documentation describes it, written here a second time on purpose: these tests
 * must not agree with the operator merely because both use the same code.
 */

const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 16;

export function sealGcm(key: Uint8Array, plaintext: Uint8Array, additional?: Uint8Array): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  if (additional !== undefined) cipher.setAAD(additional);
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

export function openGcm(key: Uint8Array, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
}

/** A request envelope of `payload`, and the nonce that the answer must repeat. */
export function sealRequest(
  secret: Uint8Array,
  payload: unknown,
): { readonly envelope: Buffer; readonly nonce: Buffer } {
  const head = Buffer.alloc(8);
  head.writeBigInt64BE(BigInt(Date.now()));
  const nonce = randomBytes(8);
  const plaintext = Buffer.concat([head, nonce, Buffer.from(JSON.stringify(payload))]);
  return { envelope: Buffer.concat([Buffer.from([1]), sealGcm(secret, plaintext)]), nonce };
}

export interface PlainAnswer {
  readonly status: string;
  readonly message?: string;
  readonly body?: unknown;
}

export interface HttpAnswer {
  readonly httpStatus: number;
  readonly answer: PlainAnswer;
}

/** One enveloped call by hand, Base64 text both ways, for the endpoints that no SDK has a method for. */
export async function callByHand(client: SdkClient, path: string, payload: unknown): Promise<HttpAnswer> {
  const secret = Buffer.from(client.secret, 'base64');
  const { envelope, nonce } = sealRequest(secret, payload);
  const response = await fetch(client.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${client.apiKey}`, 'content-type': 'text/plain' },
    body: envelope.toString('base64'),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (response.status !== 200) return { httpStatus: response.status, answer: JSON.parse(text) as PlainAnswer };
  const plain = openGcm(secret, Buffer.from(text, 'base64'));
  if (!plain.subarray(8, HEAD_BYTES).equals(nonce)) throw new Error('the answer repeats another nonce');
  return { httpStatus: 200, answer: JSON.parse(plain.subarray(HEAD_BYTES).toString()) as PlainAnswer };
}

/** The body of a successful call by hand. */
export async function bodyByHand<T>(client: SdkClient, path: string, payload: unknown): Promise<T> {
  const { httpStatus, answer } = await callByHand(client, path, payload);
  if (answer.status !== 'success') throw new Error(`${path} answered ${httpStatus} ${JSON.stringify(answer)}`);
  return answer.body as T;
}
