import { Buffer } from 'node:buffer';

import type { BlobLeaseClient } from '@azure/storage-blob';
import { DependencyError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import { openBlobContainer, serviceAnswer } from './blob-container.ts';
import type { BlobContainer, BlobContainerOptions } from './blob-container.ts';

/** The longest lease of limited time that the service gives. Whoever disappears holds the lock no longer than this. */
export const BLOB_LEASE_SECONDS = 60;
const RENEW_EVERY_MS = 15_000;
/** A lease that ends sooner than this counts as lost: what is begun now has to be done by then. */
const SAFETY_MS = 10_000;
const TIMEOUT_MS = 30_000;

export interface BlobLockOptions extends BlobContainerOptions {
  /** The blob that is leased; made when it is missing. */
  readonly path: string;
  /** Who takes the lock, as a text that others are shown. */
  readonly holder: string;
  readonly clock: Clock;
  /** Longest time until an answer, in milliseconds; 30 seconds when missing. */
  readonly timeoutMs?: number;
  /** How often a lease that is held is renewed, in milliseconds; 15 seconds when missing. */
  readonly renewEveryMs?: number;
}

/** What became of an attempt to take a lock. */
export type BlobLockAttempt =
  | { readonly taken: true; release(): Promise<void> }
  /** Somebody has it; `holder` is the text they wrote, undefined where they have not done so yet. */
  | { readonly taken: false; readonly holder: string | undefined };

/** A lock that everybody who may write to a container shares. */
export interface BlobLock {
  /** @throws DependencyError STORAGE_FAILED */
  take(): Promise<BlobLockAttempt>;
  /**
   * Call it before every write that the lock protects.
   * @throws DependencyError STORAGE_LOCK_LOST when it was taken and is no longer, or not for long enough, this process's
   */
  check(): void;
}

/**
 * A lock by a lease on one blob. The lease is renewed while it is held, and ends by itself a minute after the process that
 * held it. The blob's content says who that is.
 * @see Microsoft, "Lease Blob" (Blob service REST API)
 */
export function createBlobLock(options: BlobLockOptions): BlobLock {
  const blob = new LeasedBlob(openBlobContainer(options), options.path, options.timeoutMs ?? TIMEOUT_MS);
  const { clock, holder, path } = options;
  let heldUntilMs: number | undefined;

  async function renew(leaseId: string): Promise<void> {
    const askedAt = clock();
    try {
      await blob.renew(leaseId);
      if (heldUntilMs !== undefined) heldUntilMs = askedAt + BLOB_LEASE_SECONDS * 1000;
    } catch (error) {
      // The service says that it is another's now. Any other failure may pass before the lease ends.
      if (isConflict(error) && heldUntilMs !== undefined) heldUntilMs = 0;
    }
  }

  return {
    async take() {
      const askedAt = clock();
      const leaseId = await blob.acquire();
      if (leaseId === undefined) return { taken: false, holder: await blob.content() };
      heldUntilMs = askedAt + BLOB_LEASE_SECONDS * 1000;
      let renewal = Promise.resolve();
      const timer = setInterval(() => {
        renewal = renewal.then(() => renew(leaseId));
      }, options.renewEveryMs ?? RENEW_EVERY_MS);
      timer.unref();
      const release = async (): Promise<void> => {
        clearInterval(timer);
        heldUntilMs = undefined;
        await renewal;
        await blob.release(leaseId);
      };
      try {
        await blob.write(holder, leaseId);
      } catch (error) {
        await release();
        throw error;
      }
      return { taken: true, release };
    },

    check() {
      if (heldUntilMs === undefined || clock() + SAFETY_MS < heldUntilMs) return;
      throw new DependencyError('STORAGE_LOCK_LOST', `the lease on ${path} ended while it was needed`, {
        retryable: true,
        details: { path },
        action:
          'Nothing was half written. Check that this machine reaches the storage account all the time, and do it again.',
      });
    },
  };
}

/** The lease operations of one blob. */
class LeasedBlob {
  readonly #container: BlobContainer;
  readonly #path: string;
  readonly #timeoutMs: number;

  constructor(container: BlobContainer, path: string, timeoutMs: number) {
    this.#container = container;
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  /** The id of a new lease; undefined when somebody holds one. */
  async acquire(): Promise<string | undefined> {
    try {
      return await this.#acquire();
    } catch (error) {
      if (serviceAnswer(error).code !== 'BlobNotFound') throw error;
      await this.#create();
      return this.#acquire();
    }
  }

  async renew(leaseId: string): Promise<void> {
    await this.#lease((client) => client.renewLease(), leaseId);
  }

  /** A lease that cannot be given back ends by itself, so that is no failure of what was done while it was held. */
  async release(leaseId: string): Promise<void> {
    await this.#lease((client) => client.releaseLease(), leaseId).catch(() => undefined);
  }

  async write(text: string, leaseId: string): Promise<void> {
    const bytes = Buffer.from(text);
    await this.#container.exchange(this.#path, this.#timeoutMs, ({ container }, abortSignal) =>
      container.getBlockBlobClient(this.#path).upload(bytes, bytes.length, { abortSignal, conditions: { leaseId } }),
    );
  }

  /** What the holder wrote; undefined when that is nothing. */
  async content(): Promise<string | undefined> {
    const bytes = await this.#container.exchange(this.#path, this.#timeoutMs, ({ container }, abortSignal) =>
      container.getBlobClient(this.#path).downloadToBuffer(0, undefined, { abortSignal }),
    );
    const text = bytes.toString('utf8').trim();
    return text === '' ? undefined : text;
  }

  async #acquire(): Promise<string | undefined> {
    try {
      const { leaseId } = await this.#lease((client) => client.acquireLease(BLOB_LEASE_SECONDS));
      return leaseId;
    } catch (error) {
      if (isConflict(error)) return undefined;
      throw error;
    }
  }

  async #create(): Promise<void> {
    try {
      await this.#container.exchange(this.#path, this.#timeoutMs, ({ container }, abortSignal) =>
        container.getBlockBlobClient(this.#path).upload('', 0, { abortSignal, conditions: { ifNoneMatch: '*' } }),
      );
    } catch (error) {
      if (!isConflict(error)) throw error; // somebody else made it in the meantime
    }
  }

  #lease<T>(work: (client: BlobLeaseClient) => Promise<T>, leaseId?: string): Promise<T> {
    return this.#container.exchange(this.#path, this.#timeoutMs, ({ container }) =>
      work(container.getBlobClient(this.#path).getBlobLeaseClient(leaseId)),
    );
  }
}

/** The service refuses because of somebody else's lease or object: 409 and 412. */
function isConflict(error: unknown): boolean {
  const { status } = serviceAnswer(error);
  return status === 409 || status === 412;
}
