import type { ProcessEvaluation } from './container-rules.ts';
import { evaluateCreate, evaluateExec } from './container-rules.ts';
import type { EvaluationContext } from './evaluation-context.ts';
import { evaluateExternal } from './external-rules.ts';
import { guestPatterns } from './guest-defaults.ts';
import type { CapabilitySets, PolicyContainer } from './policy-container.ts';
import type { PointName } from './points.ts';
import { commandMatches } from './predicates.ts';
import type { PointInputs } from './requests.ts';
import { createRequestOf } from './requests.ts';
import type { CceState } from './state.ts';
import { withEntry, withMember, withoutEntry, withoutMember } from './state.ts';
import { compareSvn, readSvn } from './versions.ts';

/** What a rule of the framework answers. Absent lists mean: keep everything. */
export interface RuleAnswer {
  readonly allowed: boolean;
  /** The state after the point, only when it is allowed and changes something. */
  readonly next?: CceState;
  readonly keptEnv?: readonly string[];
  readonly keptCapabilities?: CapabilitySets;
  readonly allowStdio?: boolean;
}

type Rule<P extends PointName> = (input: PointInputs[P], context: EvaluationContext) => RuleAnswer;

const denied: RuleAnswer = { allowed: false };

/** Every rule of the framework but load_fragment, which takes two looks and lives beside the enforcer. */
export const frameworkRules: { readonly [P in Exclude<PointName, 'load_fragment'>]: Rule<P> } = {
  mount_device: ({ target, deviceHash }, context) => {
    const free = !deviceInUse(context.state, target);
    const allowed = context.knowsLayer(deviceHash) && free && isMountPoint('device', target, context);
    const { state } = context;
    return allowed ? allow({ ...state, devices: withEntry(state.devices, target, deviceHash) }) : denied;
  },
  rw_mount_device: (input, context) => {
    const { state, policy } = context;
    const allowed =
      (input.encrypted || policy.flags.unencryptedScratch) &&
      input.ensureFilesystem &&
      isWritableFilesystem(input.filesystem) &&
      !deviceInUse(state, input.target) &&
      isMountPoint('rwDevice', input.target, context);
    return allowed ? allow({ ...state, rwDevices: withMember(state.rwDevices, input.target) }) : denied;
  },
  mount_blockdev: () => denied,
  unmount_blockdev: () => denied,
  mount_overlay: (input, context) => {
    const { state } = context;
    if (state.matches.has(input.containerID) || state.overlayTargets.has(input.target)) return denied;
    const candidates = overlayCandidates(input.layerPaths, context);
    if (candidates.length === 0) return denied;
    return allow({
      ...state,
      matches: withEntry(state.matches, input.containerID, candidates),
      overlayTargets: withMember(state.overlayTargets, input.target),
    });
  },
  create_container: (input, context) => {
    const evaluation = evaluateCreate(createRequestOf(input), context);
    if (!evaluation.allowed) return denied;
    const started = { privileged: input.privileged, allowStdio: evaluation.allowStdio };
    return processAnswer(evaluation, {
      ...context.state,
      matches: withEntry(context.state.matches, input.containerID, evaluation.outcome.afterCapabilities),
      started: withEntry(context.state.started, input.containerID, started),
    });
  },
  unmount_device: ({ unmountTarget }, { state }) =>
    state.devices.has(unmountTarget)
      ? allow({ ...state, devices: withoutEntry(state.devices, unmountTarget) })
      : denied,
  rw_unmount_device: ({ unmountTarget }, { state }) =>
    state.rwDevices.has(unmountTarget)
      ? allow({ ...state, rwDevices: withoutMember(state.rwDevices, unmountTarget) })
      : denied,
  unmount_overlay: ({ unmountTarget }, { state }) =>
    state.overlayTargets.has(unmountTarget)
      ? allow({ ...state, overlayTargets: withoutMember(state.overlayTargets, unmountTarget) })
      : denied,
  exec_in_container: (input, context) => {
    const evaluation = evaluateExec(input, context);
    if (!evaluation.allowed) return denied;
    return processAnswer(evaluation, {
      ...context.state,
      matches: withEntry(context.state.matches, input.containerID, evaluation.outcome.afterCapabilities),
    });
  },
  exec_external: (input, context) => {
    const evaluation = evaluateExternal(input, context);
    if (!evaluation.allowed) return denied;
    const kept = evaluation.keptEnv === undefined ? {} : { keptEnv: distinct(evaluation.keptEnv) };
    return { allowed: true, ...kept, allowStdio: evaluation.allowStdio };
  },
  shutdown_container: ({ containerID }, { state }) =>
    state.started.has(containerID) ? allow({ ...state, matches: withoutEntry(state.matches, containerID) }) : denied,
  signal_container_process: (input, { state }) => {
    const receivers = state.started.has(input.containerID) ? signalReceivers(input, state) : [];
    return receivers.length === 0
      ? denied
      : allow({ ...state, matches: withEntry(state.matches, input.containerID, receivers) });
  },
  plan9_mount: ({ target }, context) => {
    const { state } = context;
    const container = plan9Container(target, context);
    if (state.plan9Mounts.has(target) || container === undefined) return denied;
    return allow({ ...state, plan9Mounts: withEntry(state.plan9Mounts, target, container) });
  },
  plan9_unmount: ({ unmountTarget }, { state }) =>
    state.plan9Mounts.has(unmountTarget)
      ? allow({ ...state, plan9Mounts: withoutEntry(state.plan9Mounts, unmountTarget) })
      : denied,
  get_properties: (_input, { policy }) => ({ allowed: policy.flags.propertiesAccess }),
  dump_stacks: (_input, { policy }) => ({ allowed: policy.flags.dumpStacks }),
  runtime_logging: (_input, { policy }) => ({ allowed: policy.flags.runtimeLogging }),
  scratch_mount: ({ target, encrypted }, { state, policy }) =>
    !state.scratchMounts.has(target) && (encrypted || policy.flags.unencryptedScratch)
      ? allow({ ...state, scratchMounts: withEntry(state.scratchMounts, target, { encrypted }) })
      : denied,
  scratch_unmount: ({ unmountTarget }, { state }) =>
    state.scratchMounts.has(unmountTarget)
      ? allow({ ...state, scratchMounts: withoutEntry(state.scratchMounts, unmountTarget) })
      : denied,
  load_transparency_trust_list: (input, context) => {
    const lists = trustListsFor(input, context);
    const allowed = lists.some((list) => input.ledgers.some((ledger) => list.allowedLedgers.includes(ledger)));
    return { allowed };
  },
  host_network: (_input, { policy }) => ({ allowed: policy.flags.hostNetwork }),
};

