import { JsonFields } from '../encoding/json-fields.ts';
import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import { prepareSecret } from '../tokens/token-key.ts';
import type { Keyset, KeysetKey } from './keyset.ts';

const KEYSETS = 'KEYSETS_MALFORMED';
const KEYSET_KEYS = 'KEYSET_KEYS_MALFORMED';

/**
 * Checks the parsed JSON of a keysets file.
 * @throws MalformedError KEYSETS_MALFORMED when a mandatory field is missing or of another type
 */
export function parseKeysets(json: unknown): Keyset[] {
  return JsonFields.listOf(json, KEYSETS, 'keysets').map((fields) => ({
    id: fields.int32('keyset_id'),
    siteId: fields.int32('site_id'),
    name: fields.has('name') ? fields.text('name') : '',
    allowedSites: fields.has('allowed_sites') ? new Set(fields.integers('allowed_sites')) : undefined,
    createdSeconds: fields.integer('created'),
    enabled: fields.boolean('enabled'),
    isDefault: fields.boolean('default'),
  }));
}

/**
 * Checks the parsed JSON of a keyset keys file and prepares the secrets.
 * @throws MalformedError KEYSET_KEYS_MALFORMED when a field is missing or of another type, or a secret is not Base64
 */
export function parseKeysetKeys(json: unknown): KeysetKey[] {
  return JsonFields.listOf(json, KEYSET_KEYS, 'keyset keys').map((fields) => {
    const secret = decodeLenientBase64(fields.text('secret'));
    if (secret === undefined) throw fields.problem('secret', 'is not Base64');
    return {
      id: fields.int32('id'),
      keysetId: fields.int32('keyset_id'),
      createdSeconds: fields.integer('created'),
      activatesSeconds: fields.integer('activates'),
      expiresSeconds: fields.integer('expires'),
      secret: prepareSecret(secret),
    };
  });
}
