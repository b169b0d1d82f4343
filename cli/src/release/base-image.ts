import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { RequestError } from '@holdfast/base';
import { dockerCredentials, LINUX_AMD64, openLayout, registrySource } from '@holdfast/oci';
import type { ImageSource, SourceImage } from '@holdfast/oci';
import { parseImageReference } from '@holdfast/policy';

import type { CliIo } from '../context.ts';

/** The image that a release lies on. */
export interface BaseImage {
  readonly image: SourceImage;
  /** As it was named. */
  readonly reference: string;
  readonly close: () => Promise<void>;
}

/** A reference that no index names: a layout of one image answers with that one. */
const ANY = parseImageReference('holdfast.local/base:any');

/**
 * Opens the base image: a layout or archive when there is a file of that name, else an image of a registry.
 * @throws RequestError RELEASE_BASE_UNUSABLE, and whatever the place of the image throws
 */
export async function openBase(io: CliIo, name: string, insecure: readonly string[]): Promise<BaseImage> {
  const path = resolve(io.cwd, name);
  const local = existsSync(path);
  if (!local && /^[./~]/.test(name)) {
    throw new RequestError('RELEASE_BASE_UNUSABLE', `there is no file or folder ${name}`, {
      action: 'Name the layout or archive of an image, or an image of a registry.',
    });
  }
  const source: ImageSource = local
    ? await openLayout(path)
    : registrySource({ credentials: credentialsOf(io), plainHttp: { registries: insecure } });
  try {
    const image = await source.open(local ? ANY : parseImageReference(name), LINUX_AMD64);
    return { image, reference: name, close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Credentials as Docker keeps them. */
export function credentialsOf({ env, cwd }: CliIo): ReturnType<typeof dockerCredentials> {
  const folder = env['DOCKER_CONFIG'] ?? '';
  return dockerCredentials(folder === '' ? {} : { folder: resolve(cwd, folder) });
}

/** The program that runs Node in an image: its entrypoint when that is Node, else what PATH finds. */
export function nodeOf(image: SourceImage): string {
  const [program] = image.config.config.Entrypoint ?? [];
  return program !== undefined && /(^|\/)node(js)?$/.test(program) ? program : 'node';
}
