import { errorMessage, MalformedError } from '@holdfast/base';

type JsonRecord = Record<string, unknown>;

/**
 * The metadata of a store with each location replaced by `sign(location)`; all other members stay as they are. The member
 * is an object with a location, or (salts) an array of them.
 * @throws MalformedError CORE_METADATA_MALFORMED
 */
export async function signLocations(
  text: string,
  member: string,
  sign: (location: string) => Promise<string>,
): Promise<object> {
  let metadata: unknown;
  try {
    metadata = JSON.parse(text);
  } catch (cause) {
    throw malformed(member, errorMessage(cause), cause);
  }
  if (!isRecord(metadata)) throw malformed(member, 'not an object');
  const content = Object.hasOwn(metadata, member) ? metadata[member] : undefined;
  const entries: unknown[] = Array.isArray(content) ? content : [content];
  for (const entry of entries) {
    const location = isRecord(entry) ? entry['location'] : undefined;
    if (!isRecord(entry) || typeof location !== 'string') throw malformed(member, 'a location is missing');
    entry['location'] = await sign(location);
  }
  return metadata;
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(member: string, problem: string, cause?: unknown): MalformedError {
  return new MalformedError('CORE_METADATA_MALFORMED', `metadata of ${member}: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { member },
  });
}
