import { PlatformError } from '@holdfast/base';
import { decryptCloudFile } from '@holdfast/uid2';
import type { CloudEncryptionKey } from '@holdfast/uid2';

/** One attempt to open an encrypted store file, for metrics; the statuses are the reference's. */
export interface DecryptionEvent {
  readonly store: string;
  /** The key that the file names. */
  readonly keyId: number;
  readonly status: 'SUCCESS' | 'KEY_NOT_FOUND' | 'INTERNAL_DECRYPTION_FAILURE';
}

const STATUS_OF_CODE: Readonly<Record<string, DecryptionEvent['status']>> = {
  CLOUD_FILE_KEY_UNKNOWN: 'KEY_NOT_FOUND',
  CLOUD_FILE_UNREADABLE: 'INTERNAL_DECRYPTION_FAILURE',
};

/**
 * The content of an encrypted store file. Every attempt is reported, unless the file is no such file at all.
 * @throws MalformedError CLOUD_FILE_MALFORMED
 * @throws VerificationError CLOUD_FILE_KEY_UNKNOWN, CLOUD_FILE_UNREADABLE
 */
export function openCloudFile(
  text: string,
  keys: ReadonlyMap<number, CloudEncryptionKey>,
  store: string,
  report: (event: DecryptionEvent) => void,
): Uint8Array {
  let keyId = 0;
  const watched = {
    get: (id: number) => {
      keyId = id;
      return keys.get(id);
    },
  };
  try {
    const content = decryptCloudFile(text, watched, store);
    report({ store, keyId, status: 'SUCCESS' });
    return content;
  } catch (error) {
    const status = error instanceof PlatformError ? STATUS_OF_CODE[error.code] : undefined;
    if (status !== undefined) report({ store, keyId, status });
    throw error;
  }
}
