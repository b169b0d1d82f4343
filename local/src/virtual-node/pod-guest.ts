import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { fromBase64, fromUtf8 } from '@holdfast/base';

import type { LocalImage } from '../images/build-local-image.ts';
import { CceEnforcement } from './cce-enforcement.ts';
import { startConfidentialGuest } from './confidential-guest.ts';
import type { ConfidentialGuest } from './confidential-guest.ts';
import type { GuestEnforcement } from './guest-enforcement.ts';
import { KataEnforcement } from './kata-enforcement.ts';
import { KATA_POLICY_ANNOTATION } from './kata-pod.ts';
import { manifestInvalid, POLICY_ANNOTATION } from './manifest.ts';
import type { PodTemplate } from './manifest.ts';
import { OpenNode } from './open-node.ts';
import type { PodEnvironment } from './pod.ts';

/** What the containers of a pod run in. */
export interface PodGuest {
  readonly enforcement: GuestEnforcement;
  /** Undefined for an ordinary pod, which runs on the node itself. */
  readonly machine: ConfidentialGuest | undefined;
}

/**
 * Starts the kind of guest that a pod asks for, under the policy in its annotation, and makes the pod's folders.
 * @throws MalformedError MANIFEST_INVALID for a confidential pod without a policy, or one that is no text
 * @throws MalformedError, UnsupportedError for a policy that cannot be evaluated
 */
export async function startPodGuest(
  podName: string,
  template: PodTemplate,
  node: PodEnvironment,
  { folder, images }: { readonly folder: string; readonly images: readonly LocalImage[] },
): Promise<PodGuest> {
  const { runtime } = template;
  const imagesFolder = node.unpackedImagesFolder;
  await mkdir(folder, { recursive: true });
  await mkdir(join(node.logsFolder, podName), { recursive: true });
  if (runtime === 'node') return { enforcement: new OpenNode(podName, imagesFolder), machine: undefined };
  const annotation = policyAnnotation(template);
  const policy = policyText(annotation);
  const { resources, namespace } = template;
  const enforcement =
    runtime === 'kata'
      ? new KataEnforcement({ policy, resources, images, imagesFolder, podName, namespace })
      : new CceEnforcement({ policy, imagesFolder, podName });
  const { platform, guest: settings } = node;
  const machine = await startConfidentialGuest({ platform, policy: annotation, settings, utilityVm: runtime, folder });
  return { enforcement, machine };
}

function policyAnnotation({ annotations, runtime }: PodTemplate): string {
  const key = runtime === 'kata' ? KATA_POLICY_ANNOTATION : POLICY_ANNOTATION;
  const policy = annotations[key] ?? '';
  if (policy === '') throw manifestInvalid(`the pod asks for a confidential guest and has no annotation ${key}`);
  return policy;
}

function policyText(annotation: string): string {
  try {
    return fromUtf8(fromBase64(annotation));
  } catch (cause) {
    throw manifestInvalid('the policy annotation is not Base64 of a text', cause);
  }
}
