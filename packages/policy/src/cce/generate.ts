import { createHash } from 'node:crypto';

import { RequestError, toBase64, toUtf8 } from '@holdfast/base';

import type { ImageFacts, ImageFactsSource } from '../images/image-facts.ts';
import type { JsonObject } from '../manifests/json-value.ts';
import { buildContainer, isSidecarImage } from './build-container.ts';
import type { ContainerContext, ContainerInput } from './container-input.ts';
import {
  type CceGeneration,
  type CceGenerationLabel,
  cceGenerations,
  commonFlags,
  defaultCceGeneration,
} from './data/generations.ts';
import { pauseContainer } from './data/pause-container.ts';
import { coveredByFragment } from './fragment-coverage.ts';
import { fragmentImports } from './fragment-imports.ts';
import { type InputUnit, type CceInput, inputUnits, type PolicyTarget } from './input-units.ts';
import type { CceContainer, CceWarning, FragmentImport, Warn } from './policy-model.ts';
import { type ContainersFormat, writePolicy, writeSidecarDocument } from './write-policy.ts';

/**
 * How policies are made. Everything has a default; names follow the reference generator (`az confcom acipolicygen`).
 */
export interface CceOptions {
  readonly generation?: CceGenerationLabel | undefined;
  /** Shells in every container, stack dumps and runtime logs. */
  readonly debugMode?: boolean | undefined;
  readonly disableStdio?: boolean | undefined;
  /** Allow any value where a value is not known. */
  readonly approveWildcards?: boolean | undefined;
  readonly omitId?: boolean | undefined;
  readonly fragments?: readonly JsonObject[] | undefined;
  /** Containers of imported fragments: a container that one of them covers is left out of the policy. */
  readonly fragmentContainers?: readonly CceContainer[] | undefined;
  readonly excludeDefaultFragments?: boolean | undefined;
  readonly infrastructureSvn?: string | undefined;
  /** Values of flags that replace the defaults, such as `allow_environment_variable_dropping: false`. */
  readonly flags?: Readonly<Record<string, boolean>> | undefined;
  /** How `containers` is written; only `compact` is measured when injected. */
  readonly containersFormat?: ContainersFormat | undefined;
  /** `sorted-by-pattern` is the order of the oldest published samples. */
  readonly envOrder?: 'declared' | 'sorted-by-pattern' | undefined;
  /** Reproduce the reference generator even where its output cannot match at run time, defects included. */
  readonly compatible?: boolean | undefined;
  /** Read `ALL` and names without `CAP_` in capabilities as Kubernetes means them. */
  readonly expandCapabilityNames?: boolean | undefined;
  /**
   * Allow `IDENTITY_ENDPOINT`, `IMDS_ENDPOINT` and `APP_IDENTITY_ENDPOINT`, which the platform sets but the default
   * rules miss.
   */
  readonly allowPlatformIdentity?: boolean | undefined;
  /** Contents of seccomp profiles of the type `Localhost`, by path. */
  readonly seccompProfiles?: Readonly<Record<string, string>> | undefined;
}

/** One policy: for one container group, one pod, or one list of images. */
export interface GeneratedCcePolicy {
  readonly text: string;
  /** Standard Base64 of the text: the value of the ARM field or annotation. */
  readonly base64: string;
  /** Lowercase hex; what HOST_DATA must be. */
  readonly sha256: string;
  readonly containers: readonly CceContainer[];
  readonly warnings: readonly CceWarning[];
  /** Where the policy belongs, undefined for inputs that cannot carry one. */
  readonly target: PolicyTarget | undefined;
}

/**
 * Makes the CCE policies for a deployment: one for each container group of an ARM template or pod of a YAML stream, in
 * their order; one for a list of images or a JSON configuration. The same input and options give the same bytes.
 * `images` finds the facts of each image, once.
 * @throws MalformedError CCE_INPUT_INVALID, CCE_LAYERS_INVALID, MANIFEST_… ; RequestError CCE_OPTION_INVALID,
 * CCE_WILDCARD_NEEDED; UnsupportedError CCE_ARM_UNRESOLVED, CCE_PLATFORM_UNSUPPORTED; and what `images` rejects with
 * @see Microsoft confcom extension, release 2.0.1
 */
export async function generateCce(
  input: CceInput,
  images: ImageFactsSource,
  options: CceOptions = {},
): Promise<readonly GeneratedCcePolicy[]> {
  const generation = generationOf(options);
  requireKnownFlags(options, generation);
  const facts = rememberedFacts(images);
  const policies: GeneratedCcePolicy[] = [];
  for (const unit of inputUnits(input, options.compatible ?? false)) {
    // One after the other: hashing the layers of one image may take all the memory there is for it.
    // eslint-disable-next-line no-await-in-loop -- see above
    policies.push(await policyFor(unit, facts, generation, options));
  }
  return policies;
}

