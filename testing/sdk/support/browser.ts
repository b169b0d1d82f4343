import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';

import { openGcm, sealGcm } from './envelope.ts';
import type { Keypair } from './world.ts';

/** As the web SDK names itself. */
export const WEB_SDK_QUERY = '?client=uid2-sdk-4.0.1';

const IV_BYTES = 12;
const KEY_PREFIX_LENGTH = 'UID2-X-I-'.length;
const DEADLINE_MS = 10_000;

export interface BrowserAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface BrowserCallOptions {
  readonly method?: string;
  /** The page's; an app sends none. */
  readonly origin?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a browser sends for a cross-origin XMLHttpRequest with a text body. */
export function browserCall(
  url: string,
  path: string,
  body: string | undefined,
  { method = 'POST', origin, headers = {} }: BrowserCallOptions,
): Promise<BrowserAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<BrowserAnswer>();
  const sent = {
    ...(origin === undefined ? {} : { origin, referer: `${origin}/article` }),
    ...(body === undefined ? {} : { 'content-type': 'text/plain;charset=UTF-8' }),
    ...headers,
  };
  const call = request(url + path, { method, timeout: DEADLINE_MS, headers: sent }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
  });
  call.on('error', reject);
  call.on('timeout', () => call.destroy(new Error('no answer in time')));
  call.end(body);
  return promise;
}

/** Who generates: a page with an origin, the key pair's own when missing, or an app that names itself. */
export interface ClientSideSender {
  readonly origin?: string;
  readonly appName?: string;
}

/** Generates a token as the web and mobile SDKs do, and opens the answer. */
export async function clientGenerate(
  url: string,
  keypair: Keypair,
  payload: object,
  { origin, appName }: ClientSideSender = {},
): Promise<{ readonly status: number; readonly answer: unknown }> {
  const timestamp = Date.now();
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const serverKey = createPublicKey({
    key: Buffer.from(keypair.publicKey.slice(KEY_PREFIX_LENGTH), 'base64'),
    format: 'der',
    type: 'spki',
  });
  const secret = diffieHellman({ privateKey, publicKey: serverKey });
  const additional = JSON.stringify(appName === undefined ? [timestamp] : [timestamp, appName]);
  const sealed = sealGcm(secret, Buffer.from(JSON.stringify(payload)), Buffer.from(additional));
  const body = {
    payload: sealed.subarray(IV_BYTES).toString('base64'),
    iv: sealed.subarray(0, IV_BYTES).toString('base64'),
    public_key: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    timestamp,
    subscription_id: keypair.subscriptionId,
    ...(appName === undefined ? {} : { app_name: appName }),
  };
  const answer = await browserCall(url, `/v2/token/client-generate${WEB_SDK_QUERY}`, JSON.stringify(body), {
    origin: origin ?? (appName === undefined ? keypair.origin : undefined),
  });
  if (answer.status !== 200) return { status: answer.status, answer: JSON.parse(answer.text) };
  return { status: 200, answer: JSON.parse(openGcm(secret, Buffer.from(answer.text, 'base64')).toString()) };
}
