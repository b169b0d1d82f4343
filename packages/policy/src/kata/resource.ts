import { UnsupportedError } from '@holdfast/base';

import { type ManifestResource, type PodTemplate, podTemplateOf } from '../manifests/index.ts';
import {
  type Fields,
  fieldsOf,
  optionalFields,
  optionalList,
  optionalText,
  optionalTextMap,
  requiredText,
} from './fields.ts';
import { requireKnownFields } from './known-fields.ts';
import type { KataProfile } from './policy-data.ts';
import { templateClass } from './volumes.ts';

/** The annotation of a pod that carries its policy, by profile. */
export const policyAnnotations: Readonly<Record<KataProfile, string>> = {
  ms: 'io.katacontainers.config.agent.policy',
  upstream: 'io.katacontainers.config.hypervisor.cc_init_data',
};

/** Kinds that pass through unchanged; they start no containers. */
const passiveKinds: ReadonlySet<string> = new Set([
  'ConfigMap',
  'Secret',
  'ClusterRole',
  'ClusterRoleBinding',
  'LimitRange',
  'Namespace',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'PodDisruptionBudget',
  'PriorityClass',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'Service',
  'ServiceAccount',
]);

/** A policy-bearing resource, read. */
export interface PodResource {
  readonly kind: string;
  /** `metadata.name`, or `metadata.generateName` for messages. */
  readonly label: string;
  readonly template: PodTemplate;
  /** `metadata` of the resource itself. */
  readonly metadata: Fields;
  readonly podSpec: Fields;
  /** Annotations of the pod without the one that carries the policy. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly claimTemplates: ReadonlyMap<string, string | undefined>;
}

export interface ReadResourceOptions {
  readonly profile: KataProfile;
  /** Accept fields that the generator does not know. */
  readonly tolerateUnknownFields: boolean;
}

/**
 * Reads one resource of a stream; undefined for the kinds that make no pod.
 * @throws UnsupportedError KATA_KIND_UNSUPPORTED, KATA_FIELD_UNKNOWN
 * @throws MalformedError MANIFEST_POD_INVALID, KATA_MANIFEST_INVALID
 */
export function readPodResource(found: ManifestResource, options: ReadResourceOptions): PodResource | undefined {
  if (passiveKinds.has(found.kind)) return undefined;
  const template = podTemplateOf(found);
  if (template === undefined) {
    throw new UnsupportedError(
      'KATA_KIND_UNSUPPORTED',
      `The policy generator does not know the kind "${found.kind}".`,
      {
        details: { kind: found.kind },
        action: 'Keep this resource in another file.',
      },
    );
  }
  if (!options.tolerateUnknownFields) requireKnownFields(found.kind, found.name ?? '', found.value, options.profile);
  const outer = fieldsOf(found.value, '');
  const metadata = optionalFields(outer, 'metadata') ?? { value: {}, where: 'metadata' };
  const pod = fieldsOf(template.pod, podPlace(template));
  const podMetadata = optionalFields(pod, 'metadata') ?? { value: {}, where: 'metadata' };
  const podSpec = optionalFields(pod, 'spec') ?? { value: {}, where: 'spec' };
  const annotations = Object.entries(optionalTextMap(podMetadata, 'annotations'));
  return {
    kind: found.kind,
    label: found.name ?? optionalText(metadata, 'generateName') ?? '',
    template,
    metadata,
    podSpec,
    annotations: Object.fromEntries(annotations.filter(([key]) => key !== policyAnnotations[options.profile])),
    labels: optionalTextMap(podMetadata, 'labels'),
    claimTemplates: claimTemplatesOf(found.kind, outer),
  };
}

function podPlace(template: PodTemplate): string {
  return template.path.slice(template.resource.path.length).join('.');
}

function claimTemplatesOf(kind: string, outer: Fields): Map<string, string | undefined> {
  const spec = kind === 'StatefulSet' ? optionalFields(outer, 'spec') : undefined;
  const claims = new Map<string, string | undefined>();
  if (spec === undefined) return claims;
  for (const claim of optionalList(spec, 'volumeClaimTemplates')) {
    const metadata = optionalFields(claim, 'metadata');
    if (metadata !== undefined) claims.set(requiredText(metadata, 'name'), templateClass(claim));
  }
  return claims;
}

/** Storage classes by name of the PersistentVolumeClaims among some resources. */
export function claimClasses(resources: readonly ManifestResource[]): Map<string, string | undefined> {
  const classes = new Map<string, string | undefined>();
  for (const resource of resources) {
    if (resource.kind !== 'PersistentVolumeClaim' || resource.name === undefined) continue;
    classes.set(resource.name, templateClass(fieldsOf(resource.value, '')));
  }
  return classes;
}
