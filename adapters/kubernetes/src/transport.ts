import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

import type { KubeConfig } from '@kubernetes/client-node';

import { KubernetesError, noAnswer, stopped, unusable } from './kubernetes-error.ts';
import type { Answer } from './kubernetes-error.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** For answers that are cut instead of refused when they are long: only the end is kept. */
  readonly keepEnd?: boolean;
  /** For questions whose answer is wanted as it is, a failure too: they are sent once. */
  readonly once?: boolean;
}

export interface TransportOptions {
  readonly requestTimeoutMs: number;
  /** Before the first repetition, doubling. */
  readonly retryDelayMs: number;
}

const MAX_ANSWER = 64 * 1024 * 1024;
const MAX_END = 4 * 1024 * 1024;
const MAX_ATTEMPTS = 4;
const MAX_RETRY_AFTER_MS = 60_000;
/** Doing these twice is doing them once: an apply, a removal. */
const REPEATABLE = new Set(['GET', 'PATCH', 'DELETE']);

/**
 * Requests to the API server with the credentials of a kubeconfig, exec plugins included, as the official client prepares
 * them. Bodies are sent and answered as they are: the client's own serialisers drop every field that they do not know.
 */
export class Transport {
  readonly #config: KubeConfig;
  readonly #server: URL;
  readonly #options: TransportOptions;

  constructor(config: KubeConfig, server: URL, options: TransportOptions) {
    this.#config = config;
    this.#server = server;
    this.#options = options;
  }

  /** The answer, whatever its status. Throws KubernetesError when none arrives; repeats what may be repeated. */
  async send(call: Call): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt >= MAX_ATTEMPTS || call.once === true || !REPEATABLE.has(call.method);
      let pauseMs = this.#options.retryDelayMs * 2 ** (attempt - 1);
      try {
        const answer = await this.#once(call);
        if (last || ![429, 502, 503, 504].includes(answer.status)) return answer;
        pauseMs = retryAfterMs(answer.header('retry-after')) ?? pauseMs;
      } catch (thrown) {
        const broken = thrown instanceof KubernetesError && thrown.code === 'KUBERNETES_UNREACHABLE';
        if (last || !broken || !thrown.retryable) throw thrown;
      }
      await this.pause(pauseMs, call.signal, doingOf(call));
    }
  }

  /** Waits. Throws KubernetesError when `signal` aborts. */
  async pause(ms: number, signal: AbortSignal | undefined, doing: string): Promise<void> {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (thrown) {
      throw stopped(doing, signal?.reason ?? thrown);
    }
  }

  /** Opens an answer that goes on; its end is the caller's business. */
  async open(call: Call): Promise<IncomingMessage> {
    const doing = doingOf(call);
    // The deadline is for the beginning of the answer alone.
    const beginning = new AbortController();
    const timer = setTimeout(
      () => beginning.abort(new DOMException('no answer', 'TimeoutError')),
      this.#options.requestTimeoutMs,
    );
    const signal = call.signal === undefined ? beginning.signal : AbortSignal.any([call.signal, beginning.signal]);
    try {
      return await this.#begin(call, signal);
    } catch (thrown) {
      throw noAnswer(doing, thrown, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #once(call: Call): Promise<Answer> {
    const doing = doingOf(call);
    const deadline = AbortSignal.timeout(this.#options.requestTimeoutMs);
    const signal = call.signal === undefined ? deadline : AbortSignal.any([call.signal, deadline]);
    try {
      const response = await this.#begin(call, signal);
      const text = await readText(response, call.keepEnd === true, doing);
      return {
        status: response.statusCode ?? 0,
        text,
        header: (name) => {
          const value = response.headers[name];
          return Array.isArray(value) ? value[0] : value;
        },
      };
    } catch (thrown) {
      throw noAnswer(doing, thrown, signal);
    }
  }

  async #begin(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    signal.throwIfAborted();
    const headers: Record<string, string> = {
      accept: 'application/json, */*',
      'user-agent': 'holdfast',
      ...(call.body === undefined
        ? {}
        : {
            'content-type': call.contentType ?? 'application/json',
            'content-length': String(Buffer.byteLength(call.body)),
          }),
    };
    const options: RequestOptions = { method: call.method, headers, signal };
    await untilAborted(this.#authenticate(options), signal);
    const url = this.#urlOf(call);
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return await new Promise((resolve, reject) => {
      const request = send(url, options, resolve);
      request.on('error', reject);
      request.end(call.body);
    });
  }

  async #authenticate(options: RequestOptions): Promise<void> {
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message.trim().slice(0, 500) : String(thrown);
      throw new KubernetesError(
        'KUBERNETES_CREDENTIALS_UNAVAILABLE',
        `the kubeconfig yields no credentials for the cluster: ${message}`,
        {
          retryable: false,
          cause: thrown,
          details: { reason: 'CredentialsUnavailable', status: 0 },
          action: 'Check the user of the kubeconfig: its files, and the command that gets its tokens.',
        },
      );
    }
  }

  #urlOf({ path, query }: Call): URL {
    const url = new URL(this.#server);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }
}

/** What a call does, for sentences. */
export function doingOf({ method, path }: Pick<Call, 'method' | 'path'>): string {
  return `${method} ${path}`;
}

async function readText(response: IncomingMessage, keepEnd: boolean, doing: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (keepEnd) {
      while (chunks.length > 1 && length - (chunks[0]?.length ?? 0) >= MAX_END) length -= chunks.shift()?.length ?? 0;
    } else if (length > MAX_ANSWER) {
      response.destroy();
      throw unusable(doing, `more than ${MAX_ANSWER} bytes`);
    }
  }
  return Buffer.concat(chunks).toString('utf8');
}

function retryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d+$/.test(header)
    ? Math.min(Number(header) * 1_000, MAX_RETRY_AFTER_MS)
    : undefined;
}

/** Plugins that get tokens do not look at a signal. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Whatever loses the race has no reader any more.
    work.catch(() => undefined);
    aborted.promise.catch(() => undefined);
  }
}
