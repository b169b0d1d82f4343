import { RequestError } from '@holdfast/base';
import { OCI_INDEX, parseManifest } from '@holdfast/policy';
import type { Descriptor, ImagePlatform, ImageReference, IndexEntry } from '@holdfast/policy';

import { verifiedChunks, verifyContent } from '../digest.ts';
import { assembleImage } from '../image-source.ts';
import type { ImageLimits, SourceImage } from '../image-source.ts';
import { resolveManifest } from '../resolve-manifest.ts';
import { layoutMalformed } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';

/** Annotation of an entry in `index.json`: a whole reference, or the tag alone. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** Annotation that containerd and `docker save` add beside it: the whole reference in its canonical spelling. */
const CONTAINERD_NAME = 'io.containerd.image.name';

const LAYOUT_VERSION = '1.0.0';

/**
 * Opens an image of an OCI image layout: the entry of `index.json` with the reference's name or digest, or the only entry.
 * @throws RequestError LAYOUT_IMAGE_UNKNOWN
 * @throws MalformedError LAYOUT_MALFORMED, UnsupportedError IMAGE_PLATFORM_UNAVAILABLE, VerificationError IMAGE_DIGEST_MISMATCH
 * @see OCI Image Specification 1.1, "Image Layout"
 */
export async function openOciLayoutImage(
  tree: FileTree,
  reference: ImageReference,
  platform: ImagePlatform,
  limits: ImageLimits,
): Promise<SourceImage> {
  checkVersion(tree, await tree.read('oci-layout', 4096));
  const index = parseManifest(await tree.read('index.json', limits.manifestBytes), OCI_INDEX);
  if (index.kind !== 'index') throw layoutMalformed(tree.location, 'index.json is no image index');
  const entry = selectEntry(tree.location, index.manifests, reference);
  const readManifest = async (descriptor: Descriptor) => ({
    bytes: await readBlob(tree, descriptor, limits.manifestBytes),
    mediaType: descriptor.mediaType,
  });
  const resolved = await resolveManifest(await readManifest(entry), platform, readManifest);
  return assembleImage(
    {
      ...resolved,
      configBytes: await readBlob(tree, resolved.manifest.config, limits.configBytes),
      openLayer: (layer) => verifiedChunks(tree.stream(blobPath(layer.digest)), layer, `layer ${layer.digest}`),
    },
    platform,
  );
}

/** Where an OCI image layout keeps a blob. `digest` has to be a checked `sha256:` digest. */
export function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

async function readBlob(tree: FileTree, descriptor: Descriptor, maxBytes: number): Promise<Uint8Array> {
  const path = blobPath(descriptor.digest);
  const bytes = await tree.read(path, maxBytes);
  verifyContent(bytes, descriptor, `${tree.location}: ${path}`);
  return bytes;
}

function checkVersion(tree: FileTree, bytes: Uint8Array): void {
  let version: unknown;
  try {
    version = (JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>)['imageLayoutVersion'];
  } catch (cause) {
    throw layoutMalformed(tree.location, 'oci-layout is not JSON', cause);
  }
  if (version !== LAYOUT_VERSION)
    throw layoutMalformed(tree.location, `oci-layout does not name version ${LAYOUT_VERSION}`);
}

function selectEntry(location: string, entries: readonly IndexEntry[], reference: ImageReference): IndexEntry {
  const found =
    reference.digest === undefined
      ? entries.find((entry) => isNamed(entry, reference))
      : entries.find(({ digest }) => digest === reference.digest);
  const only = entries.length === 1 && reference.digest === undefined ? entries[0] : undefined;
  const entry = found ?? only;
  if (entry === undefined) {
    throw imageUnknown(
      location,
      reference,
      entries.map(({ annotations, digest }) => annotations?.[CONTAINERD_NAME] ?? annotations?.[REF_NAME] ?? digest),
    );
  }
  return entry;
}

export function imageUnknown(location: string, reference: ImageReference, present: readonly string[]): RequestError {
  const held = present.slice(0, 20);
  const list = held.length === 0 ? 'nothing' : held.join(', ');
  return new RequestError('LAYOUT_IMAGE_UNKNOWN', `${location} does not hold ${reference.text}, but ${list}`, {
    action: 'Ask for one of the images that it holds.',
    details: { reference: reference.text, present: held },
  });
}

function isNamed({ annotations }: IndexEntry, reference: ImageReference): boolean {
  const whole = annotations?.[CONTAINERD_NAME];
  if (whole !== undefined) return whole === reference.canonical;
  const name = annotations?.[REF_NAME];
  return name !== undefined && [reference.text, reference.familiar, reference.canonical, reference.tag].includes(name);
}
