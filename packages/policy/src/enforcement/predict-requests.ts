import { pauseContainer } from '../cce/data/pause-container.ts';
import type { CceStep } from './decision.ts';
import type { CceMount } from './guest-defaults.ts';
import { guestPatterns, hugePagesPrefix, plan9Prefix, sandboxPrefix } from './guest-defaults.ts';
import type { InjectedVariable, InjectionCondition, PlatformProfile } from './platform-profiles/index.ts';
import type { PredictedContainer, PredictedVariable } from './predicted-container.ts';
import { predictedContainerOf } from './predicted-container.ts';

export interface PredictionOptions {
  readonly profile: PlatformProfile;
  /** Which circumstances hold, beside `always`; default all but workload identity, which only a label turns on. */
  readonly conditions?: readonly InjectionCondition[];
  /** Also variables that are only announced; default false. */
  readonly announced?: boolean;
  /** Also the sandbox (pause) container; default true. */
  readonly sandbox?: boolean;
}

/** A step the guest will ask about, and for which container. */
export interface PredictedStep extends CceStep {
  /** Undefined for steps of the pod as a whole. */
  readonly container: string | undefined;
}

export interface PredictedRequests {
  readonly steps: readonly PredictedStep[];
  /** What had to be assumed, one sentence each. */
  readonly assumptions: readonly string[];
}

const predictedSandboxId = 'a'.repeat(64);
const usualConditions: readonly InjectionCondition[] = ['identity', 'services', 'fabric', 'restart'];
const networkFiles = ['hostname', 'hosts', 'resolv.conf'] as const;

/**
 * The enforcement steps of one pod in the order of the guest: sandbox first, then each container's layers, overlay and
 * creation, then its probes and hooks. Values that only the platform knows are examples of its profile.
 */
export function predictRequests(
  containers: readonly PredictedContainer[],
  options: PredictionOptions,
): PredictedRequests {
  const devices = new Map<string, string>();
  const injected = injectedVariables(options);
  const steps = options.sandbox === false ? [] : [...sandboxSteps(predictedSandboxId, devices)];
  for (const [index, container] of containers.entries()) {
    const id = (index + 1).toString(16).padStart(64, '0');
    const variables = platformVariables(container, injected);
    steps.push(...containerSteps(container, { id, sandboxId: predictedSandboxId, devices, variables }));
  }
  return { steps, assumptions: assumptionsOf(options, injected) };
}

/** The pause container as a generator emits it; its signals play no role here. */
const pauseContainerDefinition = { ...pauseContainer, signals: [] };

function injectedVariables({ profile, conditions, announced }: PredictionOptions): readonly InjectedVariable[] {
  return profile.variables.filter(
    (variable) =>
      (variable.since === 'today' || announced === true) &&
      (variable.when === 'always' || (conditions ?? usualConditions).includes(variable.when)),
  );
}

/** One life of a container in a guest. */
export interface ContainerLife {
  /** 64 hex characters, never used before in this guest. */
  readonly id: string;
  readonly sandboxId: string;
  /** Where each layer is mounted, by root hash; layers that are not mounted yet are added. */
  readonly devices: Map<string, string>;
  /** Added by the platform to the container's own. */
  readonly variables?: readonly Pick<PredictedVariable, 'name' | 'value'>[];
  /** Also ask for probes and hooks, right after the creation; default true. */
  readonly execs?: boolean;
}

/** What a guest is asked for before the containers of a pod: its scratch space and the sandbox (pause) container. */
export function sandboxSteps(sandboxId: string, devices: Map<string, string>): readonly PredictedStep[] {
  const target = sandboxRoot(sandboxId);
  return [
    { point: 'scratch_mount', container: undefined, input: { target, encrypted: true } },
    ...stepsOf(predictedContainerOf(pauseContainerDefinition), { id: sandboxId, sandboxId, devices }, true),
  ];
}

/** What a guest is asked for to start a container: its layers, overlay, creation, and its probes and hooks. */
export function containerSteps(container: PredictedContainer, life: ContainerLife): readonly PredictedStep[] {
  return stepsOf(container, life, false);
}

