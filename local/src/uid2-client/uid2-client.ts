import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';

import { DependencyError, MalformedError, RequestError } from '@holdfast/base';
import type { Clock, RandomBytes, Secret } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';
import type { HttpAnswer } from '@holdfast/http';
import {
  decodeLenientBase64,
  decodeRefreshResponse,
  decodeResponseEnvelope,
  encodeRequestEnvelope,
  prepareSecret,
} from '@holdfast/uid2';
import type { DiiKind } from '@holdfast/uid2';
import { z } from 'zod';

import { ClientKeySet } from './key-set.ts';

export interface Uid2ClientOptions {
  /** Base URL of the operator, without a trailing slash. */
  readonly operatorUrl: string;
  readonly apiKey: Secret;
  /** The client secret: Base64 of 32 bytes. */
  readonly clientSecret: Secret;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Deadline of each request, milliseconds; 10 s when missing. */
  readonly timeoutMs?: number;
}

export interface IdentityInput {
  readonly kind: DiiKind;
  readonly value: string;
}

const identitySchema = z.object({
  advertising_token: z.string(),
  refresh_token: z.string(),
  identity_expires: z.number(),
  refresh_from: z.number(),
  refresh_expires: z.number(),
  refresh_response_key: z.string(),
});

/** An identity as a publisher keeps it. Times are milliseconds since the epoch. */
export interface TokenIdentity {
  readonly advertisingToken: string;
  readonly refreshToken: string;
  readonly refreshResponseKey: string;
  readonly identityExpiresMs: number;
  readonly refreshFromMs: number;
  readonly refreshExpiresMs: number;
}

export type TokenOutcome =
  | { readonly status: 'success'; readonly identity: TokenIdentity }
  | { readonly status: 'optout' };

const mappedSchema = z.object({
  u: z.string().optional(),
  p: z.string().nullable().optional(),
  r: z.number().optional(),
  e: z.string().optional(),
});
const mapSchema = z.object({
  email: z.array(mappedSchema).default([]),
  email_hash: z.array(mappedSchema).default([]),
  phone: z.array(mappedSchema).default([]),
  phone_hash: z.array(mappedSchema).default([]),
});

/** What one identity mapped to: a raw UID, or why there is none. */
export type MappedInput =
  | {
      readonly input: string;
      readonly rawUid: string;
      readonly previousRawUid: string | null;
      /** Seconds since the epoch: when to map again. */
      readonly refreshFrom: number;
    }
  | { readonly input: string; readonly error: string };

const optOutStatusSchema = z.object({
  opted_out: z.array(z.object({ advertising_id: z.string(), opted_out_since: z.number() })),
});

const statusSchema = z.object({ status: z.string(), message: z.string().optional(), body: z.unknown().optional() });

const NONCE_BYTES = 8;
const DEFAULT_TIMEOUT_MS = 10_000;
const BINARY = 'application/octet-stream';

/** A client of a UID2 operator that speaks the version 2 envelope over HTTP, as the official SDKs do. */
export class Uid2Client {
  readonly #options: Uid2ClientOptions;
  readonly #secret: KeyObject;
  readonly #http = new HttpClient();

  /** @throws RequestError UID2_SECRET_INVALID when the client secret is not 32 bytes in Base64 */
  constructor(options: Uid2ClientOptions) {
    const secret = decodeLenientBase64(options.clientSecret.reveal());
    if (secret?.length !== 32) {
      throw new RequestError('UID2_SECRET_INVALID', 'the client secret is not Base64 of 32 bytes', {
        action: 'Copy the secret that belongs to the API key, whole.',
      });
    }
    this.#options = options;
    this.#secret = prepareSecret(secret);
  }

  /** `/v2/token/generate` */
  async generateToken(identity: IdentityInput): Promise<TokenOutcome> {
    const answer = await this.#enveloped('/v2/token/generate', { [identity.kind]: identity.value });
    return tokenOutcome(answer);
  }

  /** `/v2/token/refresh` */
  async refreshToken(identity: Pick<TokenIdentity, 'refreshToken' | 'refreshResponseKey'>): Promise<TokenOutcome> {
    const path = '/v2/token/refresh';
    const answer = await this.#post(path, identity.refreshToken, 'text/plain');
    if (answer.status !== 200) throw refused(path, answer);
    const sealed = decodeLenientBase64(Buffer.from(answer.body).toString('latin1'));
    const key = decodeLenientBase64(identity.refreshResponseKey);
    if (sealed === undefined || key === undefined) throw malformed(path, 'the answer is not Base64');
    return tokenOutcome(statusOf(path, decodeRefreshResponse(sealed, prepareSecret(key)).payload));
  }

