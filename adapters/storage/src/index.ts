export { createBlobStore } from './blob-store.ts';
export type { BlobStoreOptions } from './blob-store.ts';
export type { BlobContainerOptions, BlobCredential } from './blob-container.ts';
export { BLOB_LEASE_SECONDS, createBlobLock } from './blob-lock.ts';
export type { BlobLock, BlobLockAttempt, BlobLockOptions } from './blob-lock.ts';
export { createDirectoryStore } from './directory-store.ts';
export type { DirectoryStoreOptions } from './directory-store.ts';
export { errorCodes } from './error-codes.ts';
export type { ObjectInfo, ObjectStore, ObjectStream } from './object-store.ts';
export { objectPath } from './object-path.ts';
export { useSignedLinks } from './signed-link-routes.ts';
export { readLinkKeyFile } from './link-key-file.ts';
export {
  accountNameOf,
  blobAccessSchema,
  oneBucket,
  openObjectStore,
  storageProblems,
  storageSettings,
} from './storage-settings.ts';
export type { OpenStoreOptions, StorageSettings } from './storage-settings.ts';
