import { configSources } from '../manifests/config-sources.ts';
import type { JsonObject } from '../manifests/json-value.ts';
import { type ManifestPath, type PodTemplate, podTemplates } from '../manifests/pod-template.ts';
import { readManifests } from '../manifests/yaml-stream.ts';
import { armContainer } from './arm-container.ts';
import { readArmTemplate } from './arm-template.ts';
import type { ContainerContext, ContainerInput } from './container-input.ts';
import { zeroSidecarTag } from './data/infrastructure.ts';
import { invalidInput } from './input-values.ts';
import { readJsonConfig } from './json-config.ts';
import type { CceContainer } from './policy-model.ts';
import { vn2Containers } from './vn2-container.ts';

/** From what policies are made; texts as they are in their files. */
export type CceInput =
  | {
      readonly kind: 'arm';
      readonly template: string | Uint8Array;
      readonly parameters?: string | Uint8Array | undefined;
    }
  /** `sources` are further streams with ConfigMaps and Secrets. */
  | {
      readonly kind: 'virtual-node';
      readonly manifests: string | Uint8Array;
      readonly sources?: readonly (string | Uint8Array)[] | undefined;
    }
  | { readonly kind: 'images'; readonly references: readonly string[] }
  | { readonly kind: 'config'; readonly config: string | Uint8Array }
  /** Finished definitions, as the container-definition pipeline makes them. */
  | { readonly kind: 'container-definitions'; readonly containers: readonly CceContainer[] };

/** The place of a policy in the document it was made from. */
export type PolicyTarget =
  | { readonly kind: 'arm'; readonly name: string; readonly path: ManifestPath }
  | { readonly kind: 'virtual-node'; readonly name: string; readonly template: PodTemplate };

/** What one policy is made from. */
export interface InputUnit {
  readonly target: PolicyTarget | undefined;
  readonly containers: (context: ContainerContext) => readonly ContainerInput[];
  /** Finished containers, which take the place of `containers`. */
  readonly definitions?: readonly CceContainer[];
  readonly fragments: readonly JsonObject[];
  /** The platform starts no sidecars, so its fragment is left out. */
  readonly zeroSidecar: boolean;
}

/** Splits an input into the units that get a policy each, in order. */
export function inputUnits(input: CceInput, compatible: boolean): readonly InputUnit[] {
  switch (input.kind) {
    case 'arm':
      return armUnits(input.template, input.parameters, compatible);
    case 'virtual-node':
      return virtualNodeUnits(input.manifests, input.sources ?? []);
    case 'images':
      return [single(input.references.map((reference) => imageContainer(reference)))];
    case 'config': {
      const { containers, fragments } = readJsonConfig(input.config);
      return [{ ...single(containers), fragments }];
    }
    default:
      return [{ ...single([]), definitions: input.containers }];
  }
}

function armUnits(
  template: string | Uint8Array,
  parameters: string | Uint8Array | undefined,
  compatible: boolean,
): InputUnit[] {
  return readArmTemplate(template, parameters, compatible).groups.map((group) => ({
    target: { kind: 'arm', name: group.name, path: group.path },
    containers: (context) => group.containers.map((container) => armContainer(group, container, context)),
    fragments: [],
    zeroSidecar: Object.keys(group.tags).some((tag) => tag.toLowerCase() === zeroSidecarTag.toLowerCase()),
  }));
}

function virtualNodeUnits(manifests: string | Uint8Array, others: readonly (string | Uint8Array)[]): InputUnit[] {
  const stream = readManifests(manifests);
  const sources = configSources(...others.map((other) => readManifests(other)), stream);
  const templates = podTemplates(stream);
  if (templates.length === 0) throw invalidInput('the manifests hold no workload');
  return templates.map((template) => ({
    target: { kind: 'virtual-node', name: template.resource.name ?? '', template },
    containers: (context) => vn2Containers(template, sources, context),
    fragments: [],
    zeroSidecar: false,
  }));
}

function single(containers: readonly ContainerInput[]): InputUnit {
  return { target: undefined, containers: () => containers, fragments: [], zeroSidecar: false };
}

/** A container that is nothing but its image. */
export function imageContainer(reference: string): ContainerInput {
  if (reference === '') throw invalidInput('an image reference is empty');
  return {
    image: reference,
    platform: 'aci',
    env: [],
    command: { form: 'aci', command: [] },
    mounts: [],
    execProcesses: [],
    securityContext: {},
  };
}
