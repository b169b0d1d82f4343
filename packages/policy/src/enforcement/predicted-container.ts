import { aciEnvRules, platformIdentityEnvRules } from '../cce/data/default-env-rules.ts';
import type { CceContainer, PolicyUser } from '../cce/policy-model.ts';
import type { ImageFacts } from '../images/image-facts.ts';
import type { CceMount } from './guest-defaults.ts';
import { privilegedCapabilities, unprivilegedCapabilities } from './guest-defaults.ts';
import type { CapabilitySets } from './policy-container.ts';

export interface PredictedVariable {
  readonly name: string;
  /** Undefined when only the deployment decides it. */
  readonly value: string | undefined;
  readonly origin: 'manifest' | 'image' | 'platform';
  /** The value is a secret of the deployment and must not stand in the policy. */
  readonly secret?: boolean;
}

/** A container as the guest will be asked to start it, as far as manifest and image tell. */
export interface PredictedContainer {
  readonly name: string;
  /** Root hashes, base layer first. */
  readonly layers: readonly string[];
  /** Null when neither manifest nor image says what to start. */
  readonly command: readonly string[] | null;
  readonly env: readonly PredictedVariable[];
  readonly workingDir: string;
  /** Sources in the form of a policy (`sandbox:///tmp/atlas/emptydir/.+`) or as a path. */
  readonly mounts: readonly CceMount[];
  readonly user: { readonly id: string; readonly name: string };
  readonly groups: readonly { readonly id: string; readonly name: string }[];
  readonly umask: string;
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  readonly capabilities: CapabilitySets;
  readonly seccompProfileSHA256: string;
  /** Commands of probes and hooks. */
  readonly execCommands: readonly (readonly string[])[];
}

/** What a manifest says of a container, reduced to what matters at its start. Absent members are not declared. */
export interface ContainerSpec {
  readonly name: string;
  /** Replaces the entry point of the image. */
  readonly command?: readonly string[];
  /** Replaces the arguments of the image. */
  readonly args?: readonly string[];
  readonly env?: readonly Omit<PredictedVariable, 'origin'>[];
  readonly workingDir?: string;
  /** With those the platform adds. */
  readonly mounts?: readonly CceMount[];
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly supplementalGroups?: readonly number[];
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
    readonly seccompProfileSHA256?: string;
  };
  readonly execCommands?: readonly (readonly string[])[];
}

/** Rules for what the platform adds by itself; its profile says when and how. */
const platformPatterns = new Set([...aciEnvRules, ...platformIdentityEnvRules].map((rule) => rule.pattern));

/** The container a manifest and an image give together, by the rules of Kubernetes. Layers without a root hash are an empty text. */
export function predictContainer(spec: ContainerSpec, image: ImageFacts): PredictedContainer {
  const { config } = image;
  const security = spec.securityContext ?? {};
  const declared = (spec.env ?? []).map((variable): PredictedVariable => ({ ...variable, origin: 'manifest' }));
  const names = new Set(declared.map((variable) => variable.name));
  const privileged = security.privileged ?? false;
  const { user, group } = idsOf(spec, config.User ?? '');
  return {
    name: spec.name,
    layers: image.layers.map((layer) => layer.rootHashExt4 ?? ''),
    command: commandOf(spec, config.Entrypoint ?? [], config.Cmd ?? []),
    env: [...declared, ...variablesOf(config.Env ?? [], 'image').filter((variable) => !names.has(variable.name))],
    workingDir: spec.workingDir ?? (config.WorkingDir || '/'),
    mounts: spec.mounts ?? [],
    user: identityOf(user),
    groups: [group, ...(security.supplementalGroups ?? []).map(String)].map(identityOf),
    umask: '0022',
    privileged,
    noNewPrivileges: !(security.allowPrivilegeEscalation ?? true),
    capabilities: capabilitiesFor(privileged, security.capabilities ?? {}),
    seccompProfileSHA256: security.seccompProfileSHA256 ?? '',
    execCommands: spec.execCommands ?? [],
  };
}

