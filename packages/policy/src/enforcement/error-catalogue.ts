import type { ProcessEvaluation } from './container-rules.ts';
import { evaluateCreate, evaluateExec } from './container-rules.ts';
import { variableName } from './environment.ts';
import { guestJson } from './denial.ts';
import type { EvaluationContext } from './evaluation-context.ts';
import { evaluateExternal } from './external-rules.ts';
import type { FragmentEvaluation } from './fragment-rules.ts';
import { fragmentSvn, isAhead, versionIsAhead } from './fragment-rules.ts';
import {
  deviceInUse,
  isMountPoint,
  isWritableFilesystem,
  overlayCandidates,
  signalReceivers,
  trustListsFor,
} from './framework-rules.ts';
import { noNewPrivilegesMatches, commandMatches, mountAllowed, userMatches } from './predicates.ts';
import { booleanOf, readUserRule, stringOf } from './policy-container.ts';
import type { PredicateName } from './candidate-trace.ts';
import type { PointName } from './points.ts';
import type { CreateRequest, ExecRequest, FragmentRequest, PointInputs } from './requests.ts';
import { createRequestOf } from './requests.ts';
import { compareSvn, readSvn } from './versions.ts';

/** A text of the framework with the condition under which it appears. */
type Condition = readonly [text: string, holds: boolean];

type Conditions = {
  readonly [P in Exclude<PointName, 'load_fragment'>]?: (
    input: PointInputs[P],
    context: EvaluationContext,
  ) => readonly Condition[];
};

/**
 * The texts the framework gives for a denied point: a set, in ascending order, of everything that is wrong, not only of
 * the first thing. Points that only depend on a flag have none.
 */
export function frameworkErrors<P extends Exclude<PointName, 'load_fragment'>>(
  point: P,
  input: PointInputs[P],
  context: EvaluationContext,
): readonly string[] {
  const conditions = catalogue[point]?.(input, context) ?? [];
  return textsOf([...conditions, ...versionConditions(context)]);
}

/** The same for load_fragment, whose conditions depend on how far the guest looked. */
export function fragmentErrors(
  request: FragmentRequest,
  evaluation: FragmentEvaluation,
  context: EvaluationContext,
): readonly string[] {
  const { text, imports, missingReceipts } = evaluation;
  const knownIssuer = context.imports().some((entry) => entry.issuer === request.issuer);
  const conditions: Condition[] = [
    ['invalid fragment issuer', !knownIssuer],
    ['invalid fragment feed', knownIssuer && imports.length === 0],
    ...missingReceipts.map((receipt): Condition => [`missing receipt from ${receipt}`, true]),
  ];
  if (text !== undefined) {
    const svn = fragmentSvn(request, text);
    const header = readSvn(request.headerSvn);
    const current = context.frameworkVersion;
    const version = text.declarations.frameworkVersion;
    const minima = imports.map((entry) => readSvn(entry.minimumSvn));
    const differentTypes =
      svn !== undefined && minima.some((minimum) => minimum !== undefined && compareSvn(svn, minimum) === undefined);
    const enough = minima.some(
      (minimum) => svn !== undefined && minimum !== undefined && (compareSvn(svn, minimum) ?? -1) >= 0,
    );
    const mismatch = header !== undefined && text.svn !== undefined && compareSvn(header, text.svn) !== 0;
    conditions.push(
      ['fragment svn and the specified minimum are different types', differentTypes],
      ['fragment svn is below the specified minimum', imports.length > 0 && !differentTypes && !enough],
      [
        `svn in header ${request.headerSvn} does not match svn in fragment rego ${guestJson(text.svnValue ?? null).replaceAll('"', '')}`,
        mismatch,
      ],
      ['missing fragment svn in either header or rego payload', header === undefined && text.svn === undefined],
      [`fragment framework_version is missing. Current version: ${current}`, version === undefined],
      [
        `fragment framework_version is ahead of the current version: ${version} is greater than ${current}`,
        isAhead(text.declarations, context),
      ],
    );
  }
  return textsOf([...conditions, ...versionConditions(context)]);
}

