import { randomUUID } from 'node:crypto';

import { errorMessage, Secret, VerificationError } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';

import { Uid2Client } from '../uid2-client/uid2-client.ts';

export interface VerifyOptions {
  readonly operatorUrl: string;
  readonly client: { readonly apiKey: string; readonly secret: string };
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** One thing that was proved, in words for people. */
export interface ProvedCheck {
  readonly name: 'health' | 'token' | 'map' | 'opt-out';
  readonly proved: string;
}

const TIMEOUT_MS = 5000;

/**
 * Proves from the outside that an operator works: it is healthy; a token it generates decrypts, with the keys it shares, to
 * the same raw UID that it maps the identity to; and that raw UID is not opted out.
 * @throws VerificationError OPERATOR_NOT_PROVED naming the first thing that did not hold
 */
export async function verifyOperator(options: VerifyOptions): Promise<ProvedCheck[]> {
  const uid2 = new Uid2Client({
    operatorUrl: options.operatorUrl,
    apiKey: new Secret(options.client.apiKey),
    clientSecret: new Secret(options.client.secret),
    clock: options.clock,
    randomBytes: options.randomBytes,
    timeoutMs: TIMEOUT_MS,
  });
  try {
    return await prove(options, uid2);
  } catch (cause) {
    if (cause instanceof VerificationError && cause.code === 'OPERATOR_NOT_PROVED') throw cause;
    throw notProved(errorMessage(cause), cause);
  } finally {
    await uid2.close();
  }
}

async function prove(options: VerifyOptions, uid2: Uid2Client): Promise<ProvedCheck[]> {
  await checkHealth(options.operatorUrl);
  const email = `${randomUUID()}@kelp.example`;
  const outcome = await uid2.generateToken({ kind: 'email', value: email });
  if (outcome.status !== 'success') throw notProved(`token generation answered ${outcome.status}`);
  const keys = await uid2.fetchKeys();
  const token = keys.decrypt(outcome.identity.advertisingToken, options.clock());
  const [mapped] = await uid2.mapIdentities('email', [email]);
  if (mapped === undefined || !('rawUid' in mapped)) throw notProved('the identity was not mapped');
  if (mapped.rawUid !== token.rawUid) throw notProved('the token holds another raw UID than the identity maps to');
  const optedOut = await uid2.optOutStatus([token.rawUid]);
  if (optedOut.size !== 0) throw notProved('a fresh identity counts as opted out');
  return [
    { name: 'health', proved: 'healthcheck answers OK' },
    {
      name: 'token',
      proved: `token (version ${token.tokenVersion}) generated for site ${token.siteId} and decrypted with ${keys.size} shared keys`,
    },
    { name: 'map', proved: 'identity map gives the raw UID that the token holds' },
    { name: 'opt-out', proved: 'opt-out status knows nothing of it' },
  ];
}

async function checkHealth(operatorUrl: string): Promise<void> {
  const client = new HttpClient();
  try {
    const answer = await client.send({ url: `${operatorUrl}/ops/healthcheck`, timeoutMs: TIMEOUT_MS });
    const body = Buffer.from(answer.body).toString('utf8');
    if (answer.status !== 200 || body !== 'OK') throw notProved(`health is ${answer.status} ${body.slice(0, 200)}`);
  } finally {
    await client.close();
  }
}

function notProved(reason: string, cause?: unknown): VerificationError {
  return new VerificationError('OPERATOR_NOT_PROVED', `the operator runs but did not prove itself: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    action: "Read the operator's log in the home folder, and its /ops/status.",
  });
}