  /** `/v3/identity/map`; the answers are in the order of `values`. */
  async mapIdentities(kind: DiiKind, values: readonly string[]): Promise<MappedInput[]> {
    const path = '/v3/identity/map';
    const mapped = parse(mapSchema, path, successBody(path, await this.#enveloped(path, { [kind]: values })))[kind];
    return values.map((input, index) => {
      const entry = mapped[index];
      if (entry?.u === undefined) return { input, error: entry?.e ?? 'the operator did not answer this entry' };
      return { input, rawUid: entry.u, previousRawUid: entry.p ?? null, refreshFrom: entry.r ?? 0 };
    });
  }

  /** `/v2/key/sharing`: the keys with which this client may read tokens. */
  async fetchKeys(): Promise<ClientKeySet> {
    const path = '/v2/key/sharing';
    return ClientKeySet.fromBody(successBody(path, await this.#enveloped(path, undefined)));
  }

  /** `/v2/optout/status`: raw UIDs (Base64) that are opted out, with the time in milliseconds since the epoch. */
  async optOutStatus(rawUids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const path = '/v2/optout/status';
    const body = successBody(path, await this.#enveloped(path, { advertising_ids: rawUids }));
    const entries = parse(optOutStatusSchema, path, body).opted_out;
    return new Map(entries.map((entry) => [entry.advertising_id, entry.opted_out_since]));
  }

  async close(): Promise<void> {
    await this.#http.close();
  }

  async #enveloped(path: string, payload: unknown): Promise<z.output<typeof statusSchema>> {
    const { clock, randomBytes } = this.#options;
    const nonce = randomBytes(NONCE_BYTES);
    const request = { nowMs: clock(), nonce, ...(payload === undefined ? {} : { json: JSON.stringify(payload) }) };
    const answer = await this.#post(path, encodeRequestEnvelope(request, this.#secret, randomBytes), BINARY);
    if (answer.status !== 200) throw refused(path, answer);
    return statusOf(path, decodeResponseEnvelope(answer.body, this.#secret, nonce).payload);
  }

  async #post(path: string, body: Uint8Array | string, contentType: string): Promise<HttpAnswer> {
    return this.#http.send({
      method: 'POST',
      url: `${this.#options.operatorUrl}${path}`,
      headers: { authorization: `Bearer ${this.#options.apiKey.reveal()}`, 'content-type': contentType },
      body,
      timeoutMs: this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    });
  }
}

function tokenOutcome(answer: z.output<typeof statusSchema>): TokenOutcome {
  if (answer.status === 'optout') return { status: 'optout' };
  const identity = parse(identitySchema, 'the token endpoint', successBody('the token endpoint', answer));
  return {
    status: 'success',
    identity: {
      advertisingToken: identity.advertising_token,
      refreshToken: identity.refresh_token,
      refreshResponseKey: identity.refresh_response_key,
      identityExpiresMs: identity.identity_expires,
      refreshFromMs: identity.refresh_from,
      refreshExpiresMs: identity.refresh_expires,
    },
  };
}

function statusOf(path: string, payload: unknown): z.output<typeof statusSchema> {
  return parse(statusSchema, path, payload);
}

function successBody(path: string, answer: z.output<typeof statusSchema>): unknown {
  if (answer.status === 'success') return answer.body;
  throw new RequestError(
    'UID2_REQUEST_REFUSED',
    `${path} answered ${answer.status}: ${answer.message ?? 'no reason'}`,
    {
      details: { path, status: answer.status },
      action: 'Correct the input; the status word is explained in the UID2 documentation.',
    },
  );
}

function parse<T>(schema: z.ZodType<T>, path: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw malformed(path, 'it has other members');
  return parsed.data;
}

function malformed(path: string, reason: string): MalformedError {
  return new MalformedError('UID2_ANSWER_MALFORMED', `the answer of ${path} cannot be read: ${reason}`, {
    action: 'Check that the address belongs to a UID2 operator.',
  });
}

const errorSchema = z.object({ status: z.string(), message: z.string().optional() });

/** What a status other than 200 says. Error bodies are never encrypted. */
function refused(path: string, answer: HttpAnswer): RequestError | DependencyError {
  const text = Buffer.from(answer.body.subarray(0, 2000)).toString('utf8');
  const said = sayingOf(text);
  const details = { path, httpStatus: answer.status };
  if (answer.status >= 500) {
    return new DependencyError('UID2_OPERATOR_FAILED', `${path} failed with ${answer.status}: ${said}`, {
      retryable: answer.status === 503,
      details,
      action: 'Look at the log of the operator and at its /ops/status.',
    });
  }
  return new RequestError('UID2_REQUEST_REFUSED', `${path} answered ${answer.status}: ${said}`, {
    details,
    action:
      answer.status === 401
        ? 'Check the API key, and that its roles allow this request.'
        : 'Correct the input; the status word is explained in the UID2 documentation.',
  });
}

function sayingOf(text: string): string {
  try {
    const { status, message } = errorSchema.parse(JSON.parse(text));
    return message === undefined ? status : `${status}, ${message}`;
  } catch {
    return text.slice(0, 200).trim() || 'no reason'; // not JSON: the reference's bare texts, or another server
  }
}
