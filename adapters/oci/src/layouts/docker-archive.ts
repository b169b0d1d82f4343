import { createHash } from 'node:crypto';

import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, parseImageConfig, parseManifest } from '@holdfast/policy';
import type { Descriptor, ImagePlatform, ImageReference } from '@holdfast/policy';
import { errorMessage } from '@holdfast/base';
import { z } from 'zod';

import { sha256Digest, verifiedChunks } from '../digest.ts';
import { assembleImage } from '../image-source.ts';
import type { ImageLimits, SourceImage } from '../image-source.ts';
import { layoutMalformed } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';
import { imageUnknown } from './oci-layout.ts';

const MAX_LAYERS = 1024;

const manifestSchema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).max(MAX_LAYERS),
  }),
);
const repositoriesSchema = z.record(z.string(), z.record(z.string(), z.string()));
const legacyConfigSchema = z.looseObject({ parent: z.string().optional(), config: z.unknown().optional() });

/** Files of one image in an archive. */
interface ArchiveImage {
  readonly configBytes: Uint8Array;
  /** Base layer first. */
  readonly layerPaths: readonly string[];
}

/**
 * Opens an image of an archive as `docker save` writes it: the item of `manifest.json` with a matching tag, or the only one.
 * Such archives have no registry manifest. The image gets one that names the layers as they are in the archive, so its digest
 * is stable but not that of any registry.
 * @throws RequestError LAYOUT_IMAGE_UNKNOWN, MalformedError LAYOUT_MALFORMED
 * @see Docker Image Specification 1.2, "Combined Image JSON + Filesystem Changeset Format"
 */
export async function openDockerArchiveImage(
  tree: FileTree,
  reference: ImageReference,
  platform: ImagePlatform,
  limits: ImageLimits,
): Promise<SourceImage> {
  const items = await readJson(tree, 'manifest.json', manifestSchema, limits);
  const item =
    items.find(({ RepoTags }) =>
      RepoTags?.some((tag) => tag === reference.familiar || tag === reference.canonical || tag === reference.text),
    ) ?? (items.length === 1 ? items[0] : undefined);
  if (item === undefined)
    throw imageUnknown(
      tree.location,
      reference,
      items.flatMap(({ RepoTags }) => RepoTags ?? []),
    );
  const configBytes = await tree.read(item.Config, limits.configBytes);
  return describeImage(tree, { configBytes, layerPaths: item.Layers }, platform);
}

/**
 * Opens an image of an archive as Docker wrote it before version 1.10: `repositories`, and one folder per layer with `json` and
 * `layer.tar`. The digests of the layers are computed here, because nothing in such an archive names them.
 * @throws RequestError LAYOUT_IMAGE_UNKNOWN, MalformedError LAYOUT_MALFORMED
 */
export async function openLegacyArchiveImage(
  tree: FileTree,
  reference: ImageReference,
  platform: ImagePlatform,
  limits: ImageLimits,
): Promise<SourceImage> {
  const repositories = await readJson(tree, 'repositories', repositoriesSchema, limits);
  const tagged = Object.entries(repositories).flatMap(([name, tags]) =>
    Object.entries(tags).map(([tag, id]) => ({ name: `${name}:${tag}`, id })),
  );
  const wanted = [reference.text, reference.familiar, reference.canonical];
  const found = tagged.find(({ name }) => wanted.includes(name)) ?? (tagged.length === 1 ? tagged[0] : undefined);
  if (found === undefined)
    throw imageUnknown(
      tree.location,
      reference,
      tagged.map(({ name }) => name),
    );
  const layerPaths = await legacyLayers(tree, found.id, limits);
  const path = (await tree.size(`${found.id}.json`)) === undefined ? `${found.id}/json` : `${found.id}.json`;
  const document = await readJson(tree, path, z.looseObject({}), limits);
  const original = await tree.read(path, limits.configBytes);
  if (parseImageConfig(original).diffIds.length > 0)
    return describeImage(tree, { configBytes: original, layerPaths }, platform);
  const diffIds: string[] = [];
  for (const layer of layerPaths) diffIds.push(await hashFile(tree, layer));
  const completed = { ...document, os: document['os'] ?? platform.os, rootfs: { type: 'layers', diff_ids: diffIds } };
  return describeImage(tree, { configBytes: Buffer.from(JSON.stringify(completed)), layerPaths }, platform);
}

