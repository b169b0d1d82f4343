import { MalformedError } from '@holdfast/base';
import { chooseManifest, parseManifest } from '@holdfast/policy';
import type { Descriptor, ImageManifest, ImagePlatform } from '@holdfast/policy';

import { sha256Digest } from './digest.ts';
import { MAX_INDEX_DEPTH } from './image-source.ts';

/** Bytes of a manifest or index whose digest was verified, and what the place they came from calls them. */
export interface ManifestDocument {
  readonly bytes: Uint8Array;
  readonly mediaType?: string;
}

export interface ResolvedManifest {
  readonly manifestDigest: string;
  readonly manifestBytes: Uint8Array;
  readonly manifest: ImageManifest;
}

/**
 * Follows indexes down to the manifest for a platform. `fetch` gets the document that a descriptor names and verifies it.
 * @throws MalformedError IMAGE_MANIFEST_MALFORMED, UnsupportedError IMAGE_PLATFORM_UNAVAILABLE, IMAGE_MANIFEST_UNSUPPORTED
 */
export async function resolveManifest(
  start: ManifestDocument,
  platform: ImagePlatform,
  fetch: (descriptor: Descriptor) => Promise<ManifestDocument>,
): Promise<ResolvedManifest> {
  let document = start;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth += 1) {
    const parsed = parseManifest(document.bytes, document.mediaType);
    if (parsed.kind === 'manifest') {
      return { manifestDigest: sha256Digest(document.bytes), manifestBytes: document.bytes, manifest: parsed };
    }
    document = await fetch(chooseManifest(parsed, platform));
  }
  throw new MalformedError('IMAGE_MANIFEST_MALFORMED', `indexes are nested more than ${MAX_INDEX_DEPTH} deep`);
}