const catalogue: Conditions = {
  mount_blockdev: () => [['blockdev mounts are not supported', true]],
  unmount_blockdev: () => [['blockdev mounts are not supported', true]],
  mount_device: (input, context) => [
    ['deviceHash not found', !context.knowsLayer(input.deviceHash)],
    ['device already mounted at path', deviceInUse(context.state, input.target)],
    ['mountpoint invalid', !isMountPoint('device', input.target, context)],
  ],
  rw_mount_device: (input, context) => [
    [
      'unencrypted scratch not allowed, non-readonly mount request for SCSI disk must request encryption',
      !input.encrypted && !context.policy.flags.unencryptedScratch,
    ],
    ['ensureFilesystem must be set on rw device mounts', !input.ensureFilesystem],
    ['rw device mounts uses a filesystem that is not allowed', !isWritableFilesystem(input.filesystem)],
    ['device already mounted at path', deviceInUse(context.state, input.target)],
    ['mountpoint invalid', !isMountPoint('rwDevice', input.target, context)],
  ],
  unmount_device: ({ unmountTarget }, { state }) => [
    ['no device at path to unmount', !deviceInUse(state, unmountTarget)],
    [
      'received read-only unmount request, but device provided is read-write',
      !state.devices.has(unmountTarget) && state.rwDevices.has(unmountTarget),
    ],
  ],
  rw_unmount_device: ({ unmountTarget }, { state }) => [
    ['no device at path to unmount', !deviceInUse(state, unmountTarget)],
    [
      'received read-write unmount request, but device provided is read-only',
      !state.rwDevices.has(unmountTarget) && state.devices.has(unmountTarget),
    ],
  ],
  mount_overlay: (input, context) => [
    ['overlay has already been mounted', context.state.matches.has(input.containerID)],
    ['no matching containers for overlay', overlayCandidates(input.layerPaths, context).length === 0],
  ],
  unmount_overlay: ({ unmountTarget }, { state }) => [
    ['no overlay at path to unmount', !state.overlayTargets.has(unmountTarget)],
  ],
  create_container: (input, context) => createConditions(createRequestOf(input), context),
  exec_in_container: execConditions,
  exec_external: externalConditions,
  shutdown_container: ({ containerID }, { state }) => [['container not started', !state.started.has(containerID)]],
  signal_container_process: (input, { state }) => [
    ['container not started', !state.started.has(input.containerID)],
    ["target isn't allowed to receive the signal", signalReceivers(input, state).length === 0],
  ],
  plan9_mount: ({ target }, { state }) => [['device already mounted at path', state.plan9Mounts.has(target)]],
  plan9_unmount: ({ unmountTarget }, { state }) => [
    ['no device at path to unmount', !state.plan9Mounts.has(unmountTarget)],
  ],
  scratch_mount: ({ target, encrypted }, { state, policy }) => [
    ['scratch already mounted at path', state.scratchMounts.has(target)],
    ['unencrypted scratch not allowed', !encrypted && !policy.flags.unencryptedScratch],
  ],
  scratch_unmount: ({ unmountTarget }, { state }) => [
    ['no scratch at path to unmount', !state.scratchMounts.has(unmountTarget)],
  ],
  load_transparency_trust_list: (input, context) => {
    const lists = trustListsFor(input, context);
    const noLedger = !lists.some((list) => input.ledgers.some((ledger) => list.allowedLedgers.includes(ledger)));
    return [
      ["no TTL candidate matches the provided TTL's issuer, subject and svn", lists.length === 0],
      ['The provided TTL does not contain any ledgers it is allowed to load', lists.length > 0 && noLedger],
    ];
  },
};

function createConditions(request: CreateRequest, context: EvaluationContext): readonly Condition[] {
  const evaluation = evaluateCreate(request, context);
  const matches = evaluation.matches ?? [];
  const nobody = (predicate: PredicateName): boolean => {
    const test = evaluation.tests.find((candidate) => candidate.predicate === predicate);
    return test !== undefined && !matches.some((candidate) => test.passes(candidate));
  };
  const scope = { request, ...context.state, matcher: context.matcher };
  const badMounts = request.mounts
    .filter((mount) => !matches.some((c) => mountAllowed(mount, c.mounts, c.allowElevated, scope)))
    .map((mount) => mount.destination);
  const otherTests = evaluation.tests.filter((test) => test.predicate !== 'seccomp');
  const onlyEnvironment =
    evaluation.matches !== undefined &&
    matches.every(
      (candidate) =>
        otherTests.every((test) => test.passes(candidate)) &&
        request.envList.some((variable) => !context.environment.accepts(candidate.envRules, variable)),
    );
  return [
    ['container already started', context.state.started.has(request.containerID)],
    ['privileged escalation not allowed', nobody('privileged')],
    ['invalid command', nobody('command')],
    ['invalid env list', onlyEnvironment],
    ['invalid working directory', nobody('workingDir')],
    [`invalid mount list: ${badMounts.join(',')}`, badMounts.length > 0],
    ['invalid noNewPrivileges', nobody('noNewPrivileges')],
    ['invalid user', nobody('user')],
    ['invalid seccomp', nobody('seccomp')],
    ['devices not supported', request.devices.length > 0],
    ...processConditions(request.envList, evaluation, context),
    ['containers only distinguishable by capabilties', evaluation.outcome.capabilitiesAmbiguous],
    ['containers only distinguishable by allow_stdio_access', evaluation.stdioAmbiguous],
  ];
}