/** The layers of an image by following `parent` from the top one, base layer first. */
async function legacyLayers(tree: FileTree, top: string, limits: ImageLimits): Promise<string[]> {
  const paths: string[] = [];
  let id: string | undefined = top;
  while (id !== undefined) {
    if (!/^[0-9a-f]{64}$/.test(id)) throw layoutMalformed(tree.location, 'a layer id is not 64 hexadecimal characters');
    if (paths.length >= MAX_LAYERS) throw layoutMalformed(tree.location, 'the chain of layers does not end');
    paths.push(`${id}/layer.tar`);
    const layer: z.infer<typeof legacyConfigSchema> = await readJson(tree, `${id}/json`, legacyConfigSchema, limits);
    id = layer.parent;
  }
  return paths.toReversed();
}

async function describeImage(
  tree: FileTree,
  { configBytes, layerPaths }: ArchiveImage,
  platform: ImagePlatform,
): Promise<SourceImage> {
  const { diffIds } = parseImageConfig(configBytes);
  if (diffIds.length !== layerPaths.length) {
    throw layoutMalformed(tree.location, `it has ${layerPaths.length} layers for ${diffIds.length} diff ids`);
  }
  const pathOf = new Map<string, string>();
  const layers: Descriptor[] = [];
  for (const [position, path] of layerPaths.entries()) {
    const layer = await describeLayer(tree, path, diffIds[position] ?? '');
    layers.push(layer);
    pathOf.set(layer.digest, path);
  }
  const config = { mediaType: OCI_CONFIG, digest: sha256Digest(configBytes), size: configBytes.length };
  const manifestBytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }));
  const manifest = parseManifest(manifestBytes);
  if (manifest.kind !== 'manifest') throw layoutMalformed(tree.location, 'it has no layers');
  return assembleImage(
    {
      manifestDigest: sha256Digest(manifestBytes),
      manifestBytes,
      manifest,
      configBytes,
      openLayer: (layer) =>
        verifiedChunks(tree.stream(pathOf.get(layer.digest) ?? layer.digest), layer, `layer ${layer.diffId}`),
    },
    platform,
  );
}

/** Archives from a containerd image store hold compressed layers below `blobs/sha256/`; all others hold plain tars. */
async function describeLayer(tree: FileTree, path: string, diffId: string): Promise<Descriptor> {
  const size = await tree.size(path);
  if (size === undefined)
    throw layoutMalformed(tree.location, `the layer ${JSON.stringify(path.slice(0, 200))} is missing`);
  const packed = await compressionOf(tree, path);
  if (packed === '') return { mediaType: OCI_LAYER, digest: diffId, size };
  const named = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
  const digest = named === undefined ? await hashFile(tree, path) : `sha256:${named}`;
  return { mediaType: `${OCI_LAYER}${packed}`, digest, size };
}

async function compressionOf(tree: FileTree, path: string): Promise<'' | '+gzip' | '+zstd'> {
  for await (const chunk of tree.stream(path)) {
    const start = Buffer.from(chunk.subarray(0, 4)).toString('hex');
    return start.startsWith('1f8b') ? '+gzip' : start === '28b52ffd' ? '+zstd' : '';
  }
  return '';
}

async function hashFile(tree: FileTree, path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of tree.stream(path)) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

async function readJson<T>(tree: FileTree, path: string, schema: z.ZodType<T>, limits: ImageLimits): Promise<T> {
  const bytes = await tree.read(path, limits.configBytes);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw layoutMalformed(tree.location, `${path} is not JSON: ${errorMessage(cause)}`, cause);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw layoutMalformed(tree.location, `${path}: ${issue?.path.join('.')}: ${issue?.message}`);
}
