import type { ImageFacts } from '../images/image-facts.ts';
import type { ConfigSources } from '../manifests/config-sources.ts';
import type { JsonObject } from '../manifests/json-value.ts';
import type { PodTemplate } from '../manifests/pod-template.ts';
import { buildContainer } from './build-container.ts';
import type { ContainerContext, ContainerInput } from './container-input.ts';
import { aciEnvRules, vn2ServiceEnvRules } from './data/default-env-rules.ts';
import { withDefaults } from './env-rules.ts';
import { imageContainer } from './input-units.ts';
import type { CceContainer } from './policy-model.ts';
import { seccompSha256 } from './seccomp-profile.ts';
import { vn2Containers } from './vn2-container.ts';

/** A container definition before everything about it is known. */
export type PartialContainer = Partial<CceContainer>;

const PLATFORM = 'linux/amd64';

/**
 * The definition of a container as its image gives it, without variables or mounts of the platform.
 * @throws MalformedError CCE_LAYERS_INVALID; UnsupportedError CCE_PLATFORM_UNSUPPORTED
 */
export function definitionFromImage(facts: ImageFacts, context: ContainerContext): CceContainer {
  const built = buildContainer(imageContainer(facts.reference), facts, { ...context, debugMode: false });
  const image = (facts.config.Env ?? []).map((entry) => entry.split('=', 1)[0] ?? '');
  const own = built.env_rules.filter(
    ({ pattern, strategy }) => strategy === 'string' && image.includes(pattern.split('=', 1)[0] ?? ''),
  );
  return { ...built, platform: PLATFORM, env_rules: own, mounts: [] };
}

/**
 * The definitions of a pod's containers as the document gives them, for the definition pipeline: the platform's
 * variables come first, a seccomp profile is hashed as it is, and `runAsUser: 0` is not looked at. Layers, and a
 * command that only the image knows, come by merging.
 * @throws MalformedError CCE_INPUT_INVALID, MANIFEST_CONFIG_INVALID; RequestError CCE_WILDCARD_NEEDED
 */
export function definitionsFromVirtualNode(
  template: PodTemplate,
  sources: ConfigSources,
  context: ContainerContext,
): { readonly image: string; readonly definition: PartialContainer }[] {
  return vn2Containers(template, sources, context).map((input) => ({
    image: input.image,
    definition: definition(input, context),
  }));
}

function definition(input: ContainerInput, context: ContainerContext): PartialContainer {
  const name = input.name ?? input.image;
  const securityContext = withoutRoot(input.securityContext);
  const facts: ImageFacts = {
    reference: input.image,
    manifestDigest: '',
    platform: { os: 'linux', architecture: 'amd64' },
    config: {},
    layers: [{ mediaType: '', digest: '', size: 0, diffId: '', rootHashExt4: '0'.repeat(64) }],
  };
  const { seccompProfile, ...withoutProfile } = securityContext;
  const built = buildContainer({ ...input, securityContext: withoutProfile }, facts, context);
  const { layers: _layers, command, working_dir: workingDir, signals: _signals, user, ...rest } = built;
  const profile = { container: name, warn: context.warn, localProfiles: context.seccompProfiles, raw: true };
  return {
    ...rest,
    ...(command === null || command.length === 0 ? {} : { command }),
    ...(input.workingDir === undefined ? {} : { working_dir: workingDir }),
    ...(securityContext['runAsUser'] === undefined && securityContext['runAsGroup'] === undefined ? {} : { user }),
    platform: PLATFORM,
    env_rules: withDefaults([...aciEnvRules, ...vn2ServiceEnvRules], input.env),
    seccomp_profile_sha256: seccompSha256(seccompProfile, profile),
  };
}

function withoutRoot(securityContext: JsonObject): JsonObject {
  const { runAsUser, ...rest } = securityContext;
  return runAsUser === 0 ? rest : securityContext;
}

/**
 * Members that are joined when definitions are merged; all others of the later definition replace those of the earlier.
 */
const JOINED = ['env_rules', 'exec_processes', 'mounts', 'signals'] as const;

/** Merges two definitions of one container, as the pipeline's last command does. */
export function mergeDefinitions<T extends PartialContainer>(earlier: T, later: PartialContainer): T {
  const joined = JOINED.flatMap((name) => {
    const [a, b]: (readonly unknown[] | undefined)[] = [earlier[name], later[name]];
    return a === undefined && b === undefined ? [] : [[name, [...(a ?? []), ...(b ?? [])]] as const];
  });
  return { ...earlier, ...later, ...Object.fromEntries(joined) };
}
