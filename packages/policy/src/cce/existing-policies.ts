import { podAnnotation } from '../manifests/annotate-pod.ts';
import { podTemplates } from '../manifests/pod-template.ts';
import { readManifests } from '../manifests/yaml-stream.ts';
import { readArmTemplate } from './arm-template.ts';

/** The annotation that carries a CCE policy on virtual nodes. */
export const cceAnnotation = 'microsoft.containerinstance.virtualnode.ccepolicy';

/**
 * A policy found in a deployment document. `base64` is undefined when there is none: the platform then admits
 * everything.
 */
export interface ExistingPolicy {
  readonly name: string;
  readonly base64: string | undefined;
}

/** The policies that the container groups of an ARM template carry, in order. */
export function armPolicies(template: string | Uint8Array): ExistingPolicy[] {
  return readArmTemplate(template).groups.map(({ name, ccePolicy }) => ({ name, base64: ccePolicy }));
}

/** The policies that the pods of a YAML stream carry, in order. */
export function virtualNodePolicies(manifests: string | Uint8Array): ExistingPolicy[] {
  return podTemplates(readManifests(manifests)).map((template) => ({
    name: template.resource.name ?? '',
    base64: podAnnotation(template, cceAnnotation) || undefined,
  }));
}
