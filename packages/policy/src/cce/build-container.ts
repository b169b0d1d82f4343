import { MalformedError, UnsupportedError } from '@holdfast/base';

import type { ImageFacts } from '../images/image-facts.ts';
import { capabilitySets } from './capability-sets.ts';
import type { CommandInput, ContainerContext, ContainerInput } from './container-input.ts';
import { aciEnvRules, platformIdentityEnvRules, vn2ServiceEnvRules } from './data/default-env-rules.ts';
import { sidecarRepositories } from './data/infrastructure.ts';
import { aciResolvConf, type DefaultMount, vn2DefaultMounts, vn2ResolvConf } from './data/mounts.ts';
import { literalEnv, withDefaults } from './env-rules.ts';
import { booleanOf, invalidInput } from './input-values.ts';
import type { CceContainer, EnvRule, ExecProcess, PolicyMount } from './policy-model.ts';
import { policyMount } from './policy-mount.ts';
import { policyUser } from './policy-user.ts';
import { compareCodePoints } from './python-json.ts';
import { seccompSha256 } from './seccomp-profile.ts';
import { containerSignals } from './stop-signal.ts';

/**
 * The policy's entry for one container: what the input declares, completed from its image and the platform's defaults.
 * An image that is a sidecar of the platform gets neither.
 * @throws MalformedError CCE_INPUT_INVALID, CCE_LAYERS_INVALID
 * @throws UnsupportedError CCE_PLATFORM_UNSUPPORTED
 */
export function buildContainer(input: ContainerInput, facts: ImageFacts, context: ContainerContext): CceContainer {
  const container = input.name ?? input.image;
  const { warn } = context;
  const sidecar = isSidecarImage(input.image);
  const securityContext = input.securityContext;
  const privileged = booleanOf(securityContext['privileged'], false, `privileged of the container ${container}`);
  const { config } = facts;
  return {
    ...identity(input, context.omitId),
    layers: layerHashes(facts, container),
    command: command(input.command, sidecar ? {} : config),
    env_rules: envRules(input, sidecar ? undefined : (config.Env ?? []), context),
    working_dir: workingDir(input, config.WorkingDir),
    mounts: sidecar ? input.mounts : withPlatformMounts(input),
    allow_elevated: privileged,
    exec_processes: [...input.execProcesses, ...(context.debugMode ? debugShells : [])],
    signals: containerSignals(config.StopSignal, { ...context, container }),
    user: policyUser(securityContext, config.User, container),
    capabilities: capabilitySets(securityContext, {
      privileged,
      expandNames: context.expandCapabilityNames,
      container,
      warn,
    }),
    seccomp_profile_sha256: seccompSha256(securityContext['seccompProfile'], {
      container,
      warn,
      localProfiles: context.seccompProfiles,
    }),
    allow_stdio_access: !context.disableStdio && (input.allowStdioAccess ?? true),
    no_new_privileges: !booleanOf(
      securityContext['allowPrivilegeEscalation'],
      true,
      `allowPrivilegeEscalation of the container ${container}`,
    ),
  };
}

/** Shells that debug mode allows in every container but the pause container. */
const debugShells: readonly ExecProcess[] = [
  { command: ['/bin/sh'], signals: [] },
  { command: ['/bin/bash'], signals: [] },
];

/** Whether an image is one of the platform's own sidecars, by its repository. */
export function isSidecarImage(reference: string): boolean {
  const untagged = reference.split('@', 1)[0] ?? '';
  const colon = untagged.lastIndexOf(':');
  return sidecarRepositories.has(colon > untagged.lastIndexOf('/') ? untagged.slice(0, colon) : untagged);
}

function identity({ image, name }: ContainerInput, omitId: boolean): Pick<CceContainer, 'id' | 'name'> {
  const named = name ?? image;
  if (!omitId) return { id: image, name: named };
  return named === image ? {} : { name: named };
}

const ROOT_HASH = /^[0-9a-f]{64}$/;

function layerHashes(facts: ImageFacts, container: string): string[] {
  const { os, architecture } = facts.platform;
  if (os !== 'linux' || architecture !== 'amd64') {
    throw new UnsupportedError(
      'CCE_PLATFORM_UNSUPPORTED',
      `the image ${facts.reference} is for ${os}/${architecture}; confidential container groups run linux/amd64`,
      { action: 'Choose an image for linux/amd64, by digest or by platform.' },
    );
  }
  if (facts.layers.length === 0) throw invalidLayers(`the image of the container ${container} has no layers`);
  return facts.layers.map(({ rootHashExt4, digest }) => {
    if (rootHashExt4 !== undefined && ROOT_HASH.test(rootHashExt4)) return rootHashExt4;
    throw invalidLayers(`the layer ${digest} of the container ${container} has no root hash`);
  });
}

function invalidLayers(problem: string): MalformedError {
  return new MalformedError('CCE_LAYERS_INVALID', problem);
}

function command(declared: CommandInput, image: ImageFacts['config']): readonly string[] | null {
  const entrypoint = image.Entrypoint ?? [];
  const cmd = image.Cmd ?? [];
  if (declared.form === 'kubernetes') {
    if (declared.command.length > 0) return [...declared.command, ...declared.args];
    return [...entrypoint, ...(declared.args.length > 0 ? declared.args : cmd)];
  }
  if (declared.command.length > 0) return declared.command;
  const both = [...entrypoint, ...cmd];
  return both.length > 0 ? both : null;
}

function envRules(
  input: ContainerInput,
  imageEnv: readonly string[] | undefined,
  context: ContainerContext,
): EnvRule[] {
  if (imageEnv === undefined) return [...input.env];
  const image = imageEnv.map((entry) => literalImageEnv(entry));
  const defaults = [
    ...aciEnvRules,
    ...(input.platform === 'vn2' ? vn2ServiceEnvRules : []),
    ...(context.allowPlatformIdentity ? platformIdentityEnvRules : []),
  ];
  const rules = withDefaults(withDefaults(input.env, image), defaults);
  // The state of the generator that the oldest published samples come from sorted its rules.
  return context.sortEnvRules ? rules.toSorted((a, b) => compareCodePoints(a.pattern, b.pattern)) : rules;
}

function literalImageEnv(entry: string): EnvRule {
  const equals = entry.indexOf('=');
  return equals < 0 ? literalEnv(entry, '') : literalEnv(entry.slice(0, equals), entry.slice(equals + 1));
}

function workingDir(
  { workingDir: declared, name, image }: ContainerInput,
  fromImage: string | null | undefined,
): string {
  if (declared === undefined || declared === '') return fromImage || '/';
  if (!declared.startsWith('/'))
    throw invalidInput(`the working directory of the container ${name ?? image} is not absolute`);
  return declared;
}

function withPlatformMounts({ platform, mounts }: ContainerInput): PolicyMount[] {
  const unless = (mount: DefaultMount) =>
    mounts.some(({ destination }) => destination === mount.destination) ? [] : [mount];
  const added = platform === 'aci' ? unless(aciResolvConf) : [...unless(vn2ResolvConf), ...vn2DefaultMounts];
  return [...mounts, ...added.map((mount) => policyMount(mount))];
}
