import { JsonFields } from '../encoding/json-fields.ts';

/** What the salts metadata path of UID2 Core says about one salt file. */
export interface SaltFileMetadata {
  /** Milliseconds since the epoch; the snapshot serves from `effective` up to, not including, `expires`. */
  readonly effective: number;
  readonly expires: number;
  /** Where the file is; a path or a pre-signed URL. */
  readonly location: string;
  /** Number of entries. */
  readonly size: number;
}

export interface SaltMetadata {
  /** Salts are loaded again only when this grows. */
  readonly version: number;
  readonly firstLevelSalt: string;
  readonly idPrefix: string;
  readonly idSecret: string;
  /** In the order of the document. */
  readonly salts: readonly SaltFileMetadata[];
}

const CODE = 'SALT_METADATA_MALFORMED';
const DAY_MS = 86_400_000;
/** Bounds memory when the metadata are wrong: sixteen times the size that is in use. */
const MAX_SIZE = 16 * 1_048_576;

/**
 * Checks parsed salt metadata. An entry without `expires` expires 365 days after `now` (ms).
 * @throws MalformedError SALT_METADATA_MALFORMED
 */
export function parseSaltMetadata(json: unknown, now: number): SaltMetadata {
  const fields = JsonFields.of(json, CODE, 'salt metadata');
  return {
    version: fields.integer('version'),
    firstLevelSalt: fields.text('first_level'),
    idPrefix: fields.text('id_prefix'),
    idSecret: fields.text('id_secret'),
    salts: fields.objects('salts').map((entry) => parseEntry(entry, now)),
  };
}

function parseEntry(entry: JsonFields, now: number): SaltFileMetadata {
  const size = entry.integer('size');
  if (size < 1 || size > MAX_SIZE) throw entry.problem('size', `is not between 1 and ${MAX_SIZE}`);
  return {
    effective: entry.integer('effective'),
    expires: entry.has('expires') ? entry.integer('expires') : now + 365 * DAY_MS,
    location: entry.text('location'),
    size,
  };
}
