import { DependencyError, errorMessage, UnsupportedError } from '@holdfast/base';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';

const GUIDE =
  'For troubleshooting information, refer to the applicable Private Operator guide: ' +
  'see https://unifiedid.com/docs/guides/integration-options-private-operator.';

export interface DownloadOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest time from the call to the last byte, in milliseconds. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Whether a status other than 200 is good too, as long as it is 2xx. */
  readonly anySuccess: boolean;
}

/**
 * GETs of Core, Opt-Out and their storage. Redirects are never followed: they would carry secret headers, or trust, to an
 * address nobody named.
 */
export class Downloader {
  readonly #agent = new Agent({ connect: { timeout: 5_000 } });

  /**
   * Hands the body over piece by piece, only after the status proved good. An error that `onChunk` throws comes out as is.
   * @throws DependencyError CORE_DOWNLOAD_FAILED (text begins with `E12: Data Download Failure`)
   * @throws DependencyError CORE_CONTENT_TOO_LARGE · UnsupportedError CORE_LOCATION_UNSUPPORTED
   */
  async stream(url: string, options: DownloadOptions, onChunk: (chunk: Uint8Array) => void): Promise<void> {
    const origin = httpOrigin(url);
    const signal = AbortSignal.timeout(options.timeoutMs);
    const response = await this.#open(url, origin, options, signal);
    const good = options.anySuccess
      ? response.statusCode >= 200 && response.statusCode < 300
      : response.statusCode === 200;
    if (!good) {
      await discard(response);
      throw new DependencyError(
        'CORE_DOWNLOAD_FAILED',
        `E12: Data Download Failure - HTTP response code ${response.statusCode}. ${GUIDE}`,
        { retryable: true, details: { origin, status: response.statusCode } },
      );
    }
    let received = 0;
    const chunks = (response.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    for (;;) {
      const next = await nextChunk(chunks, origin, signal, options.timeoutMs);
      if (next === undefined) return;
      received += next.length;
      try {
        if (received > options.maxBytes) {
          throw new DependencyError('CORE_CONTENT_TOO_LARGE', `${origin} sent more than ${options.maxBytes} bytes`, {
            retryable: false,
            details: { origin, maxBytes: options.maxBytes },
          });
        }
        onChunk(next);
      } catch (error) {
        response.body.destroy();
        throw error;
      }
    }
  }

  /** The whole body of a small answer. Errors as `stream`. */
  async bytes(url: string, options: DownloadOptions): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    await this.stream(url, options, (chunk) => {
      chunks.push(chunk);
    });
    return Buffer.concat(chunks);
  }

  /** Ends everything under way; downloads in progress fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #open(
    url: string,
    origin: string,
    options: DownloadOptions,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await request(url, {
        method: 'GET',
        headers: options.headers ?? {},
        dispatcher: this.#agent,
        signal,
        headersTimeout: options.timeoutMs,
        bodyTimeout: options.timeoutMs,
      });
    } catch (cause) {
      throw failure(cause, origin, signal, options.timeoutMs);
    }
  }
}

async function nextChunk(
  chunks: AsyncIterator<Uint8Array>,
  origin: string,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Uint8Array | undefined> {
  try {
    const next = await chunks.next();
    return next.done === true ? undefined : next.value;
  } catch (cause) {
    throw failure(cause, origin, signal, timeoutMs);
  }
}

async function discard(response: Dispatcher.ResponseData): Promise<void> {
  try {
    await response.body.dump({ limit: 64 * 1024 });
  } catch {
    // The body of a failed answer is of no use; the status is what gets reported.
  }
}

function failure(cause: unknown, origin: string, signal: AbortSignal, timeoutMs: number): DependencyError {
  const kind = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.name) : 'unknown';
  const reason = signal.aborted ? `no complete answer from ${origin} within ${timeoutMs} ms` : `${origin}: ${kind}`;
  return new DependencyError('CORE_DOWNLOAD_FAILED', `E12: Data Download Failure - exception: ${reason}. ${GUIDE}`, {
    retryable: true,
    cause: new Error(errorMessage(cause)),
    details: { origin },
  });
}

/** Scheme, host and port; the path and query of a signed link are secrets and stay out of messages. */
function httpOrigin(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new UnsupportedError('CORE_LOCATION_UNSUPPORTED', 'the location of a file is not an http or https URL', {
      details: { scheme: parsed?.protocol ?? 'none' },
    });
  }
  return parsed.origin;
}