/**
 * The container that a freshly generated definition describes. A generator knows the manifest, the image and what the
 * platform adds, so what it would admit is what will be asked for. `secretValues` are values that must stay secret.
 */
export function predictedContainerOf(
  generated: CceContainer,
  secretValues: ReadonlySet<string> = new Set(),
): PredictedContainer {
  const env = generated.env_rules.flatMap((rule): PredictedVariable[] => {
    const split = rule.pattern.indexOf('=');
    const name = split === -1 ? rule.pattern : rule.pattern.slice(0, split);
    const value = split === -1 ? '' : rule.pattern.slice(split + 1);
    if (rule.strategy === 'string') {
      return [{ name, value, origin: 'manifest', ...(secretValues.has(value) ? { secret: true } : {}) }];
    }
    // A pattern with a plain name and any value stands for a variable that the deployment fills in.
    if (platformPatterns.has(rule.pattern)) return [];
    return /^\w+$/.test(name) && /^\.[*+]$/.test(value) ? [{ name, value: undefined, origin: 'manifest' }] : [];
  });
  const { user, groups } = usersOf(generated.user);
  return {
    name: generated.name ?? generated.id ?? 'container',
    layers: generated.layers,
    command: generated.command,
    env,
    workingDir: generated.working_dir,
    mounts: generated.mounts,
    user,
    groups,
    umask: generated.user.umask,
    privileged: generated.allow_elevated,
    noNewPrivileges: generated.no_new_privileges,
    capabilities: generated.capabilities ?? capabilitiesFor(generated.allow_elevated, {}),
    seccompProfileSHA256: generated.seccomp_profile_sha256,
    execCommands: generated.exec_processes.map((process) => process.command),
  };
}

function commandOf(spec: ContainerSpec, entrypoint: readonly string[], cmd: readonly string[]): readonly string[] {
  const { command = [], args = [] } = spec;
  if (command.length > 0) return [...command, ...args];
  return args.length > 0 ? [...entrypoint, ...args] : [...entrypoint, ...cmd];
}

function variablesOf(list: readonly string[], origin: PredictedVariable['origin']): readonly PredictedVariable[] {
  return list.map((variable) => {
    const split = variable.indexOf('=');
    return split === -1
      ? { name: variable, value: '', origin }
      : { name: variable.slice(0, split), value: variable.slice(split + 1), origin };
  });
}

function idsOf(spec: ContainerSpec, imageUser: string): { readonly user: string; readonly group: string } {
  const [user = '', group = ''] = imageUser.split(':');
  const { runAsUser, runAsGroup } = spec.securityContext ?? {};
  return { user: String(runAsUser ?? (user || 0)), group: String(runAsGroup ?? (group || 0)) };
}

/** A number is an id, anything else a name whose id only the image's files know. */
function identityOf(text: string): { readonly id: string; readonly name: string } {
  return /^\d+$/.test(text) ? { id: text, name: text === '0' ? 'root' : '' } : { id: '', name: text };
}

function usersOf(user: PolicyUser): Pick<PredictedContainer, 'user' | 'groups'> {
  const identity = ({ pattern, strategy }: PolicyUser['user_idname']): { id: string; name: string } =>
    strategy === 'id' ? { id: pattern, name: '' } : { id: '0', name: strategy === 'name' ? pattern : 'root' };
  return { user: identity(user.user_idname), groups: user.group_idnames.map(identity) };
}

/** The runtime's default for the privilege, with the additions and without the drops of the manifest. */
function capabilitiesFor(
  privileged: boolean,
  change: { readonly add?: readonly string[]; readonly drop?: readonly string[] },
): CapabilitySets {
  const drop = new Set(change.drop);
  const base = privileged ? privilegedCapabilities : unprivilegedCapabilities;
  const all = [...new Set([...base, ...(change.add ?? [])])].filter((capability) => !drop.has(capability));
  return { ambient: [], bounding: all, effective: all, inheritable: privileged ? all : [], permitted: all };
}