/** The answer of the framework rule `point`, which need not be the point that was asked. */
export function applyRule<P extends Exclude<PointName, 'load_fragment'>>(
  point: P,
  input: PointInputs[P],
  context: EvaluationContext,
): RuleAnswer {
  const rule: Rule<P> = frameworkRules[point];
  return rule(input, context);
}

export function deviceInUse(state: CceState, target: string): boolean {
  return state.devices.has(target) || state.rwDevices.has(target);
}

export function isMountPoint(kind: 'device' | 'rwDevice', target: string, context: EvaluationContext): boolean {
  return context.matcher.matchAnchored(guestPatterns[kind], target) === true;
}

export function isWritableFilesystem(name: string): boolean {
  return name === 'ext4' || name === 'xfs';
}

/** Containers whose layers, base first, are the devices mounted at the paths, topmost first. */
export function overlayCandidates(
  layerPaths: readonly string[],
  context: EvaluationContext,
): readonly PolicyContainer[] {
  const mounted = layerPaths.map((path) => context.state.devices.get(path)).reverse();
  return context
    .candidates()
    .filter(
      ({ layers }) => layers?.length === mounted.length && layers.every((layer, index) => layer === mounted[index]),
    );
}

/** Candidates that let the host send the signal: to the init process, or to a process started by exec. */
export function signalReceivers(
  input: PointInputs['signal_container_process'],
  state: CceState,
): readonly PolicyContainer[] {
  return (state.matches.get(input.containerID) ?? []).filter((candidate) =>
    input.isInitProcess
      ? candidate.signals?.includes(input.signal) === true
      : candidate.execProcesses?.some(
          (process) => process.signals.includes(input.signal) && commandMatches(process.command, input.argList),
        ) === true,
  );
}

/** The container a 9p target belongs to: one with an overlay, below whose directory it lies. */
function plan9Container(target: string, context: EvaluationContext): string | undefined {
  return [...context.state.matches.keys()].find((id) => {
    const prefix = `${guestPatterns.plan9Root}/${id}`;
    return (
      target.startsWith(prefix) &&
      context.matcher.matchAnchored(guestPatterns.plan9Mount, target.slice(prefix.length)) === true
    );
  });
}

export function trustListsFor(
  input: PointInputs['load_transparency_trust_list'],
  context: EvaluationContext,
): ReturnType<EvaluationContext['trustLists']> {
  const svn = readSvn(input.svn);
  return context.trustLists().filter((list) => {
    const minimum = readSvn(list.minimumSvn);
    const enough = svn !== undefined && minimum !== undefined && (compareSvn(svn, minimum) ?? -1) >= 0;
    return list.issuer === input.issuer && list.subject === input.subject && enough;
  });
}

function processAnswer(evaluation: ProcessEvaluation, next: CceState): RuleAnswer {
  const { keptEnv, keptCapabilities } = evaluation.outcome;
  return {
    allowed: true,
    next,
    ...(keptEnv === undefined ? {} : { keptEnv: distinct(keptEnv) }),
    ...(keptCapabilities === undefined ? {} : { keptCapabilities }),
    allowStdio: evaluation.allowStdio,
  };
}

function allow(next: CceState): RuleAnswer {
  return { allowed: true, next };
}

function distinct(items: readonly string[]): readonly string[] {
  return [...new Set(items)];
}
