export { createDirectoryStore } from './directory-store.ts';
export type { DirectoryStoreOptions } from './directory-store.ts';
export { errorCodes } from './error-codes.ts';
export type { ObjectInfo, ObjectStore, ObjectStream } from './object-store.ts';
export { objectPath } from './object-path.ts';
export { useSignedLinks } from './signed-link-routes.ts';
export { readLinkKeyFile } from './link-key-file.ts';
