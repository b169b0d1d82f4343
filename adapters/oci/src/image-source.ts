import { MalformedError } from '@holdfast/base';
import { layerCompression, parseImageConfig, platformUnavailable, platformText } from '@holdfast/policy';
import type { Descriptor, ImageConfigDocument, ImageManifest, ImagePlatform, ImageReference } from '@holdfast/policy';

/** The blob of a layer and the digest of the tar inside it. */
export interface SourceLayer extends Descriptor {
  readonly diffId: string;
  readonly compression: 'none' | 'gzip' | 'zstd';
}

/** An image whose manifest and configuration were read and verified; layers are read on demand. */
export interface SourceImage {
  readonly manifestDigest: string;
  readonly manifestBytes: Uint8Array;
  readonly manifest: ImageManifest;
  readonly configBytes: Uint8Array;
  readonly config: ImageConfigDocument;
  /** Base layer first. */
  readonly layers: readonly SourceLayer[];
  /** Bytes of a layer's blob as stored. Size and digest are verified: the iteration fails at its end when they do not hold. */
  openLayer(layer: SourceLayer, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A place where images are: a registry, a folder, an archive. */
export interface ImageSource {
  open(reference: ImageReference, platform: ImagePlatform): Promise<SourceImage>;
  close(): Promise<void>;
}

/** The platform of confidential container groups. */
export const LINUX_AMD64: ImagePlatform = { os: 'linux', architecture: 'amd64' };

export interface ImageLimits {
  /** Largest manifest or index, in bytes. */
  readonly manifestBytes: number;
  /** Largest configuration blob, in bytes. */
  readonly configBytes: number;
  /** Largest blob of a layer as stored, in bytes. */
  readonly layerBytes: number;
}

export const DEFAULT_IMAGE_LIMITS: ImageLimits = {
  manifestBytes: 4 * 1024 * 1024,
  configBytes: 8 * 1024 * 1024,
  layerBytes: 64 * 1024 ** 3,
};

/** Deepest nesting of indexes that is followed. */
export const MAX_INDEX_DEPTH = 3;

/**
 * Puts manifest and configuration together.
 * @throws MalformedError IMAGE_CONFIG_MALFORMED when layers and diff ids do not pair up
 * @throws UnsupportedError IMAGE_PLATFORM_UNAVAILABLE when the image is for another platform
 */
export function assembleImage(
  parts: Pick<SourceImage, 'manifestDigest' | 'manifestBytes' | 'manifest' | 'configBytes' | 'openLayer'>,
  platform: ImagePlatform,
): SourceImage {
  const config = parseImageConfig(parts.configBytes);
  if (config.platform.os !== platform.os || config.platform.architecture !== platform.architecture) {
    throw platformUnavailable(platform, [platformText(config.platform)]);
  }
  return { ...parts, config, layers: pairLayers(parts.manifest.layers, config.diffIds) };
}

function pairLayers(descriptors: readonly Descriptor[], diffIds: readonly string[]): SourceLayer[] {
  if (descriptors.length !== diffIds.length) {
    throw new MalformedError(
      'IMAGE_CONFIG_MALFORMED',
      `the image has ${descriptors.length} layers, but its configuration names ${diffIds.length}`,
    );
  }
  return descriptors.map((descriptor, position) => ({
    ...descriptor,
    diffId: diffIds[position] ?? '',
    compression: layerCompression(descriptor.mediaType) ?? 'none',
  }));
}
