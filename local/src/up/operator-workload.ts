import { createHash } from 'node:crypto';

import { fromBase64 } from '@holdfast/base';
import type { GeneratedCcePolicy } from '@holdfast/policy';
import { writeFileAtomic } from '@holdfast/process';

import { readIfPresent } from '../home/read-if-present.ts';
import { buildLocalImages } from '../images/build-local-image.ts';
import type { LocalImage, LocalImageDefinition } from '../images/build-local-image.ts';
import type { ImageFolders } from '../images/image-folders.ts';
import { operatorPodImages } from '../images/service-images.ts';
import {
  createOperatorManifest,
  createOperatorPolicy,
  policyOfManifest,
  updateOperatorManifest,
} from '../virtual-node/operator-manifest.ts';
import type { OperatorManifestOptions } from '../virtual-node/operator-manifest.ts';

/** The operator's pod as this repository makes it: its images and the policy that admits exactly them. */
export interface OperatorWorkload {
  readonly images: readonly LocalImage[];
  readonly policy: GeneratedCcePolicy;
}

/** Builds the images of the operator's pod, from this repository unless told otherwise, and the policy for them. */
export async function buildOperatorWorkload(
  folders: ImageFolders,
  definitions: readonly LocalImageDefinition[] = operatorPodImages,
): Promise<OperatorWorkload> {
  const images = await buildLocalImages(folders, definitions);
  return { images, policy: await createOperatorPolicy(images.map(({ facts }) => facts)) };
}

export interface WriteManifestOptions extends Omit<OperatorManifestOptions, 'policy'> {
  readonly policy: GeneratedCcePolicy;
  /** Id of the policy that was generated for the manifest before. */
  readonly previousEnclaveId: string;
  readonly keepPolicy: boolean;
}

/**
 * The manifest of the home folder, made at first start, with the addresses of this start. When the images have changed, it
 * gets the policy for the new ones, unless somebody has put a policy of their own there.
 * @throws MalformedError MANIFEST_INVALID
 */
export async function writeOperatorManifest(file: string, options: WriteManifestOptions): Promise<string> {
  const existing = await readIfPresent(file);
  const { endpoints, policy } = options;
  const text =
    existing === undefined
      ? createOperatorManifest({ ...options, policy: policy.base64 })
      : updateOperatorManifest(existing, {
          endpoints,
          ...(mayReplacePolicy(existing, options) ? { policy: policy.base64 } : {}),
        });
  if (text !== existing) await writeFileAtomic(file, text);
  return text;
}

function mayReplacePolicy(manifest: string, options: WriteManifestOptions): boolean {
  if (options.keepPolicy || options.previousEnclaveId === options.policy.sha256) return false;
  const present = policyOfManifest(manifest);
  return present !== undefined && measure(present) === options.previousEnclaveId;
}

function measure(policy: string): string | undefined {
  try {
    return createHash('sha256').update(fromBase64(policy)).digest('hex');
  } catch {
    return undefined; // not Base64, so nothing that was generated
  }
}
