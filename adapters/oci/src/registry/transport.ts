import { Readable } from 'node:stream';

import { DependencyError, errorMessage, PlatformError, VerificationError } from '@holdfast/base';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';

import { mayFollow } from './plain-http.ts';
import type { PlainHttpPolicy } from './plain-http.ts';

export interface TransportRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is opened once per request that is sent. */
  readonly body?: Uint8Array | string | (() => AsyncIterable<Uint8Array>);
  /** Longest time until the answer's headers are there, in milliseconds; the transport's own when missing. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The body has to be read, or thrown away with `discard`. */
export interface TransportAnswer {
  readonly status: number;
  /** Lower case names; repeated headers joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly body: AsyncIterable<Uint8Array>;
  readonly discard: () => Promise<void>;
}

export interface TransportOptions {
  readonly plainHttp: PlainHttpPolicy;
  readonly connectTimeoutMs: number;
  /** Longest time until the headers of an answer are there, and longest silence within a body. */
  readonly idleTimeoutMs: number;
  /** Additional certificate authorities in PEM. */
  readonly ca?: string;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Most of an answer that nobody wants is read to keep the connection; a longer one closes it. */
const MAX_DISCARD_BYTES = 64 * 1024;

/** Sends requests to registries. Follows redirects of GET and HEAD; credentials stay with the host they are for. */
export class RegistryTransport {
  readonly #agent: Agent;
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connect: { timeout: options.connectTimeoutMs, ...(options.ca === undefined ? {} : { ca: options.ca }) },
      headersTimeout: options.idleTimeoutMs,
      bodyTimeout: options.idleTimeoutMs,
    });
  }

  /**
   * @throws DependencyError REGISTRY_UNREACHABLE, REGISTRY_TIMEOUT
   * @throws VerificationError REGISTRY_REDIRECT_REFUSED for redirects to plain HTTP, to another scheme, or without end
   */
  async send(call: TransportRequest): Promise<TransportAnswer> {
    let { url } = call;
    let headers = { ...call.headers };
    for (let hops = 0; ; hops += 1) {
      const answer = await this.#sendOnce({ ...call, url, headers });
      const location = answer.headers['location'];
      const follows = REDIRECTS.has(answer.status) && (call.method === 'GET' || call.method === 'HEAD');
      if (!follows || location === undefined) return answer;
      await answer.discard();
      const next = this.resolveLocation(url, location);
      if (hops >= MAX_REDIRECTS) throw redirectRefused(url, `more than ${MAX_REDIRECTS} times`);
      if (next.origin !== url.origin) headers = withoutAuthorization(headers);
      url = next;
    }
  }

  /**
   * The URL that a `Location` header names.
   * @throws VerificationError REGISTRY_REDIRECT_REFUSED
   */
  resolveLocation(from: URL, location: string): URL {
    let to: URL;
    try {
      to = new URL(location, from);
    } catch (cause) {
      throw redirectRefused(from, 'to something that is no URL', cause);
    }
    if (!mayFollow(from, to, this.#options.plainHttp)) throw redirectRefused(from, `to ${to.origin}, without TLS`);
    return to;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #sendOnce(call: TransportRequest): Promise<TransportAnswer> {
    const { url } = call;
    const timeoutMs = call.timeoutMs ?? this.#options.idleTimeoutMs + this.#options.connectTimeoutMs;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    const signal = call.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, call.signal]);
    let response: Dispatcher.ResponseData;
    try {
      response = await request(url, {
        method: call.method,
        headers: { 'accept-encoding': 'identity', 'user-agent': 'holdfast', ...call.headers },
        ...(call.body === undefined ? {} : { body: bodyOf(call.body) }),
        dispatcher: this.#agent,
        signal,
      });
    } catch (cause) {
      throw networkError(url, cause, deadline.signal.aborted ? timeoutMs : undefined, call.signal);
    } finally {
      clearTimeout(timer);
    }
    return {
      status: response.statusCode,
      headers: flatHeaders(response.headers),
      url,
      body: readBody(url, response.body, call.signal),
      discard: async () => {
        try {
          await response.body.dump({ limit: MAX_DISCARD_BYTES });
        } catch {
          // The connection broke while an answer that nobody needs was read: nothing is lost.
        }
      },
    };
  }
}

async function* readBody(url: URL, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await chunks.next();
      } catch (cause) {
        ended = true;
        throw networkError(url, cause, undefined, signal);
      }
      if (next.done === true) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    if (!ended) await chunks.return?.();
  }
}

function bodyOf(body: NonNullable<TransportRequest['body']>): Uint8Array | string | Readable {
  return typeof body === 'function' ? Readable.from(body(), { objectMode: false }) : body;
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
}

function flatHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

/** Problems that the next try would have again. */
const LASTING =
  /^(?:ENOTFOUND|ERR_TLS_.*|ERR_SSL_.*|CERT_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*)$/;

function networkError(url: URL, cause: unknown, timeoutMs?: number, signal?: AbortSignal): Error {
  // An error of the body that was being sent, for example a layer that is not what its digest says.
  if (cause instanceof PlatformError) return cause;
  const host = url.origin;
  // An abort is a DOMException, whose code is a number.
  const code = String((cause as { code?: string | number }).code ?? '');
  if (timeoutMs !== undefined || /^UND_ERR_.*_TIMEOUT$/.test(code)) {
    const limit = timeoutMs === undefined ? 'in time' : `within ${timeoutMs} ms`;
    return new DependencyError('REGISTRY_TIMEOUT', `${host} did not answer ${limit}`, {
      retryable: true,
      cause,
      details: { host },
    });
  }
  const retryable = signal?.aborted !== true && !LASTING.test(code);
  return new DependencyError('REGISTRY_UNREACHABLE', `cannot reach ${host}: ${causeText(cause, code)}`, {
    retryable,
    cause,
    details: { host },
    action: 'Check the registry name and the network, then repeat.',
  });
}

function causeText(cause: unknown, code: string): string {
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (cause instanceof AggregateError) return cause.errors.map((error) => errorMessage(error)).join(', ');
  return errorMessage(cause) || code;
}

function redirectRefused(from: URL, how: string, cause?: unknown): VerificationError {
  return new VerificationError('REGISTRY_REDIRECT_REFUSED', `${from.origin} redirects ${how}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { host: from.origin },
    action: 'Check the configuration of the registry.',
  });
}
