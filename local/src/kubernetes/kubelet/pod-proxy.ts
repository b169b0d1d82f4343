import { Buffer } from 'node:buffer';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';

import { errorMessage } from '@holdfast/base';

import type { ProxyAnswer, ProxyRequest } from '../api/backend.ts';
import { StatusError } from '../api/cluster-store.ts';

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Sends a request to a port of a pod. Certificates of pods are not verified, as the API server does not either.
 * @throws StatusError ServiceUnavailable when nobody answers
 */
export async function proxyTo(host: string, port: number, asked: ProxyRequest): Promise<ProxyAnswer> {
  try {
    return await send(host, port, asked);
  } catch (error) {
    throw new StatusError('ServiceUnavailable', `error trying to reach service: ${errorMessage(error)}`);
  }
}

function send(host: string, port: number, asked: ProxyRequest): Promise<ProxyAnswer> {
  const { method, path, headers, body, scheme, signal } = asked;
  const options = { host, port, method, path, headers, signal, agent: false as const, timeout: TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    const receive = (answer: IncomingMessage): void => {
      receiveAll(answer).then(resolve, reject);
    };
    const outgoing =
      scheme === 'https'
        ? requestHttps({ ...options, rejectUnauthorized: false }, receive)
        : requestHttp(options, receive);
    outgoing.once('error', reject);
    outgoing.once('timeout', () => outgoing.destroy(new RangeError(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.end(body);
  });
}

async function receiveAll(answer: IncomingMessage): Promise<ProxyAnswer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new RangeError('the answer is larger than 16 MiB');
    chunks.push(chunk);
  }
  const headers = Object.entries(answer.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value] as const],
  );
  return { status: answer.statusCode ?? 502, headers: Object.fromEntries(headers), body: Buffer.concat(chunks) };
}
