import { RequestError } from '@holdfast/base';

import type { ImageFactsSource } from '../images/index.ts';
import {
  annotatePods,
  configSources,
  type ManifestResource,
  manifestResources,
  type ManifestStream,
  type PodAnnotation,
  readManifests,
} from '../manifests/index.ts';
import { type ContainerInput, containerPolicy, imageNameOf, isPrivileged, type PodScope } from './container.ts';
import { type Fields, fieldsOf, optionalList, optionalText } from './fields.ts';
import { type KataImage, kataImageOf } from './image.ts';
import { initdataAnnotation, type InitdataAlgorithm, initdataDigest, writeInitdata } from './initdata.ts';
import type { KataPolicyData } from './policy-data.ts';
import { writeKataPolicy } from './policy-document.ts';
import { type PodResource, policyAnnotations, readPodResource, claimClasses } from './resource.ts';
import type { KataSettings } from './settings.ts';
import { sharedPolicyParts } from './shared-parts.ts';

export interface KataGenerateOptions {
  readonly settings: KataSettings;
  /** Text of the rules file. */
  readonly rules: string;
  readonly imageFacts: ImageFactsSource;
  /** ConfigMaps, Secrets and PersistentVolumeClaims beside the manifest: YAML texts. */
  readonly extra?: readonly (string | Uint8Array)[];
  /** Accept fields that the generator does not know. Off: they are refused, since they may change the runtime's requests. */
  readonly tolerateUnknownFields?: boolean;
  /**
   * Pods that name a runtime class get a policy only when the name starts with one of these; pods that name none always do.
   * Undefined: all pods get a policy.
   */
  readonly runtimeClassNames?: readonly string[];
  /** Upstream: algorithm of the initdata document and further entries of its `data` table. */
  readonly initdata?: { readonly algorithm?: InitdataAlgorithm; readonly data?: Readonly<Record<string, string>> };
}

/** The policy of one resource of a manifest. */
export interface KataGeneratedPolicy {
  readonly kind: string;
  readonly name: string;
  /** Place of the resource's document in the stream, from 0. */
  readonly documentIndex: number;
  readonly policyData: KataPolicyData;
  /** Rules and `policy_data`. */
  readonly policyText: string;
  readonly annotationKey: string;
  /** MS: base64 of the text. Upstream: base64 of the gzip of the initdata document. */
  readonly base64: string;
  /** Hex of what the guest is measured with: SHA-256 of the text, or, upstream, the digest of the initdata document. */
  readonly sha256: string;
}

export interface KataGeneration {
  readonly policies: readonly KataGeneratedPolicy[];
  /** The stream with the policies in the pods' annotations; all other bytes as they were. */
  readonly annotatedYaml: string;
  readonly warnings: readonly string[];
}

const msPauseImage = 'mcr.microsoft.com/oss/v2/kubernetes/pause:3.6';

/**
 * Writes the Kata agent policies of all pods of a YAML stream, as `genpolicy` does, and annotates the stream with them.
 * @throws MalformedError MANIFEST_* and KATA_MANIFEST_INVALID
 * @throws UnsupportedError KATA_KIND_UNSUPPORTED, KATA_FIELD_UNKNOWN, KATA_MANIFEST_UNSUPPORTED, KATA_IMAGE_UNSUPPORTED
 * @throws RequestError KATA_REFERENCE_MISSING, KATA_IMAGE_FACTS_MISSING, and whatever the image source rejects with
 */
export async function generateKata(yaml: string | Uint8Array, options: KataGenerateOptions): Promise<KataGeneration> {
  const stream = readManifests(yaml);
  const streams = [stream, ...(options.extra ?? []).map((text) => readManifests(text))];
  const images = new Map<string, KataImage>();
  for (const name of kataImageNames(stream, options)) {
    images.set(name, kataImageOf(await options.imageFacts(name), options.settings.profile));
  }
  const { policies, warnings } = kataPolicies(streams, images, options);
  const written = policies.map(({ resource, policyData }) => writePolicy(resource, policyData, options));
  const annotations: PodAnnotation[] = policies.map(({ resource }, index) => ({
    template: resource.template,
    key: policyAnnotations[options.settings.profile],
    value: written[index]?.base64 ?? '',
  }));
  return { policies: written, annotatedYaml: annotatePods(stream, annotations), warnings };
}

