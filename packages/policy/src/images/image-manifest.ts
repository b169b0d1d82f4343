import { MalformedError, UnsupportedError } from '@holdfast/base';
import { z } from 'zod';

import type { ImagePlatform } from './image-facts.ts';
import { isSha256Digest } from './image-reference.ts';
import { parseJsonBytes } from './json-document.ts';

/** Points to a blob or manifest. `digest` is `sha256:` and 64 lowercase hex characters, `size` the exact number of bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface IndexEntry extends Descriptor {
  readonly platform?: ImagePlatform;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Base layer first. */
  readonly layers: readonly Descriptor[];
}

export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly IndexEntry[];
}

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
export const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
const DOCKER_SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/;

/** Everything that may answer a request for an image, best first. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST];

const MAX_LAYERS = 1024;
const MAX_INDEX_ENTRIES = 1024;

const digestSchema = z.string().max(300);
const descriptorSchema = z.object({
  mediaType: z.string().max(255),
  digest: digestSchema,
  size: z.number().int().nonnegative(),
});
const platformSchema = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() });
const manifestSchema = z.object({
  mediaType: z.string().optional(),
  config: descriptorSchema,
  layers: z.array(descriptorSchema).max(MAX_LAYERS),
});
const indexSchema = z.object({
  mediaType: z.string().optional(),
  manifests: z
    .array(
      descriptorSchema.extend({
        platform: platformSchema.nullish(),
        annotations: z.record(z.string(), z.string()).nullish(),
      }),
    )
    .max(MAX_INDEX_ENTRIES),
});

/**
 * Reads a manifest or an index. `mediaType` is what the place it came from says about it, if it says anything: it has to
 * agree with what the document says about itself, so that one document cannot be read in two ways.
 * @throws MalformedError IMAGE_MANIFEST_MALFORMED
 * @throws UnsupportedError IMAGE_MANIFEST_UNSUPPORTED for Docker schema 1 and for artifacts that are no container images
 * @throws UnsupportedError IMAGE_DIGEST_UNSUPPORTED
 * @see OCI Image Specification 1.1, "Image Manifest" and "Image Index"; Docker Image Manifest Version 2, Schema 2
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): ImageManifest | ImageIndex {
  const document = parseJsonBytes(bytes, 'IMAGE_MANIFEST_MALFORMED', 'the image manifest');
  if (typeof document !== 'object' || document === null) throw malformed('it is no JSON object');
  const declared = declaredMediaType(document, mediaType);
  if (DOCKER_SCHEMA_1.test(declared ?? '') || ('schemaVersion' in document && document.schemaVersion === 1)) {
    throw unsupported('it is a Docker schema 1 manifest, which does not name its layers verifiably');
  }
  const isIndex = 'manifests' in document;
  if (isIndex && ('layers' in document || 'config' in document)) {
    throw malformed('it is both an index and a manifest');
  }
  return isIndex ? toIndex(document, declared ?? OCI_INDEX) : toManifest(document, declared ?? OCI_MANIFEST);
}

/**
 * Chooses the entry for a platform, the first if there are several; the variant is not compared. Entries for attestations
 * are skipped. An index with a single image that names no platform gives that image.
 * @throws UnsupportedError IMAGE_PLATFORM_UNAVAILABLE
 */
export function chooseManifest(index: ImageIndex, platform: ImagePlatform): IndexEntry {
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  const exact = images.find((entry) => samePlatform(entry.platform, platform));
  if (exact !== undefined) return exact;
  const [only, ...others] = images;
  if (only !== undefined && others.length === 0 && only.platform === undefined) return only;
  const offered = [...new Set(images.map((entry) => platformText(entry.platform)))];
  throw platformUnavailable(platform, offered);
}

export function platformUnavailable(platform: ImagePlatform, offered: readonly string[]): UnsupportedError {
  const what = offered.length === 0 ? 'for no platform' : `for ${offered.slice(0, 20).join(', ')}`;
  return new UnsupportedError(
    'IMAGE_PLATFORM_UNAVAILABLE',
    `the image exists ${what}, not for ${platformText(platform)}`,
    { action: `Build the image for ${platformText(platform)}.`, details: { offered: offered.slice(0, 20) } },
  );
}

/** How the blob of a layer is packed. Null when the media type is not one of a layer's. */
export function layerCompression(mediaType: string): 'none' | 'gzip' | 'zstd' | null {
  return LAYER_COMPRESSION.get(mediaType) ?? null;
}