function stepsOf(container: PredictedContainer, life: ContainerLife, sandbox: boolean): readonly PredictedStep[] {
  const { id, sandboxId, devices, variables = [] } = life;
  const steps: PredictedStep[] = [];
  const add = (point: string, input: unknown): void => {
    steps.push({ point, container: container.name, input });
  };
  for (const layer of container.layers) {
    if (devices.has(layer)) continue;
    const target = `/run/mounts/scsi/m${devices.size}`;
    devices.set(layer, target);
    add('mount_device', { target, deviceHash: layer });
  }
  const layerPaths = container.layers.map((layer) => devices.get(layer) ?? '').reverse();
  add('mount_overlay', { containerID: id, layerPaths, target: `${guestPatterns.plan9Root}/${id}/rootfs` });
  const mounts = container.mounts.map((mount, index) => placedMount(mount, index, life));
  for (const mount of mounts.filter((_, index) => container.mounts[index]?.source.startsWith(plan9Prefix))) {
    add('plan9_mount', { target: mount.source });
  }
  const extension = sandbox ? [] : networkMounts(container, sandboxId);
  if (extension.length > 0) add('extend_default_mounts', { mounts: extension });
  const process = processInput(container, [...container.env, ...variables]);
  add('create_container', {
    ...process,
    containerID: id,
    sandboxID: sandboxId,
    argList: container.command ?? [],
    mounts,
    privileged: container.privileged,
    seccompProfileSHA256: container.seccompProfileSHA256,
    isSandboxContainer: sandbox,
  });
  if (life.execs === false) return steps;
  for (const command of container.execCommands) {
    add('exec_in_container', { ...process, containerID: id, argList: command });
  }
  return steps;
}

function sandboxRoot(sandboxId: string): string {
  return `${guestPatterns.plan9Root}/${sandboxId}`;
}

function processInput(
  container: PredictedContainer,
  variables: readonly Pick<PredictedVariable, 'name' | 'value'>[],
): object {
  const { workingDir, noNewPrivileges, user, groups, umask, capabilities } = container;
  const envList = variables.map(({ name, value }) => `${name}=${value ?? 'decided-at-deployment'}`);
  return { envList, workingDir, noNewPrivileges, user, groups, umask, capabilities };
}

function platformVariables(
  container: PredictedContainer,
  injected: readonly InjectedVariable[],
): readonly PredictedVariable[] {
  const declared = new Set(container.env.map((variable) => variable.name));
  return injected
    .filter((variable) => !declared.has(variable.name))
    .map((variable) => ({ name: variable.name, value: variable.example, origin: 'platform' }));
}

/** The guest's own mounts of network files, for those that the container does not mount itself. */
function networkMounts(container: PredictedContainer, sandboxId: string): readonly CceMount[] {
  const own = new Set(container.mounts.map((mount) => mount.destination));
  return networkFiles
    .filter((file) => !own.has(`/etc/${file}`))
    .map((file) => ({
      destination: `/etc/${file}`,
      options: ['bind'],
      source: `${sandboxRoot(sandboxId)}/${file}`,
      type: 'bind',
    }));
}

/** A mount as the guest sees it: the prefixes of policy sources replaced by directories, patterns by a number. */
function placedMount(mount: CceMount, index: number, { id, sandboxId }: ContainerLife): CceMount {
  const { source } = mount;
  const path = (text: string): string => text.replace(/\.[+*]\??/g, String(index));
  if (source.startsWith(sandboxPrefix)) {
    return { ...mount, source: `${sandboxRoot(sandboxId)}/sandboxMounts${path(source.slice(sandboxPrefix.length))}` };
  }
  if (source.startsWith(hugePagesPrefix)) {
    return { ...mount, source: `${sandboxRoot(sandboxId)}/hugepages${path(source.slice(hugePagesPrefix.length))}` };
  }
  if (source.startsWith(plan9Prefix)) {
    return { ...mount, source: `${guestPatterns.plan9Root}/${id}/mounts/m${index}` };
  }
  return mount;
}

function assumptionsOf(options: PredictionOptions, injected: readonly InjectedVariable[]): readonly string[] {
  const names = injected.map((variable) => variable.name).join(', ');
  return [
    `${options.profile.description} adds these variables with values of its own: ${names || 'none'}.`,
    'Volumes appear below the sandbox directory as their kind says; the platform numbers them.',
    'Users given by name have the ids that the image says.',
  ];
}
