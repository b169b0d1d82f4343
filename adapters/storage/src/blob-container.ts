import type { TokenCredential } from '@azure/identity';
import type * as BlobSdk from '@azure/storage-blob';
import type { BlobServiceClient, ContainerClient, StoragePipelineOptions } from '@azure/storage-blob';
import { DependencyError, errorMessage, PlatformError, RequestError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';

/** How a process proves itself to the storage account. */
export type BlobCredential =
  | { readonly kind: 'shared-key'; readonly accountName: string; readonly accountKey: Secret }
  /** The identity of this workload, or of the machine; the client id chooses among several. */
  | { readonly kind: 'managed-identity'; readonly clientId?: string }
  /** Whoever is signed in: the environment's service principal, an identity as above, or the user of the Azure CLI. */
  | { readonly kind: 'signed-in'; readonly clientId?: string }
  | { readonly kind: 'token'; readonly credential: TokenCredential };

export interface BlobContainerOptions {
  /** `https://<account>.blob.core.windows.net`, without the container. */
  readonly accountUrl: string;
  readonly container: string;
  readonly credential: BlobCredential;
  /** Sends the SDK's requests instead of its own client. */
  readonly httpClient?: NonNullable<StoragePipelineOptions['httpClient']>;
}

const RETRIES = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2000 };

/** The SDK's clients, once it is loaded. */
export interface BlobConnection {
  readonly sdk: typeof BlobSdk;
  readonly service: BlobServiceClient;
  readonly container: ContainerClient;
}

/** One container whose calls end in time and fail with this package's errors. */
export interface BlobContainer {
  /**
   * Runs one exchange that must end within `limitMs`. `path` names the object it is about.
   * @throws RequestError OBJECT_NOT_FOUND
   * @throws DependencyError STORAGE_FAILED
   */
  exchange<T>(
    path: string,
    limitMs: number,
    work: (connection: BlobConnection, signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

/** Opens nothing yet: the official SDK is loaded at the first exchange. */
export function openBlobContainer(options: BlobContainerOptions): BlobContainer {
  let connected: Promise<BlobConnection> | undefined;

  function connection(): Promise<BlobConnection> {
    connected ??= connect(options).catch((error: unknown) => {
      connected = undefined; // the next call tries again
      throw error;
    });
    return connected;
  }

  return {
    async exchange(path, limitMs, work) {
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
    },
  };
}

async function connect(options: BlobContainerOptions): Promise<BlobConnection> {
  const sdk = await import('@azure/storage-blob');
  const service = new sdk.BlobServiceClient(options.accountUrl, await sdkCredential(sdk, options.credential), {
    retryOptions: RETRIES,
    ...(options.httpClient === undefined ? {} : { httpClient: options.httpClient }),
  });
  return { sdk, service, container: service.getContainerClient(options.container) };
}

async function sdkCredential(sdk: typeof BlobSdk, credential: BlobCredential) {
  if (credential.kind === 'token') return credential.credential;
  if (credential.kind === 'shared-key') {
    return new sdk.StorageSharedKeyCredential(credential.accountName, credential.accountKey.reveal());
  }
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity');
  const { clientId } = credential;
  if (credential.kind === 'managed-identity') {
    return new ManagedIdentityCredential(clientId === undefined ? {} : { clientId });
  }
  return new DefaultAzureCredential(clientId === undefined ? {} : { managedIdentityClientId: clientId });
}

/** The SDK does not hear an abort everywhere, so the wait ends without it. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    work.then(resolve, reject);
  });
}

/** What the service said, of an error that came from it: HTTP status and error code, such as LeaseAlreadyPresent. */
export interface ServiceAnswer {
  readonly status: number | undefined;
  readonly code: string | undefined;
}

/** Reads it from what the SDK throws, or from an error of this package that was made of that. */
export function serviceAnswer(error: unknown): ServiceAnswer {
  const cause = error instanceof PlatformError ? error.cause : error;
  const { statusCode, code } = (typeof cause === 'object' && cause !== null ? cause : {}) as {
    readonly statusCode?: unknown;
    readonly code?: unknown;
  };
  return {
    status: typeof statusCode === 'number' ? statusCode : undefined,
    code: typeof code === 'string' ? code : undefined,
  };
}

/** Turns what the SDK throws into this package's errors; an answer's text can span lines, of which the first says what. */
export function storageError(path: string, cause: unknown, expiredAfterMs?: number): PlatformError {
  if (cause instanceof PlatformError) return cause;
  const { status, code } = serviceAnswer(cause);
  if (status === 404 && code !== 'ContainerNotFound' && expiredAfterMs === undefined) {
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
  const refused = status === 401 || status === 403;
  return new DependencyError('STORAGE_FAILED', `storage failed at ${path}: ${reason}`, {
    retryable: !refused,
    ...(cause === undefined ? {} : { cause }),
    details: { path, status: status ?? null },
    action: refused
      ? 'Give the identity the role "Storage Blob Data Contributor" on the container, or check the account key.'
      : 'Check the account address, that the container exists, and that this machine reaches it.',
  });
}