const LAYER_COMPRESSION: ReadonlyMap<string, 'none' | 'gzip' | 'zstd'> = new Map([
  [OCI_LAYER, 'none'],
  [`${OCI_LAYER}+gzip`, 'gzip'],
  [`${OCI_LAYER}+zstd`, 'zstd'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar', 'none'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'gzip'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', 'zstd'],
  ['application/vnd.docker.image.rootfs.diff.tar', 'none'],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'gzip'],
  ['application/vnd.docker.image.rootfs.diff.tar.zstd', 'zstd'],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar', 'none'],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'gzip'],
]);

function declaredMediaType(document: object, outer: string | undefined): string | undefined {
  const inner = 'mediaType' in document && typeof document.mediaType === 'string' ? document.mediaType : undefined;
  const known = outer !== undefined && (MANIFEST_MEDIA_TYPES.includes(outer) || DOCKER_SCHEMA_1.test(outer));
  if (known && inner !== undefined && inner !== outer) {
    throw malformed(`it calls itself ${JSON.stringify(inner.slice(0, 100))} but was handed over as ${outer}`);
  }
  return inner ?? (known ? outer : undefined);
}

function toIndex(document: object, mediaType: string): ImageIndex {
  if (mediaType !== OCI_INDEX && mediaType !== DOCKER_INDEX) {
    throw malformed(`it lists manifests but calls itself ${JSON.stringify(mediaType.slice(0, 100))}`);
  }
  const parsed = indexSchema.safeParse(document);
  if (!parsed.success) throw malformed(firstProblem(parsed.error));
  const manifests = parsed.data.manifests.map(({ platform, annotations, ...descriptor }) => ({
    ...checkedDescriptor(descriptor),
    ...(platform === null || platform === undefined ? {} : { platform: toPlatform(platform) }),
    ...(annotations === null || annotations === undefined ? {} : { annotations }),
  }));
  return { kind: 'index', mediaType, manifests };
}

function toManifest(document: object, mediaType: string): ImageManifest {
  if (mediaType !== OCI_MANIFEST && mediaType !== DOCKER_MANIFEST) {
    throw unsupported(`its media type is ${JSON.stringify(mediaType.slice(0, 100))}`);
  }
  const parsed = manifestSchema.safeParse(document);
  if (!parsed.success) throw malformed(firstProblem(parsed.error));
  const config = checkedDescriptor(parsed.data.config);
  if (config.mediaType !== OCI_CONFIG && config.mediaType !== DOCKER_CONFIG) {
    throw unsupported(`it is no container image: its configuration is ${JSON.stringify(config.mediaType)}`);
  }
  const layers = parsed.data.layers.map(checkedDescriptor);
  for (const layer of layers) {
    if (layerCompression(layer.mediaType) === null) {
      throw unsupported(`it has a layer of the media type ${JSON.stringify(layer.mediaType)}`);
    }
  }
  return { kind: 'manifest', mediaType, config, layers };
}

function checkedDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  if (isSha256Digest(digest)) return { mediaType, digest, size };
  if (/^sha(?:384|512):[0-9a-f]+$/.test(digest)) {
    throw new UnsupportedError('IMAGE_DIGEST_UNSUPPORTED', 'the image names its parts by a digest other than sha256');
  }
  throw malformed('it names a part by something that is no sha256 digest');
}

function toPlatform({ os, architecture, variant }: z.infer<typeof platformSchema>): ImagePlatform {
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Build tools store provenance beside the images of an index, under a platform that does not exist. */
function isAttestation({ platform, annotations }: IndexEntry): boolean {
  if (annotations?.['vnd.docker.reference.type'] !== undefined) return true;
  return platform?.os === 'unknown' && platform.architecture === 'unknown';
}

function samePlatform(one: ImagePlatform | undefined, other: ImagePlatform): boolean {
  return one?.os === other.os && one.architecture === other.architecture;
}

export function platformText(platform: ImagePlatform | undefined): string {
  if (platform === undefined) return 'an unnamed platform';
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join('/');
}

function firstProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'it does not have the required fields' : `${issue.path.join('.')}: ${issue.message}`;
}

function malformed(problem: string): MalformedError {
  return new MalformedError('IMAGE_MANIFEST_MALFORMED', `the image manifest cannot be used: ${problem}`);
}

function unsupported(problem: string): UnsupportedError {
  return new UnsupportedError('IMAGE_MANIFEST_UNSUPPORTED', `the image manifest cannot be used: ${problem}`, {
    action: 'Push the image again with a current tool, as an OCI or Docker schema 2 image.',
  });
}
