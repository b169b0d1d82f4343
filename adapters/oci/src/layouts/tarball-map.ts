import { RequestError } from '@holdfast/base';
import { parseImageReference } from '@holdfast/policy';
import { z } from 'zod';

/** Which archive holds which image, by reference as written. */
export type TarballMap = ReadonlyMap<string, string>;

const mapSchema = z.record(z.string().min(1), z.string().min(1));

/**
 * Reads a map from image references to paths of archives: parsed JSON `{reference: path}`, or one path where `references` has
 * a single image.
 * @throws RequestError TARBALL_MAP_INVALID
 */
export function parseTarballMap(value: unknown, references: readonly string[]): TarballMap {
  if (typeof value === 'string') {
    const [only, ...others] = new Set(references);
    if (only === undefined || others.length > 0) {
      throw invalid(`one archive was given for ${others.length + (only === undefined ? 0 : 1)} images`);
    }
    return checked(new Map([[only, value]]));
  }
  const parsed = mapSchema.safeParse(value);
  if (!parsed.success) throw invalid('it is no JSON object from references to paths');
  return checked(new Map(Object.entries(parsed.data)));
}

/** The archive of an image; `name:latest` also finds `name` and the reverse. Undefined when the map has none. */
export function findTarball(map: TarballMap, reference: string): string | undefined {
  const exact = map.get(reference);
  if (exact !== undefined) return exact;
  const wanted = parseImageReference(reference).canonical;
  for (const [name, path] of map) if (parseImageReference(name).canonical === wanted) return path;
  return undefined;
}

/** An archive does not keep the manifest of a registry, so nothing in it could be compared with a registry's digest. */
function checked(map: TarballMap): TarballMap {
  for (const name of map.keys()) {
    if (parseImageReference(name).digest !== undefined) throw invalid(`${name} is named by a digest`);
  }
  return map;
}

function invalid(problem: string): RequestError {
  return new RequestError('TARBALL_MAP_INVALID', `the map of image archives cannot be used: ${problem}`, {
    action: 'Write it as a JSON object from references to paths; refer to images in archives by tag.',
  });
}