function execConditions(request: ExecRequest, context: EvaluationContext): readonly Condition[] {
  const evaluation = evaluateExec(request, context);
  const matches = evaluation.matches ?? [];
  const processes = matches.flatMap((candidate) => candidate.execProcesses ?? []);
  const named = processes.filter((process) => commandMatches(process.command, request.argList));
  // These two texts look at fields of the process, which generated policies do not write; they are noise then.
  const placed = named.filter((process) => stringOf(process.fields['working_dir']) === request.workingDir);
  return [
    ['container not started', !context.state.started.has(request.containerID)],
    ['invalid command', named.length === 0],
    ['invalid working directory', !matches.some((candidate) => candidate.workingDir === request.workingDir)],
    [
      'invalid noNewPrivileges',
      !placed.some((process) =>
        noNewPrivilegesMatches(booleanOf(process.fields['no_new_privileges']), request.noNewPrivileges),
      ),
    ],
    [
      'invalid user',
      !placed.some((process) => userMatches(readUserRule(process.fields['user']), request, context.matcher)),
    ],
    ...processConditions(request.envList, evaluation, context),
  ];
}

/** The texts that creation and exec share: refused variables, required ones, capabilities. */
function processConditions(
  envList: readonly string[],
  evaluation: ProcessEvaluation,
  context: EvaluationContext,
): readonly Condition[] {
  const { outcome, surviving, matches } = evaluation;
  const judge = context.environment;
  const refused = envList.filter((variable) => !(matches ?? []).some((c) => judge.accepts(c.envRules, variable)));
  return [
    [`invalid env list: ${refused.map(variableName).join(',')}`, refused.length > 0],
    [
      'missing required environment variable',
      surviving.some((candidate) => judge.unmet(candidate.envRules, envList).length > 0),
    ],
    [
      "capabilities don't match",
      outcome.afterEnvironment.length > 0 && !outcome.capabilitiesAmbiguous && outcome.afterCapabilities.length === 0,
    ],
  ];
}

function externalConditions(request: PointInputs['exec_external'], context: EvaluationContext): readonly Condition[] {
  const evaluation = evaluateExternal(request, context);
  const processes = context.externalProcesses();
  const judge = context.environment;
  const refused = request.envList.filter((variable) => !processes.some((p) => judge.accepts(p.envRules, variable)));
  return [
    ['invalid command', !processes.some((process) => commandMatches(process.command, request.argList))],
    ['invalid working directory', !processes.some((process) => process.workingDir === request.workingDir)],
    [`invalid env list: ${refused.map(variableName).join(',')}`, refused.length > 0],
    [
      'missing required environment variable',
      evaluation.surviving.some((process) => judge.unmet(process.envRules, request.envList).length > 0),
    ],
    ['external processes only distinguishable by allow_stdio_access', evaluation.stdioAmbiguous],
  ];
}

function versionConditions(context: EvaluationContext): readonly Condition[] {
  const current = context.frameworkVersion;
  const version = context.policy.frameworkVersion;
  return [
    [`framework_version is missing. Current version: ${current}`, version === undefined],
    [
      `framework_version is ahead of the current version: ${version} is greater than ${current}`,
      versionIsAhead(version, current),
    ],
  ];
}

/** The texts whose condition holds, as the guest renders a set: ascending by UTF-8 bytes, each once. */
function textsOf(conditions: readonly Condition[]): readonly string[] {
  const texts = new Set(conditions.filter(([, holds]) => holds).map(([text]) => text));
  return [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
