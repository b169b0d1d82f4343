import { DependencyError } from '@holdfast/base';
import type { Descriptor } from '@holdfast/policy';

import { sizeMismatch, verifiedChunks } from '../digest.ts';
import { waitBeforeRetry } from './retry.ts';
import type { RetryPolicy } from './retry.ts';
import type { TransportAnswer } from './transport.ts';

export interface BlobDownload {
  readonly blob: Descriptor;
  /** Requests the blob from byte `offset` on; answers with status 200 or 206. */
  readonly open: (offset: number) => Promise<TransportAnswer>;
  readonly retry: RetryPolicy;
  readonly pace: DownloadPace;
}

/** How slow a download may be, counting only the time spent waiting for the registry. */
export interface DownloadPace {
  readonly graceMs: number;
  readonly minBytesPerSecond: number;
}

export const DEFAULT_DOWNLOAD_PACE: DownloadPace = { graceMs: 60_000, minBytesPerSecond: 16 * 1024 };

/** However often each connection brings a few bytes, this many must be enough for one blob. */
const MAX_CONNECTIONS = 100;

/**
 * The bytes of a blob, verified at the end. A broken connection is continued where it broke: with a Range request, or, from a
 * registry that ignores those, by reading the first bytes again and dropping them.
 * @throws VerificationError IMAGE_DIGEST_MISMATCH, IMAGE_SIZE_MISMATCH
 * @throws DependencyError REGISTRY_UNREACHABLE, REGISTRY_TIMEOUT, REGISTRY_ANSWER_INVALID
 */
export function downloadBlob(download: BlobDownload): AsyncIterable<Uint8Array> {
  const { blob } = download;
  return verifiedChunks(resumedChunks(download), blob, `blob ${blob.digest}`);
}

async function* resumedChunks(download: BlobDownload): AsyncGenerator<Uint8Array> {
  const { blob, retry } = download;
  const watch = new PaceWatch(download);
  let received = 0;
  let failures = 0;
  for (let connections = 1; ; connections += 1) {
    const before = received;
    try {
      for await (const chunk of chunksFrom(download, received, watch)) {
        received += chunk.length;
        yield chunk;
      }
      if (received >= blob.size) return;
      throw new DependencyError(
        'REGISTRY_UNREACHABLE',
        `blob ${blob.digest} ended after ${received} of ${blob.size} bytes`,
        {
          retryable: connections < MAX_CONNECTIONS,
        },
      );
    } catch (error) {
      // Progress makes earlier failures count no more.
      failures = received > before ? 1 : failures + 1;
      if (connections >= MAX_CONNECTIONS) throw error;
      await waitBeforeRetry(retry, failures, error);
    }
  }
}

async function* chunksFrom(download: BlobDownload, offset: number, watch: PaceWatch): AsyncGenerator<Uint8Array> {
  const answer = await watch.time(() => download.open(offset));
  let skip = answer.status === 206 ? 0 : offset;
  if (answer.status === 206 && !startsAt(answer, offset)) {
    await answer.discard();
    throw new DependencyError(
      'REGISTRY_ANSWER_INVALID',
      `${answer.url.host} sent another range than the one asked for`,
      {
        retryable: false,
      },
    );
  }
  const announced = Number(answer.headers['content-length'] ?? Number.NaN) + (answer.status === 206 ? offset : 0);
  if (!Number.isNaN(announced) && announced !== download.blob.size) {
    await answer.discard();
    throw sizeMismatch(`blob ${download.blob.digest}`, download.blob.size, announced);
  }
  const chunks = answer.body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await watch.time(() => chunks.next());
      if (next.done === true) return;
      watch.count(next.value.length);
      const wanted = next.value.subarray(Math.min(skip, next.value.length));
      skip -= next.value.length - wanted.length;
      if (wanted.length > 0) yield wanted;
    }
  } finally {
    await chunks.return?.();
  }
}

function startsAt(answer: TransportAnswer, offset: number): boolean {
  return answer.headers['content-range']?.startsWith(`bytes ${offset}-`) === true;
}

/** Adds up the time spent waiting for the network. The consumer's own time, for hashing, is not the registry's fault. */
class PaceWatch {
  readonly #download: BlobDownload;
  #waitedMs = 0;
  #bytes = 0;

  constructor(download: BlobDownload) {
    this.#download = download;
  }

  count(bytes: number): void {
    this.#bytes += bytes;
  }

  async time<T>(wait: () => Promise<T>): Promise<T> {
    const { retry, pace, blob } = this.#download;
    const start = retry.clock();
    const outcome = await wait().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    this.#waitedMs += Math.max(0, retry.clock() - start);
    const allowedMs = pace.graceMs + (this.#bytes / pace.minBytesPerSecond) * 1000;
    if (this.#waitedMs > allowedMs) {
      throw new DependencyError('REGISTRY_TIMEOUT', `blob ${blob.digest} arrives too slowly`, {
        retryable: false,
        ...('error' in outcome ? { cause: outcome.error } : {}),
        details: { receivedBytes: this.#bytes, waitedMs: this.#waitedMs },
      });
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }
}
