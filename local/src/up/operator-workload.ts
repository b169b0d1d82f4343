import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { fromBase64 } from '@holdfast/base';
import type { GeneratedCcePolicy } from '@holdfast/policy';
import { writeFileAtomic } from '@holdfast/process';

import { readIfPresent } from '../home/read-if-present.ts';
import { buildLocalImages } from '../images/build-local-image.ts';
import type { LocalImage, LocalImageDefinition } from '../images/build-local-image.ts';
import type { ImageFolders } from '../images/image-folders.ts';
import { OPERATOR_VERSION, operatorPodImages } from '../images/service-images.ts';
import {
  createOperatorManifest,
  createOperatorPolicy,
  policyOfManifest,
  replacePolicy,
} from '../virtual-node/operator-manifest.ts';

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

export interface WriteManifestOptions {
  readonly policy: GeneratedCcePolicy;
  /** Id of the policy that was generated for the manifest before. */
  readonly previousEnclaveId: string;
  readonly keepPolicy: boolean;
}

/**
 * The manifest of the home folder, made at first start. When the images have changed, it gets the policy for the new ones,
 * unless somebody has put a policy of their own there.
 * @throws MalformedError MANIFEST_INVALID
 */
export async function writeOperatorManifest(file: string, options: WriteManifestOptions): Promise<string> {
  const existing = await readIfPresent(file);
  const text = manifestFrom(existing, options);
  if (text !== existing) await writeFileAtomic(file, text);
  return text;
}

function manifestFrom(existing: string | undefined, options: WriteManifestOptions): string {
  const { base64 } = options.policy;
  // Manifests of earlier versions held the addresses of a start.
  if (existing === undefined || hasAddresses(existing)) return createOperatorManifest(base64);
  return mayReplacePolicy(existing, options) ? replacePolicy(existing, base64) : existing;
}

/** Writes the release of this repository as a folder: the manifest, and the digest of its policy. */
export async function writeRelease(folder: string, policy: GeneratedCcePolicy): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, 'operator.yaml'), createOperatorManifest(policy.base64));
  await writeFileAtomic(join(folder, `azure-aks-operator-digest-${OPERATOR_VERSION}.txt`), `${policy.sha256}\n`);
}

function hasAddresses(manifest: string): boolean {
  return /^ +- name: attestation_sidecar_url$/m.test(manifest);
}

/** SHA-256 of the policy that a manifest carries: what an enclave is registered under. Undefined when it has none. */
export function digestOfManifest(manifest: string): string | undefined {
  const policy = policyOfManifest(manifest);
  return policy === undefined ? undefined : measure(policy);
}

function mayReplacePolicy(manifest: string, options: WriteManifestOptions): boolean {
  if (options.keepPolicy || options.previousEnclaveId === options.policy.sha256) return false;
  return digestOfManifest(manifest) === options.previousEnclaveId;
}

function measure(policy: string): string | undefined {
  try {
    return createHash('sha256').update(fromBase64(policy)).digest('hex');
  } catch {
    return undefined; // not Base64, so nothing that was generated
  }
}
