import { constants, privateDecrypt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { fromUtf8, MalformedError, Secret } from '@holdfast/base';

/** What one successful attestation yields. JWTs and the URL are undefined when the answer does not carry them. */
export interface Attestation {
  readonly token: Secret;
  readonly expiresAtMs: number;
  readonly coreJwt: Secret | undefined;
  readonly optOutJwt: Secret | undefined;
  readonly optOutUrl: string | undefined;
}

/**
 * Reads the body of a 200 answer to `POST /attest` and decrypts its token (RSA PKCS#1 v1.5) with the private key of the
 * attempt.
 * @throws MalformedError CORE_ANSWER_INVALID
 */
export function parseAttestAnswer(body: Uint8Array, privateKey: KeyObject): Attestation {
  const answer = objectOf(parseJson(body));
  if (answer?.['status'] !== 'success') throw invalid('response json does not say status success');
  const content = objectOf(answer['body']);
  if (content === undefined) throw invalid('response json does not contain body');
  const token = content['attestation_token'];
  if (typeof token !== 'string' || token === '') {
    throw invalid('response json does not contain body.attestation_token');
  }
  const expiresAt = content['expiresAt'];
  if (typeof expiresAt !== 'string' || expiresAt === '') throw invalid('response json does not contain body.expiresAt');
  return {
    token: new Secret(decryptToken(token, privateKey)),
    expiresAtMs: parseInstant(expiresAt),
    coreJwt: optionalSecret(content['attestation_jwt_core']),
    optOutJwt: optionalSecret(content['attestation_jwt_optout']),
    optOutUrl: optionalText(content['optout_url']),
  };
}

function decryptToken(text: string, privateKey: KeyObject): string {
  let token: string;
  try {
    const key = { key: privateKey, padding: constants.RSA_PKCS1_PADDING };
    token = fromUtf8(privateDecrypt(key, Buffer.from(text, 'base64')));
  } catch (cause) {
    throw invalid('body.attestation_token is not encrypted for this operator', cause);
  }
  // OpenSSL answers wrong padding with random bytes; nothing but printable ASCII may become a header value.
  if (!/^[\x21-\x7e]+$/.test(token)) throw invalid('body.attestation_token is not encrypted for this operator');
  return token;
}

function parseInstant(text: string): number {
  const wellFormed = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text);
  const ms = wellFormed ? Date.parse(text.replace(/(\.\d{3})\d+/, '$1')) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid('body.expiresAt is not an ISO-8601 instant in UTC');
  return ms;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(body)) as unknown;
  } catch (cause) {
    throw invalid('the response is not JSON', cause);
  }
}

function invalid(problem: string, cause?: unknown): MalformedError {
  return new MalformedError('CORE_ANSWER_INVALID', `AttestationResponseCode: RetryableFailure, ${problem}`, {
    action: 'Check that the configured address belongs to UID2 Core; attestation is tried again.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function optionalSecret(value: unknown): Secret | undefined {
  const text = optionalText(value);
  if (text !== undefined && !/^[\x21-\x7e]+$/.test(text)) throw invalid('a JWT holds characters no JWT has');
  return text === undefined ? undefined : new Secret(text);
}
