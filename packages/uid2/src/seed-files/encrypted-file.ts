import type { KeyObject } from 'node:crypto';

import { fromBase64, MalformedError, toBase64, VerificationError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { parseJsonObject } from '../envelope/lenient-json.ts';
import type { JsonObject } from '../envelope/lenient-json.ts';
import { openGcm } from '../core/open-gcm.ts';
import { encryptGcm } from '../tokens/gcm.ts';

const ENCRYPTION_VERSION = '1.0';

/**
 * Encrypts the content of a store file for one site: `{"key_id":n,"encryption_version":"1.0","encrypted_payload":"…"}`
 * around AES-256-GCM.
 */
export function encryptCloudFile(
  content: Uint8Array,
  key: { readonly id: number; readonly secret: KeyObject },
  randomBytes: RandomBytes,
): string {
  const payload = toBase64(encryptGcm(key.secret, content, randomBytes));
  const file = { key_id: key.id, encryption_version: ENCRYPTION_VERSION, encrypted_payload: payload };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/**
 * Opens an encrypted store file. Only `key_id` and `encrypted_payload` are read. The messages are those of the UID2
 * reference, which operators of it search their logs for.
 * @param keys The cloud encryption keys this reader holds, by id.
 * @param store The store's name for messages, for example `clients`.
 * @throws MalformedError CLOUD_FILE_MALFORMED when it is no such file
 * @throws VerificationError CLOUD_FILE_KEY_UNKNOWN when none of `keys` has its key id
 * @throws VerificationError CLOUD_FILE_UNREADABLE when the key does not fit or the content was changed
 */
export function decryptCloudFile(
  text: string,
  keys: Pick<ReadonlyMap<number, { readonly secret: KeyObject }>, 'get'>,
  store: string,
): Uint8Array {
  const { keyId, payload } = readEnvelope(text, store);
  const details = { keyId, store };
  const key = keys.get(keyId);
  if (key === undefined) {
    throw new VerificationError(
      'CLOUD_FILE_KEY_UNKNOWN',
      `No matching key found for S3 file decryption - key_id=${keyId} store=${store}`,
      {
        details,
        action: 'Wait for the next refresh of the cloud encryption keys, or check the site of the operator key.',
      },
    );
  }
  const content = openGcm(key.secret, payload);
  if (content === undefined) {
    throw new VerificationError(
      'CLOUD_FILE_UNREADABLE',
      `Internal decryption failure - key_id=${keyId} store=${store}`,
      { details, action: 'Write the encrypted file again with the current key.' },
    );
  }
  return content;
}

function readEnvelope(text: string, store: string): { readonly keyId: number; readonly payload: Uint8Array } {
  let file: JsonObject;
  try {
    file = parseJsonObject(text);
  } catch (cause) {
    throw malformed(store, cause);
  }
  const keyId = file['key_id'];
  const payload = file['encrypted_payload'];
  if (typeof keyId !== 'number' || !Number.isSafeInteger(keyId) || typeof payload !== 'string') throw malformed(store);
  try {
    return { keyId, payload: fromBase64(payload) };
  } catch (cause) {
    throw malformed(store, cause);
  }
}

function malformed(store: string, cause?: unknown): MalformedError {
  return new MalformedError('CLOUD_FILE_MALFORMED', 'Failed to parse JSON', {
    details: { store },
    ...(cause === undefined ? {} : { cause }),
  });
}
