import { toBase64 } from '@holdfast/base';

import type { Keyset, KeysetKey } from '../keysets/keyset.ts';
import { writeRecords } from './record-reader.ts';

/** The text of a keysets file, as `parseKeysets` reads it. */
export function writeKeysets(keysets: readonly Keyset[]): string {
  return writeRecords(
    keysets.map((keyset) => ({
      keyset_id: keyset.id,
      site_id: keyset.siteId,
      name: keyset.name,
      allowed_sites: keyset.allowedSites === undefined ? null : [...keyset.allowedSites],
      created: keyset.createdSeconds,
      enabled: keyset.enabled,
      default: keyset.isDefault,
    })),
  );
}

/** The text of a keyset keys file, as `parseKeysetKeys` reads it. It holds the keys. */
export function writeKeysetKeys(keys: readonly KeysetKey[]): string {
  return writeRecords(
    keys.map((key) => ({
      id: key.id,
      keyset_id: key.keysetId,
      created: key.createdSeconds,
      activates: key.activatesSeconds,
      expires: key.expiresSeconds,
      secret: toBase64(key.secret.export()),
    })),
  );
}
