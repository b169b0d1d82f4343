import { fromUtf8 } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';
import { parseStoreMetadata } from '@holdfast/uid2';

export interface PolledStoreOptions<T> {
  readonly name: string;
  readonly objects: ObjectStore;
  readonly metadataPath: string;
  /** The member of the metadata that holds the location. */
  readonly member: string;
  readonly parse: (text: string) => T;
  /** Takes the new content into use, or throws and leaves the old one in place. */
  readonly apply: (content: T) => void;
}

/** A seed file that Core itself works with, read again whenever the version in its metadata has grown. */
export interface PolledStore {
  readonly name: string;
  /** The version in use; undefined before the first load. */
  readonly version: number | undefined;
  /** Why the last look failed; undefined when it did not. */
  readonly failure: unknown;
  /**
   * Looks at the metadata and loads newer content; answers whether it did. On failure the content in use stays.
   * @throws RequestError OBJECT_NOT_FOUND
   * @throws MalformedError SEED_FILE_MALFORMED
   * @throws DependencyError STORAGE_FAILED
   */
  refresh(): Promise<boolean>;
}

export function createPolledStore<T>(options: PolledStoreOptions<T>): PolledStore {
  let version: number | undefined;
  let failure: unknown;

  async function load(): Promise<boolean> {
    const metadata = parseStoreMetadata(fromUtf8(await options.objects.read(options.metadataPath)), options.member);
    if (version !== undefined && metadata.version <= version) return false;
    options.apply(options.parse(fromUtf8(await options.objects.read(metadata.location))));
    version = metadata.version;
    return true;
  }

  return {
    name: options.name,
    get version() {
      return version;
    },
    get failure() {
      return failure;
    },
    async refresh() {
      try {
        const loaded = await load();
        failure = undefined;
        return loaded;
      } catch (error) {
        failure = error;
        throw error;
      }
    },
  };
}
