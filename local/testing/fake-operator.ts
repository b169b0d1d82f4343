import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { bearerKey, createApp, listen } from '@holdfast/http';
import {
  encodeAdvertisingToken,
  encodeRefreshResponse,
  encodeResponseEnvelope,
  prepareSecret,
  readRequestBody,
} from '@holdfast/uid2';
import type { RawUid } from '@holdfast/uid2';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const HOUR_MS = 3_600_000;
const SITE_ID = 3;
const OPTED_OUT = 'optout@example.com';

export interface FakeOperator {
  readonly url: string;
  readonly apiKey: string;
  readonly secret: string;
  /** What one identity maps to here, Base64. */
  rawUidOf(identity: string): string;
  stop(): Promise<void>;
}

/** A stand-in for a UID2 operator: real envelopes and tokens, made-up raw UIDs, one opted-out address. */
export async function startFakeOperator(
  port = 0,
  client: { readonly apiKey: string; readonly secret: string } = {
    apiKey: `UID2-C-L-3-${randomBytes(8).toString('hex')}`,
    secret: randomBytes(32).toString('base64'),
  },
): Promise<FakeOperator> {
  const { apiKey, secret } = client;
  const operator = new Operator(apiKey, prepareSecret(Buffer.from(secret, 'base64')));
  const url = await listen(operator.app, { host: '127.0.0.1', port });
  return {
    url,
    apiKey,
    secret,
    rawUidOf: (identity) => rawUidOf(identity).toString('base64'),
    stop: () => operator.app.close(),
  };
}

function rawUidOf(identity: string): Buffer {
  return createHash('sha256').update(`fake ${identity}`).digest();
}

class Operator {
  readonly app: FastifyInstance;
  readonly #apiKey: string;
  readonly #secret: KeyObject;
  readonly #master = { id: 1, bytes: randomBytes(32) };
  readonly #site = { id: 2, bytes: randomBytes(32) };
  readonly #refreshResponseKey = randomBytes(32);

  constructor(apiKey: string, secret: KeyObject) {
    this.#apiKey = apiKey;
    this.#secret = secret;
    this.app = createApp({ bodyLimitBytes: 1024 * 1024 });
    this.app.get('/ops/healthcheck', (_request, reply) => reply.send('OK'));
    this.#route('/v2/token/generate', (payload) => this.#generate(String(payload['email'] ?? payload['phone'])));
    this.#route('/v3/identity/map', (payload) => ({ status: 'success', body: map(payload) }));
    this.#route('/v2/key/sharing', () => ({ status: 'success', body: this.#keys() }));
    this.#route('/v2/optout/status', () => ({ status: 'success', body: { opted_out: [] } }));
    this.app.post('/v2/token/refresh', (request, reply) => {
      const token = Buffer.from((request.body as Uint8Array | undefined) ?? []).toString();
      if (token !== 'refresh-token') return reply.code(400).send({ status: 'invalid_token', message: 'Invalid Token' });
      const json = JSON.stringify(this.#generate('refreshed@example.com'));
      const sealed = encodeRefreshResponse(json, prepareSecret(this.#refreshResponseKey), randomBytes);
      return reply.type('text/plain').send(Buffer.from(sealed).toString('base64'));
    });
  }

  #route(path: string, answer: (payload: Readonly<Record<string, unknown>>) => unknown): void {
    this.app.post(path, (request, reply) => this.#enveloped(request, reply, answer));
  }

  #enveloped(
    request: FastifyRequest,
    reply: FastifyReply,
    answer: (payload: Readonly<Record<string, unknown>>) => unknown,
  ): FastifyReply {
    if (bearerKey(request.headers.authorization) !== this.#apiKey)
      return reply.code(401).send({ status: 'unauthorized' });
    const body = request.body instanceof Uint8Array ? request.body : undefined;
    const context = { key: this.#secret, nowMs: Date.now(), scope: 'uid2' as const };
    const envelope = readRequestBody(request.headers['content-type'], body, context);
    const json = JSON.stringify(answer(envelope.payload ?? {}));
    const sealed = encodeResponseEnvelope(json, envelope.nonce, this.#secret, Date.now(), randomBytes);
    return reply.type('application/octet-stream').send(Buffer.from(sealed));
  }

  #generate(identity: string): unknown {
    if (identity === OPTED_OUT) return { status: 'optout' };
    const now = Date.now();
    const token = encodeAdvertisingToken(
      {
        scope: 'uid2',
        type: identity.startsWith('+') ? 'phone' : 'email',
        siteId: SITE_ID,
        privacyBits: 1,
        createdMs: now,
        expiresMs: now + HOUR_MS,
        establishedMs: now,
        refreshedMs: now,
        rawUid: rawUidOf(identity) as Uint8Array as RawUid,
      },
      {
        master: { id: this.#master.id, secret: prepareSecret(this.#master.bytes) },
        site: { id: this.#site.id, secret: prepareSecret(this.#site.bytes) },
      },
      randomBytes,
    );
    const body = {
      advertising_token: token,
      refresh_token: 'refresh-token',
      identity_expires: now + HOUR_MS,
      refresh_from: now + HOUR_MS / 2,
      refresh_expires: now + 24 * HOUR_MS,
      refresh_response_key: this.#refreshResponseKey.toString('base64'),
    };
    return { status: 'success', body };
  }

  #keys(): unknown {
    const seconds = Math.floor(Date.now() / 1000);
    const key = (of: { readonly id: number; readonly bytes: Buffer }, keysetId: number): unknown => ({
      id: of.id,
      keyset_id: keysetId,
      created: seconds,
      activates: seconds,
      expires: seconds + 86_400,
      secret: of.bytes.toString('base64'),
    });
    return {
      caller_site_id: SITE_ID,
      identity_scope: 'UID2',
      keys: [key(this.#master, 9_999_999), key(this.#site, 4)],
    };
  }
}

function map(payload: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const answer: Record<string, unknown> = {};
  for (const kind of ['email', 'email_hash', 'phone', 'phone_hash']) {
    const values = payload[kind];
    answer[kind] = Array.isArray(values) ? values.map((value: unknown) => mapOne(kind, String(value))) : [];
  }
  return answer;
}

function mapOne(kind: string, value: string): unknown {
  if (value === OPTED_OUT) return { e: 'optout' };
  if (kind === 'email' && !value.includes('@')) return { e: 'invalid identifier' };
  return { u: rawUidOf(value).toString('base64'), p: null, r: Math.floor(Date.now() / 1000) + 86_400 };
}
