import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';

import type { TokenCredential } from '@azure/identity';
import type * as BlobSdk from '@azure/storage-blob';
import type {
  BlobSASSignatureValues,
  BlobServiceClient,
  ContainerClient,
  StoragePipelineOptions,
  UserDelegationKey,
} from '@azure/storage-blob';
import { DependencyError, errorMessage, PlatformError, RequestError } from '@holdfast/base';
import type { Clock, Secret } from '@holdfast/base';

import { objectPath } from './object-path.ts';
import type { ObjectInfo, ObjectStore } from './object-store.ts';

/** How a service proves itself to the storage account. */
export type BlobCredential =
  | { readonly kind: 'shared-key'; readonly accountName: string; readonly accountKey: Secret }
  /** The identity of this workload, or of the machine; the client id chooses among several. */
  | { readonly kind: 'managed-identity'; readonly clientId?: string }
  | { readonly kind: 'token'; readonly credential: TokenCredential };

export interface BlobStoreOptions {
  /** `https://<account>.blob.core.windows.net`, without the container. */
  readonly accountUrl: string;
  readonly container: string;
  readonly credential: BlobCredential;
  readonly clock: Clock;
  /** Longest time until an answer begins, retries of the SDK included, in milliseconds; 30 seconds when missing. */
  readonly timeoutMs?: number;
  /** Longest time for the bytes of one object in either direction, in milliseconds; 10 minutes when missing. */
  readonly transferTimeoutMs?: number;
  /** Sends the SDK's requests instead of its own client. */
  readonly httpClient?: NonNullable<StoragePipelineOptions['httpClient']>;
}

const TIMEOUT_MS = 30_000;
const TRANSFER_TIMEOUT_MS = 600_000;
const RETRIES = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2000 };

/** Keys for links of workload identities may live seven days; one is asked for anew well before its day is over. */
const DELEGATION_KEY_MS = 24 * 60 * 60 * 1000;
const DELEGATION_MARGIN_MS = 60 * 1000;
/** Clocks of account and service may differ. */
const CLOCK_SKEW_MS = 5 * 60 * 1000;

/**
 * An object store whose objects are the block blobs of one Azure Blob Storage container, through the official SDK, which
 * is loaded at the first call. Links are shared access signatures: of a service (shared key) or a user delegation (every
 * other credential, which then needs the role "Storage Blob Delegator" too); they lead to the storage account itself.
 * A blob becomes visible with the call that finishes it, so a write is atomic.
 * @see Microsoft, "Create a service SAS" and "Create a user delegation SAS"
 */
export function createBlobStore(options: BlobStoreOptions): ObjectStore {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const transferTimeoutMs = options.transferTimeoutMs ?? TRANSFER_TIMEOUT_MS;
  let connected: Promise<Connection> | undefined;

  function connection(): Promise<Connection> {
    connected ??= connect(options).catch((error: unknown) => {
      connected = undefined; // the next call tries again
      throw error;
    });
    return connected;
  }

  /** Runs one exchange that must end within `limitMs`. */
  async function exchange<T>(
    path: string,
    limitMs: number,
    work: (connection: Connection, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), limitMs);
    try {
      return await untilAborted(
        connection().then((ready) => work(ready, deadline.signal)),
        deadline.signal,
      );
    } catch (error) {
      throw storageError(path, error, deadline.signal.aborted ? limitMs : undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  async function openBlob(path: string): Promise<{ readonly sizeBytes: number; readonly stream: Readable }> {
    objectPath(path);
    const transfer = new AbortController();
    const answer = await exchange(path, timeoutMs, ({ container }, signal) => {
      signal.addEventListener('abort', () => transfer.abort(), { once: true });
      return container.getBlobClient(path).download(0, undefined, { abortSignal: transfer.signal });
    });
    const body = answer.readableStreamBody as Readable | undefined;
    if (body === undefined || answer.contentLength === undefined) {
      throw storageError(path, new Error('the answer has no body'));
    }
    const timer = setTimeout(() => {
      transfer.abort();
      body.destroy(storageError(path, undefined, transferTimeoutMs));
    }, transferTimeoutMs);
    body.once('close', () => clearTimeout(timer));
    return { sizeBytes: answer.contentLength, stream: body };
  }

  return {
    async read(path) {
      const { stream } = await openBlob(path);
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of stream) chunks.push(chunk as Buffer);
      } catch (error) {
        throw storageError(path, error);
      }
      return Buffer.concat(chunks);
    },

    readStream: openBlob,

    async exists(path) {
      objectPath(path);
      return exchange(path, timeoutMs, ({ container }, abortSignal) =>
        container.getBlobClient(path).exists({ abortSignal }),
      );
    },

    async list(prefix) {
      const slash = prefix.lastIndexOf('/');
      if (slash !== -1) objectPath(prefix.slice(0, slash));
      const found = await exchange(prefix, transferTimeoutMs, async ({ container }, abortSignal) => {
        const blobs: ObjectInfo[] = [];
        for await (const { name, properties } of container.listBlobsFlat({ prefix, abortSignal })) {
          const { contentLength, lastModified } = properties;
          blobs.push({ path: name, sizeBytes: contentLength ?? 0, modifiedAt: lastModified.getTime() });
        }
        return blobs;
      });
      return found.sort((a, b) => (a.path < b.path ? -1 : 1));
    },

    async write(path, content) {
      objectPath(path);
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      await exchange(path, transferTimeoutMs, ({ container }, abortSignal) =>
        container.getBlockBlobClient(path).uploadData(bytes, {
          abortSignal,
          blobHTTPHeaders: { blobContentType: 'application/octet-stream' },
        }),
      );
    },

    async delete(path) {
      objectPath(path);
      await exchange(path, timeoutMs, ({ container }, abortSignal) =>
        container.getBlobClient(path).deleteIfExists({ abortSignal }),
      );
    },

    async presign(path, ttlSeconds) {
      objectPath(path);
      return exchange(path, timeoutMs, (ready, signal) => ready.sign(path, ttlSeconds, signal));
    },
  };
}

