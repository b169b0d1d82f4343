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

/** Takes a piece of a body; the next one comes when it is done. */
export type ChunkTaker = (chunk: Uint8Array) => void | Promise<void>;

/**
 * GETs of Core, Opt-Out and their storage. Redirects are never followed: they would carry secret headers, or trust, to an
 * address nobody named.
 */
export class Downloader {
  readonly #agent = new Agent({ connect: { timeout: 5_000 } });

  /**
   * Hands the body over piece by piece, only after the status proved good. Where `onChunk` answers a promise, the next piece waits
   * for it; an error that it throws comes out as is.
   * @throws DependencyError CORE_DOWNLOAD_FAILED (text begins with `E12: Data Download Failure`)
   * @throws DependencyError CORE_CONTENT_TOO_LARGE · UnsupportedError CORE_LOCATION_UNSUPPORTED
   */
  async stream(url: string, options: DownloadOptions, onChunk: ChunkTaker): Promise<void> {
    await this.#receive(url, options, () => undefined, onChunk);
  }

  /**
   * The whole body, in memory that `allocate` gives. Where the answer says its length, the body goes there directly and is never
   * in memory twice. Errors as `stream`.
   */
  async bytes<T extends Uint8Array>(
    url: string,
    options: DownloadOptions,
    allocate: (length: number) => T,
  ): Promise<T> {
    let body: T | undefined;
    let received = 0;
    const chunks: Uint8Array[] = [];
    await this.#receive(
      url,
      options,
      (announced) => {
        if (announced !== undefined) body = allocate(announced);
      },
      (chunk) => {
        if (body === undefined) chunks.push(chunk);
        else body.set(chunk, received);
        received += chunk.length;
      },
    );
    if (body?.length === received) return body;
    const copy = allocate(received);
    if (body !== undefined) copy.set(body.subarray(0, received));
    let at = 0;
    for (const chunk of chunks) {
      copy.set(chunk, at);
      at += chunk.length;
    }
    return copy;
  }

  /** `onHead` gets the length of the body, when the answer names one that is allowed, before the first piece. */
  async #receive(
    url: string,
    options: DownloadOptions,
    onHead: (length: number | undefined) => void,
    onChunk: ChunkTaker,
  ): Promise<void> {
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
    onHead(announcedLength(response, options.maxBytes));
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
        await onChunk(next);
      } catch (error) {
        response.body.destroy();
        throw error;
      }
    }
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

/** Undici fails a body that is longer or shorter than this. */
function announcedLength({ headers }: Dispatcher.ResponseData, maxBytes: number): number | undefined {
  const text = headers['content-length'];
  const length = typeof text === 'string' ? Number(text) : Number.NaN;
  return Number.isSafeInteger(length) && length >= 0 && length <= maxBytes ? length : undefined;
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