function writePolicy(
  resource: PodResource,
  policyData: KataPolicyData,
  options: KataGenerateOptions,
): KataGeneratedPolicy {
  const { profile } = options.settings;
  const policyText = writeKataPolicy(options.rules, policyData);
  const algorithm = options.initdata?.algorithm ?? 'sha256';
  const document =
    profile === 'ms'
      ? policyText
      : writeInitdata({ algorithm, data: { ...options.initdata?.data, 'policy.rego': policyText } });
  return {
    kind: resource.kind,
    name: resource.label,
    documentIndex: resource.template.resource.document.index,
    policyData,
    policyText,
    annotationKey: policyAnnotations[profile],
    base64: profile === 'ms' ? Buffer.from(policyText, 'utf8').toString('base64') : initdataAnnotation(document),
    sha256: initdataDigest(document, profile === 'ms' ? 'sha256' : algorithm),
  };
}

type SelectOptions = Pick<KataGenerateOptions, 'settings' | 'tolerateUnknownFields' | 'runtimeClassNames'>;

function podResources(stream: ManifestStream, options: SelectOptions): PodResource[] {
  const { runtimeClassNames, settings, tolerateUnknownFields = false } = options;
  // A document that is no resource is left out of `manifestResources`; here it would be content without a policy.
  for (const { index, value } of stream.documents) if (value !== null) fieldsOf(value, `document ${index}`);
  return manifestResources(stream).flatMap((found: ManifestResource) => {
    const resource = readPodResource(found, { profile: settings.profile, tolerateUnknownFields });
    if (resource === undefined) return [];
    const runtimeClass = optionalText(resource.podSpec, 'runtimeClassName');
    const wanted =
      runtimeClassNames === undefined ||
      runtimeClass === undefined ||
      runtimeClassNames.some((name) => runtimeClass.startsWith(name));
    return wanted ? [resource] : [];
  });
}

function pauseImageOf(settings: KataSettings): string {
  return settings.profile === 'ms' ? msPauseImage : settings.cluster_config.pause_container_image;
}

/**
 * The containers of a pod in the order of its policy: each init container is put in front of those before it.
 */
function containersOf(resource: PodResource): Fields[] {
  return [
    ...optionalList(resource.podSpec, 'initContainers').toReversed(),
    ...optionalList(resource.podSpec, 'containers'),
  ];
}

/** Names of all images whose facts the policies of a stream need, each once, the pause image first. */
export function kataImageNames(stream: ManifestStream, options: SelectOptions): string[] {
  const resources = podResources(stream, options);
  if (resources.length === 0) return [];
  const named = resources.flatMap((resource) => containersOf(resource).map((container) => imageNameOf(container)));
  return [...new Set([pauseImageOf(options.settings), ...named])];
}

/**
 * The `policy_data` of every pod of the first stream; the other streams only supply ConfigMaps, Secrets and claims.
 * @param images by the name the manifest uses, and the pause image
 * @throws the errors of `generateKata`, apart from those of the image source
 */
export function kataPolicies(
  streams: readonly ManifestStream[],
  images: ReadonlyMap<string, KataImage>,
  options: SelectOptions,
): { policies: { resource: PodResource; policyData: KataPolicyData }[]; warnings: string[] } {
  const { settings } = options;
  const [main] = streams;
  if (main === undefined) return { policies: [], warnings: [] };
  const sources = configSources(...streams);
  const claims = claimClasses(streams.flatMap((stream) => manifestResources(stream)));
  const warnings: string[] = [];
  const policies = podResources(main, options).map((resource) => {
    const containers = containersOf(resource);
    const scope: PodScope = {
      settings,
      resource,
      namespace: optionalText(resource.metadata, 'namespace') ?? defaultNamespace(settings),
      sources,
      claims,
      anyPrivileged: containers.some((container) => isPrivileged(container)),
      warnings,
    };
    return { resource, policyData: podPolicy(scope, containers, images) };
  });
  return { policies, warnings: [...new Set(warnings)] };
}

function defaultNamespace(settings: KataSettings): string {
  return settings.profile === 'ms' ? settings.cluster_config.default_namespace : '';
}

function podPolicy(
  scope: PodScope,
  containers: readonly Fields[],
  images: ReadonlyMap<string, KataImage>,
): KataPolicyData {
  const input = (container: Fields | undefined): ContainerInput => {
    const imageName = container === undefined ? pauseImageOf(scope.settings) : imageNameOf(container);
    const image = images.get(imageName);
    if (image === undefined) {
      throw new RequestError('KATA_IMAGE_FACTS_MISSING', `Nothing is known about the image ${imageName}.`, {
        details: { image: imageName },
      });
    }
    return { scope, container, image, imageName };
  };
  return {
    containers: [undefined, ...containers].map((container) => containerPolicy(input(container))),
    ...sharedPolicyParts(scope.settings),
  };
}