interface Connection {
  readonly container: ContainerClient;
  sign(path: string, ttlSeconds: number, signal: AbortSignal): Promise<string>;
}

async function connect(options: BlobStoreOptions): Promise<Connection> {
  const sdk = await import('@azure/storage-blob');
  const service = new sdk.BlobServiceClient(options.accountUrl, await sdkCredential(sdk, options.credential), {
    retryOptions: RETRIES,
    ...(options.httpClient === undefined ? {} : { httpClient: options.httpClient }),
  });
  const container = service.getContainerClient(options.container);
  const permissions = sdk.BlobSASPermissions.parse('r');
  // A link must not be good for plain HTTP unless the account itself is (an emulator on this machine).
  const protocol = options.accountUrl.startsWith('https:') ? sdk.SASProtocol.Https : sdk.SASProtocol.HttpsAndHttp;
  const values = (ttlSeconds: number): Pick<BlobSASSignatureValues, 'permissions' | 'protocol' | 'expiresOn'> => ({
    permissions,
    protocol,
    expiresOn: new Date(options.clock() + ttlSeconds * 1000),
  });
  const delegation = new DelegationKeys(service, options.clock);
  return {
    container,
    async sign(path, ttlSeconds, signal) {
      const blob = container.getBlobClient(path);
      if (options.credential.kind === 'shared-key') return blob.generateSasUrl(values(ttlSeconds));
      return blob.generateUserDelegationSasUrl(values(ttlSeconds), await delegation.keyFor(ttlSeconds, signal));
    },
  };
}

/** The key that signs links of a workload identity, asked for at most once a day. */
class DelegationKeys {
  readonly #service: BlobServiceClient;
  readonly #clock: Clock;
  #current: { readonly key: UserDelegationKey; readonly expiresAt: number } | undefined;
  #underWay: Promise<UserDelegationKey> | undefined;

  constructor(service: BlobServiceClient, clock: Clock) {
    this.#service = service;
    this.#clock = clock;
  }

  async keyFor(ttlSeconds: number, abortSignal: AbortSignal): Promise<UserDelegationKey> {
    const needed = this.#clock() + ttlSeconds * 1000 + DELEGATION_MARGIN_MS;
    if (this.#current !== undefined && this.#current.expiresAt >= needed) return this.#current.key;
    this.#underWay ??= this.#fetch(needed, abortSignal).finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #fetch(needed: number, abortSignal: AbortSignal): Promise<UserDelegationKey> {
    const now = this.#clock();
    const expiresAt = Math.max(now + DELEGATION_KEY_MS, needed);
    const key = await this.#service.getUserDelegationKey(new Date(now - CLOCK_SKEW_MS), new Date(expiresAt), {
      abortSignal,
    });
    this.#current = { key, expiresAt };
    return key;
  }
}

async function sdkCredential(sdk: typeof BlobSdk, credential: BlobCredential) {
  if (credential.kind === 'token') return credential.credential;
  if (credential.kind === 'shared-key') {
    return new sdk.StorageSharedKeyCredential(credential.accountName, credential.accountKey.reveal());
  }
  const { ManagedIdentityCredential } = await import('@azure/identity');
  const { clientId } = credential;
  return new ManagedIdentityCredential(clientId === undefined ? {} : { clientId });
}

/** The SDK does not hear an abort everywhere, so the wait ends without it. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    work.then(resolve, reject);
  });
}

interface RestFailure {
  readonly statusCode?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

/** Turns what the SDK throws into this package's errors; an answer's text can span lines, of which the first says what. */
function storageError(path: string, cause: unknown, expiredAfterMs?: number): PlatformError {
  if (cause instanceof PlatformError) return cause;
  const failure = (typeof cause === 'object' && cause !== null ? cause : {}) as RestFailure;
  if (failure.statusCode === 404 && failure.code !== 'ContainerNotFound' && expiredAfterMs === undefined) {
    return new RequestError('OBJECT_NOT_FOUND', `there is no object ${path}`, {
      cause,
      details: { path },
      action: 'Check the path and that the object was written to this container.',
    });
  }
  const reason =
    expiredAfterMs === undefined
      ? (errorMessage(cause).split('\n', 1)[0] ?? '')
      : `no answer within ${expiredAfterMs} ms`;
  const refused = failure.statusCode === 401 || failure.statusCode === 403;
  return new DependencyError('STORAGE_FAILED', `storage failed at ${path}: ${reason}`, {
    retryable: !refused,
    ...(cause === undefined ? {} : { cause }),
    details: { path, status: typeof failure.statusCode === 'number' ? failure.statusCode : null },
    action: refused
      ? 'Give the identity the role "Storage Blob Data Contributor" on the container, or check the account key.'
      : 'Check the account address, that the container exists, and that this machine reaches it.',
  });
}
