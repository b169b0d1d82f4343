import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';

import type { BlobSASSignatureValues, BlobServiceClient, UserDelegationKey } from '@azure/storage-blob';
import type { Clock } from '@holdfast/base';

import { openBlobContainer, storageError } from './blob-container.ts';
import type { BlobConnection, BlobContainerOptions, BlobCredential } from './blob-container.ts';
import { objectPath } from './object-path.ts';
import type { ObjectInfo, ObjectStore } from './object-store.ts';

export interface BlobStoreOptions extends BlobContainerOptions {
  readonly clock: Clock;
  /** Longest time until an answer begins, retries of the SDK included, in milliseconds; 30 seconds when missing. */
  readonly timeoutMs?: number;
  /** Longest time for the bytes of one object in either direction, in milliseconds; 10 minutes when missing. */
  readonly transferTimeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const TRANSFER_TIMEOUT_MS = 600_000;

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
  const blobs = openBlobContainer(options);
  let signer: LinkSigner | undefined;

  async function openBlob(path: string): Promise<{ readonly sizeBytes: number; readonly stream: Readable }> {
    objectPath(path);
    const transfer = new AbortController();
    const answer = await blobs.exchange(path, timeoutMs, ({ container }, signal) => {
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
      return blobs.exchange(path, timeoutMs, ({ container }, abortSignal) =>
        container.getBlobClient(path).exists({ abortSignal }),
      );
    },

    async list(prefix) {
      const slash = prefix.lastIndexOf('/');
      if (slash !== -1) objectPath(prefix.slice(0, slash));
      const found = await blobs.exchange(prefix, transferTimeoutMs, async ({ container }, abortSignal) => {
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
      await blobs.exchange(path, transferTimeoutMs, ({ container }, abortSignal) =>
        container.getBlockBlobClient(path).uploadData(bytes, {
          abortSignal,
          blobHTTPHeaders: { blobContentType: 'application/octet-stream' },
        }),
      );
    },

    async delete(path) {
      objectPath(path);
      await blobs.exchange(path, timeoutMs, ({ container }, abortSignal) =>
        container.getBlobClient(path).deleteIfExists({ abortSignal }),
      );
    },

    async presign(path, ttlSeconds) {
      objectPath(path);
      return blobs.exchange(path, timeoutMs, (connection, signal) => {
        signer ??= linkSigner(connection, options.credential, options.clock);
        return signer(path, ttlSeconds, signal);
      });
    },
  };
}

type LinkSigner = (path: string, ttlSeconds: number, signal: AbortSignal) => Promise<string>;

function linkSigner({ sdk, service, container }: BlobConnection, credential: BlobCredential, clock: Clock): LinkSigner {
  const permissions = sdk.BlobSASPermissions.parse('r');
  // A link must not be good for plain HTTP unless the account itself is (an emulator on this machine).
  const protocol = service.url.startsWith('https:') ? sdk.SASProtocol.Https : sdk.SASProtocol.HttpsAndHttp;
  const values = (ttlSeconds: number): Pick<BlobSASSignatureValues, 'permissions' | 'protocol' | 'expiresOn'> => ({
    permissions,
    protocol,
    expiresOn: new Date(clock() + ttlSeconds * 1000),
  });
  const delegation = new DelegationKeys(service, clock);
  return async (path, ttlSeconds, signal) => {
    const blob = container.getBlobClient(path);
    if (credential.kind === 'shared-key') return blob.generateSasUrl(values(ttlSeconds));
    return blob.generateUserDelegationSasUrl(values(ttlSeconds), await delegation.keyFor(ttlSeconds, signal));
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