async function policyFor(
  unit: InputUnit,
  facts: ImageFactsSource,
  generation: CceGeneration,
  options: CceOptions,
): Promise<GeneratedCcePolicy> {
  const warnings: CceWarning[] = [];
  const warn: Warn = (code, message, container) => {
    warnings.push(container === undefined ? { code, message } : { code, message, container });
  };
  const context = containerContext(options, generation, warn);
  const inputs = unit.containers(context);
  const own = unit.definitions ?? (await containersOf(inputs, facts, context));
  const containers = own.filter((container) => !isCovered(container, options.fragmentContainers ?? [], warn));
  const fragments = fragmentImports({
    ...options,
    fragments: [...unit.fragments, ...(options.fragments ?? [])],
    excludeDefaultFragments: (options.excludeDefaultFragments ?? false) || unit.zeroSidecar,
    compatible: context.compatible,
  });
  const text = documentText(inputs, containers, fragments, generation, options);
  const { sha256, base64 } = carriers(text);
  return { text, sha256, base64, containers, warnings, target: unit.target };
}

async function containersOf(
  inputs: readonly ContainerInput[],
  facts: ImageFactsSource,
  context: ContainerContext,
): Promise<CceContainer[]> {
  const containers: CceContainer[] = [];
  for (const input of inputs) {
    // eslint-disable-next-line no-await-in-loop -- one image at a time, see generateCce
    const found = await facts(input.image);
    if (context.compatible && found.layers.length === 0) {
      context.warn(
        'CCE-LAYERS-EMPTY',
        'the image has no layers, so the container was left out',
        input.name ?? input.image,
      );
    } else {
      containers.push(buildContainer(input, found, context));
    }
  }
  return containers;
}

function isCovered(container: CceContainer, fragments: readonly CceContainer[], warn: Warn): boolean {
  const covered = fragments.some((fragment) => coveredByFragment(container, fragment));
  if (covered)
    warn('CCE-IN-FRAGMENT', 'the container is admitted by a fragment and was left out of the policy', container.name);
  return covered;
}

function documentText(
  inputs: readonly ContainerInput[],
  containers: readonly CceContainer[],
  fragments: readonly FragmentImport[],
  generation: CceGeneration,
  options: CceOptions,
): string {
  const format = options.containersFormat ?? 'compact';
  const pause: CceContainer = {
    ...pauseContainer,
    signals: generation.signals,
    allow_stdio_access: options.disableStdio !== true,
  };
  const onlySidecars = inputs.length > 0 && inputs.every(({ image }) => isSidecarImage(image));
  const all = onlySidecars ? containers : [...containers, pause];
  const first = inputs[0];
  if (first !== undefined && isSidecarImage(first.image)) {
    return writeSidecarDocument({ generation, containers: all }, format);
  }
  const { debugMode = false, flags = {} } = options;
  return writePolicy({ generation, fragments, containers: all, debugMode, flags }, format);
}

/** SHA-256 (hex) and Base64 of a policy text. */
export function carriers(text: string): { readonly sha256: string; readonly base64: string } {
  const bytes = toUtf8(text);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), base64: toBase64(bytes) };
}

/** The generation that options name. */
export function generationOf({ generation }: CceOptions): CceGeneration {
  return cceGenerations[generation ?? defaultCceGeneration];
}

/** The context in which containers are made, from options. */
export function containerContext(options: CceOptions, generation: CceGeneration, warn: Warn): ContainerContext {
  return {
    generation,
    warn,
    compatible: options.compatible ?? false,
    approveWildcards: options.approveWildcards ?? false,
    debugMode: options.debugMode ?? false,
    disableStdio: options.disableStdio ?? false,
    omitId: options.omitId ?? false,
    sortEnvRules: options.envOrder === 'sorted-by-pattern',
    expandCapabilityNames: options.expandCapabilityNames ?? false,
    allowPlatformIdentity: options.allowPlatformIdentity ?? false,
    seccompProfiles: options.seccompProfiles,
  };
}

function requireKnownFlags({ flags }: CceOptions, generation: CceGeneration): void {
  const known = new Set([...commonFlags.map((flag) => flag.name), ...generation.extraFlags.map((flag) => flag.name)]);
  const unknown = Object.keys(flags ?? {}).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new RequestError(
      'CCE_OPTION_INVALID',
      `${unknown} is not a flag of policies of the generation ${generation.label}`,
    );
  }
}

/** A source that asks for each reference once. */
function rememberedFacts(images: ImageFactsSource): ImageFactsSource {
  const known = new Map<string, Promise<ImageFacts>>();
  return (reference) => {
    const found = known.get(reference) ?? images(reference);
    known.set(reference, found);
    return found;
  };
}
