import { parseRevocationList } from '@holdfast/attestation';
import type { RevocationList } from '@holdfast/attestation';
import { ConfigError, errorMessage } from '@holdfast/base';

/** Revocation lists from files that somebody keeps up to date. */
export interface RevocationLists {
  /** The lists of the last reading that succeeded; the array changes with a reading. */
  readonly current: readonly RevocationList[];
  /**
   * Reads the files again. When one cannot be used, all stay as they were.
   * @throws ConfigError REVOCATION_LIST_INVALID, ATTESTATION_FILE_UNREADABLE
   */
  reload(): Promise<void>;
}

/**
 * Reads revocation lists, DER or PEM, one in each file. They count only when a trusted root signed them.
 * @throws ConfigError REVOCATION_LIST_INVALID, ATTESTATION_FILE_UNREADABLE
 */
export async function openRevocationLists(
  files: readonly string[],
  readFile: (file: string) => Promise<Uint8Array>,
): Promise<RevocationLists> {
  const read = async (): Promise<readonly RevocationList[]> =>
    Promise.all(files.map(async (file) => parseList(file, await readFile(file))));
  let current = await read();
  return {
    get current() {
      return current;
    },
    reload: async () => {
      current = await read();
    },
  };
}

function parseList(file: string, bytes: Uint8Array): RevocationList {
  try {
    return parseRevocationList(bytes);
  } catch (cause) {
    throw new ConfigError('REVOCATION_LIST_INVALID', [`revocation_list_files: ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Store what AMD answers at /vcek/v1/{product}/crl, one list in each file.',
    });
  }
}
