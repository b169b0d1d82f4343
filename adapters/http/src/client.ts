import { DependencyError, errorMessage } from '@holdfast/base';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Longest time from the call to the last byte of the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Largest answer body accepted, in bytes; 16 MiB when missing. */
  readonly maxBytes?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Header names in lower case; repeated headers joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Sends one HTTP request and reads the whole answer. Redirects are not followed: a redirect would carry secret headers
 * to an address nobody configured. Connections are kept in a pool of this client's own.
 */
export class HttpClient {
  readonly #agent: Agent;

  /** @param options.serverName Name that servers are to prove, and that is asked for in TLS; that of the URL when missing. */
  constructor(
    options: { readonly connectTimeoutMs?: number; readonly ca?: string; readonly serverName?: string } = {},
  ) {
    this.#agent = new Agent({
      connect: {
        timeout: options.connectTimeoutMs ?? 5_000,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
        ...(options.serverName === undefined ? {} : { servername: options.serverName }),
      },
    });
  }

  /**
   * @throws DependencyError HTTP_UNREACHABLE when no answer arrives (refused, reset, name or certificate trouble)
   * @throws DependencyError HTTP_TIMEOUT when the answer is not complete within `timeoutMs`
   * @throws DependencyError HTTP_ANSWER_TOO_LARGE when the answer is longer than `maxBytes`
   */
  async send(call: HttpRequest): Promise<HttpAnswer> {
    const chunks: Uint8Array[] = [];
    const answer = await this.stream(call, (chunk) => {
      chunks.push(chunk);
    });
    return { ...answer, body: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks) };
  }

  /** Like `send`, but hands the body over piece by piece so that a large one is never whole in memory. */
  async stream(call: HttpRequest, onChunk: (chunk: Uint8Array) => void): Promise<Omit<HttpAnswer, 'body'>> {
    const signal = AbortSignal.timeout(call.timeoutMs);
    const host = hostOf(call.url);
    let response: Dispatcher.ResponseData;
    let received = 0;
    try {
      response = await request(call.url, {
        method: call.method ?? 'GET',
        ...(call.headers === undefined ? {} : { headers: call.headers }),
        ...(call.body === undefined ? {} : { body: call.body }),
        dispatcher: this.#agent,
        signal,
        headersTimeout: call.timeoutMs,
        bodyTimeout: call.timeoutMs,
      });
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        received += chunk.length;
        if (received > (call.maxBytes ?? DEFAULT_MAX_BYTES)) {
          throw new DependencyError(
            'HTTP_ANSWER_TOO_LARGE',
            `${host} sent more than ${call.maxBytes ?? DEFAULT_MAX_BYTES} bytes`,
            {
              retryable: false,
              details: { host },
            },
          );
        }
        onChunk(chunk);
      }
    } catch (cause) {
      if (cause instanceof DependencyError) throw cause;
      if (signal.aborted) {
        throw new DependencyError('HTTP_TIMEOUT', `${host} did not answer within ${call.timeoutMs} ms`, {
          retryable: true,
          cause,
          details: { host, timeoutMs: call.timeoutMs },
        });
      }
      throw new DependencyError('HTTP_UNREACHABLE', `cannot reach ${host}: ${causeText(cause)}`, {
        retryable: true,
        cause,
        details: { host },
        action: 'Check that the server runs, the address is right, and its certificate is trusted.',
      });
    }
    return { status: response.statusCode, headers: flatHeaders(response.headers) };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Only scheme, host and port: paths and queries of signed links are secrets. */
function hostOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    return 'an address that is not a URL';
  }
}

function causeText(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (error instanceof AggregateError) return error.errors.map(causeText).join(', ');
  return errorMessage(error) || String(code);
}

function flatHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
