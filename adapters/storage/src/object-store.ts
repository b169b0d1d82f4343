import type { Readable } from 'node:stream';

/** One stored object. */
export interface ObjectInfo {
  readonly path: string;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** An object that is being read: its size is fixed at the moment it was opened, whatever is written meanwhile. */
export interface ObjectStream {
  readonly sizeBytes: number;
  readonly stream: Readable;
}

/**
 * Objects by path, as a bucket holds them. A path is `segment/segment/name`: no leading slash, no empty, `.` or `..`
 * segment, no backslash, colon or control character. All methods throw RequestError OBJECT_PATH_INVALID for anything
 * else, and DependencyError STORAGE_FAILED when the medium fails.
 */
export interface ObjectStore {
  /**
   * The whole object.
   * @throws RequestError OBJECT_NOT_FOUND
   */
  read(path: string): Promise<Uint8Array>;
  /**
   * The object piece by piece. The caller must consume or destroy the stream.
   * @throws RequestError OBJECT_NOT_FOUND
   */
  readStream(path: string): Promise<ObjectStream>;
  exists(path: string): Promise<boolean>;
  /** All objects whose path begins with `prefix` (plain text, need not end at a slash), in ascending code-unit order. */
  list(prefix: string): Promise<ObjectInfo[]>;
  /** Creates or replaces an object: a reader sees the old content or the new one, never a part. */
  write(path: string, bytes: Uint8Array | string): Promise<void>;
  /** Removes an object; one that does not exist is no error. */
  delete(path: string): Promise<void>;
  /** A link that lets its holder GET this object, and nothing else, for `ttlSeconds`. Does not look whether it exists. */
  presign(path: string, ttlSeconds: number): Promise<string>;
  /**
   * Checks the query of a link made by `presign` for exactly this path. Only stores whose links lead to `useSignedLinks` have
   * it; the links of others lead to the medium itself.
   * @throws VerificationError LINK_INVALID when the signature is missing, malformed or for something else
   * @throws VerificationError LINK_EXPIRED
   */
  verifyLink?(path: string, query: URLSearchParams): void;
}
