import { MalformedError } from '@holdfast/base';
import { z } from 'zod';

import type { ImageConfig, ImagePlatform } from './image-facts.ts';
import { isSha256Digest } from './image-reference.ts';
import { parseJsonBytes } from './json-document.ts';

/** The configuration document of an image. */
export interface ImageConfigDocument {
  readonly config: ImageConfig;
  readonly platform: ImagePlatform;
  /** Digests of the uncompressed layer tars, base layer first. */
  readonly diffIds: readonly string[];
}

const words = z.array(z.string()).nullish();

/** The part of an image's configuration that describes the process to start; fields that nothing here reads are dropped. */
export const imageConfigSchema: z.ZodType<ImageConfig> = z
  .object({
    Env: words,
    Entrypoint: words,
    Cmd: words,
    WorkingDir: z.string().nullish(),
    User: z.string().nullish(),
    StopSignal: z.string().nullish(),
    Tty: z.boolean().nullish(),
    Volumes: z.record(z.string(), z.unknown()).nullish(),
  })
  .transform(withoutUndefined);

const documentSchema = z.object({
  config: imageConfigSchema.nullish(),
  os: z.string().optional(),
  architecture: z.string().optional(),
  variant: z.string().nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()).nullish() }).nullish(),
});

/**
 * Reads the configuration blob of an image.
 * @throws MalformedError IMAGE_CONFIG_MALFORMED
 * @see OCI Image Specification 1.1, "Image Configuration"
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfigDocument {
  const json = parseJsonBytes(bytes, 'IMAGE_CONFIG_MALFORMED', 'the image configuration');
  const parsed = documentSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw malformed(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unexpected'}`);
  }
  const { config, os, architecture, variant, rootfs } = parsed.data;
  const diffIds = rootfs?.diff_ids ?? [];
  if (!diffIds.every(isSha256Digest)) throw malformed('rootfs.diff_ids holds something that is no sha256 digest');
  return {
    config: config ?? {},
    platform: {
      os: os ?? '',
      architecture: architecture ?? '',
      ...(variant === null || variant === undefined || variant === '' ? {} : { variant }),
    },
    diffIds,
  };
}

/** An absent field stays absent: "neither Entrypoint nor Cmd" means something else than two empty lists. */
function withoutUndefined(config: Record<string, unknown>): ImageConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function malformed(problem: string): MalformedError {
  return new MalformedError('IMAGE_CONFIG_MALFORMED', `the image configuration cannot be used: ${problem}`);
}
