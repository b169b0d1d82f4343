import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Secret, toBase64 } from '@holdfast/base';
import { encodeRefreshResponse, encodeResponseEnvelope, prepareSecret, readRequestBody } from '@holdfast/uid2';
import type { JsonObject } from '@holdfast/uid2';

import type { Target } from '../src/load-plan.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The UID2 envelope protocol with made-up tokens and raw UIDs: everything the load generator looks at, nothing else. */
export class FakeOperator {
  readonly apiKey = 'UID2-C-L-123-test';
  readonly secretBytes: Uint8Array = randomBytes(32);
  /** Paths in the order of their requests. */
  readonly requests: string[] = [];
  readonly contentTypes = new Set<string>();
  readonly refreshTokens: string[] = [];
  /** Takes the place of the usual answer when it gives one. `count` is the number of this request, from 1. */
  intercept: (path: string, count: number) => Answer | undefined = () => undefined;
  /** The JSON that goes into an enveloped reply. */
  reply: (path: string, payload: JsonObject) => JsonObject = usualReply;
  url = '';

  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));
  readonly #responseKeys = new Map<string, Uint8Array>();

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get target(): Target {
    return {
      url: this.url,
      credentials: { apiKey: new Secret(this.apiKey), clientSecret: new Secret(toBase64(this.secretBytes)) },
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? '';
    this.requests.push(path);
    const answer = this.intercept(path, this.requests.length);
    if (answer !== undefined) return void response.writeHead(answer.status).end(answer.text);
    if (path === '/ops/healthcheck') return void response.end('OK');
    if (request.headers.authorization !== `Bearer ${this.apiKey}`) {
      return void response.writeHead(401).end('{"status":"unauthorized"}');
    }
    const type = request.headers['content-type'] ?? '';
    this.contentTypes.add(type);
    const sealed = path === '/v2/token/refresh' ? this.#refresh(chunks) : this.#enveloped(path, type, chunks);
    return void response.end(type === 'application/octet-stream' ? sealed : toBase64(sealed));
  }

  #enveloped(path: string, type: string, chunks: readonly Buffer[]): Uint8Array {
    const key = prepareSecret(this.secretBytes);
    const request = readRequestBody(type, Buffer.concat(chunks), { key, nowMs: Date.now(), scope: 'uid2' });
    const reply = this.#issue(this.reply(path, request.payload ?? {}));
    return encodeResponseEnvelope(JSON.stringify(reply), request.nonce, key, Date.now(), randomBytes);
  }

  #refresh(chunks: readonly Buffer[]): Uint8Array {
    const token = Buffer.concat(chunks).toString('latin1');
    this.refreshTokens.push(token);
    const key = this.#responseKeys.get(token);
    if (key === undefined) throw new Error('a refresh token that was never issued');
    const reply = this.#issue(this.reply('/v2/token/refresh', {}));
    return encodeRefreshResponse(JSON.stringify(reply), prepareSecret(key), randomBytes);
  }

  /** Remembers the response key of a token reply. */
  #issue(reply: JsonObject): JsonObject {
    const body = reply['body'] as Partial<Record<string, string>> | undefined;
    const [token, key] = [body?.['refresh_token'], body?.['refresh_response_key']];
    if (token !== undefined && key !== undefined) this.#responseKeys.set(token, Buffer.from(key, 'base64'));
    return reply;
  }
}

function usualReply(path: string, payload: JsonObject): JsonObject {
  if (path.startsWith('/v2/token/')) return success(tokenBody());
  const [kind, values] = Object.entries(payload)[0] as [string, readonly string[]];
  return path === '/v3/identity/map'
    ? success({ [kind]: values.map(() => ({ u: 'u'.repeat(44), p: null, r: 1_800_000_000 })) })
    : success({ mapped: values.map((identifier) => ({ identifier, advertising_id: 'a', bucket_id: 'b' })) });
}

export function success(body: JsonObject): JsonObject {
  return { status: 'success', body };
}

function tokenBody(): JsonObject {
  return {
    advertising_token: toBase64(randomBytes(160)),
    refresh_token: toBase64(randomBytes(291)),
    refresh_response_key: toBase64(randomBytes(32)),
  };
}
