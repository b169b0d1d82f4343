import type { LiteralValue } from '../rego-literals/index.ts';
import type { CandidateTrace, PredicateName } from './candidate-trace.ts';
import { furthestCandidate } from './candidate-trace.ts';
import type { ContainerLabel } from './policy-container.ts';
import type { PointName } from './points.ts';

/** Why a step is denied, for programs. */
export type CauseCode =
  | 'API_VERSION_MISSING'
  | 'RULE_MISSING'
  | 'POLICY_CONFLICT'
  | 'FRAMEWORK_VERSION'
  | 'POINT_NOT_SUPPORTED'
  | 'FLAG_OFF'
  | 'LAYER_UNKNOWN'
  | 'TARGET_IN_USE'
  | 'TARGET_INVALID'
  | 'TARGET_UNKNOWN'
  | 'DEVICE_KIND'
  | 'SCRATCH_UNENCRYPTED'
  | 'FILESYSTEM_REFUSED'
  | 'OVERLAY_REPEATED'
  | 'LAYERS_MISMATCH'
  | 'OVERLAY_MISSING'
  | 'CONTAINER_ID_REUSED'
  | 'CONTAINER_NOT_STARTED'
  | 'PREDICATE_FAILED'
  | 'ENVIRONMENT_AMBIGUOUS'
  | 'CAPABILITIES_AMBIGUOUS'
  | 'STDIO_AMBIGUOUS'
  | 'SIGNAL_REFUSED'
  | 'FRAGMENT_ISSUER'
  | 'FRAGMENT_FEED'
  | 'FRAGMENT_SVN'
  | 'FRAGMENT_VERSION'
  | 'FRAGMENT_RECEIPT'
  | 'FRAGMENT_NAMESPACE'
  | 'TRUST_LIST'
  | 'UNEXPLAINED';

export interface Cause {
  readonly code: CauseCode;
  /** The framework's text that says so, if one does. */
  readonly error?: string;
  readonly predicate?: PredicateName;
  /** The candidate that was probably meant. */
  readonly container?: ContainerLabel;
  readonly policyValue?: LiteralValue;
  readonly requestValue?: LiteralValue;
  /** Names of variables, destinations of mounts, names of capability sets. */
  readonly offending?: readonly string[];
}

interface TextRule {
  readonly starts: string;
  readonly code: CauseCode;
  readonly predicate?: PredicateName;
}

/** Texts of the framework by rank: what stands first explains what stands later. */
const textRules: readonly TextRule[] = [
  { starts: 'framework_version is ', code: 'FRAMEWORK_VERSION' },
  { starts: 'blockdev mounts are not supported', code: 'POINT_NOT_SUPPORTED' },
  { starts: 'container already started', code: 'CONTAINER_ID_REUSED' },
  { starts: 'container not started', code: 'CONTAINER_NOT_STARTED' },
  { starts: 'deviceHash not found', code: 'LAYER_UNKNOWN' },
  { starts: 'overlay has already been mounted', code: 'OVERLAY_REPEATED' },
  { starts: 'no matching containers for overlay', code: 'LAYERS_MISMATCH' },
  { starts: 'device already mounted at path', code: 'TARGET_IN_USE' },
  { starts: 'scratch already mounted at path', code: 'TARGET_IN_USE' },
  { starts: 'mountpoint invalid', code: 'TARGET_INVALID' },
  { starts: 'no device at path to unmount', code: 'TARGET_UNKNOWN' },
  { starts: 'no overlay at path to unmount', code: 'TARGET_UNKNOWN' },
  { starts: 'no scratch at path to unmount', code: 'TARGET_UNKNOWN' },
  { starts: 'received read-', code: 'DEVICE_KIND' },
  { starts: 'unencrypted scratch not allowed', code: 'SCRATCH_UNENCRYPTED' },
  { starts: 'ensureFilesystem must be set', code: 'FILESYSTEM_REFUSED' },
  { starts: 'rw device mounts uses a filesystem', code: 'FILESYSTEM_REFUSED' },
  { starts: "target isn't allowed to receive the signal", code: 'SIGNAL_REFUSED' },
  { starts: 'invalid fragment issuer', code: 'FRAGMENT_ISSUER' },
  { starts: 'invalid fragment feed', code: 'FRAGMENT_FEED' },
  { starts: 'missing receipt from ', code: 'FRAGMENT_RECEIPT' },
  { starts: 'missing fragment svn', code: 'FRAGMENT_SVN' },
  { starts: 'svn in header', code: 'FRAGMENT_SVN' },
  { starts: 'fragment svn ', code: 'FRAGMENT_SVN' },
  { starts: 'fragment framework_version is ', code: 'FRAGMENT_VERSION' },
  { starts: 'no TTL candidate', code: 'TRUST_LIST' },
  { starts: 'The provided TTL', code: 'TRUST_LIST' },
  { starts: 'invalid command', code: 'PREDICATE_FAILED', predicate: 'command' },
  { starts: 'invalid working directory', code: 'PREDICATE_FAILED', predicate: 'workingDir' },
  { starts: 'privileged escalation not allowed', code: 'PREDICATE_FAILED', predicate: 'privileged' },
  { starts: 'invalid mount list', code: 'PREDICATE_FAILED', predicate: 'mounts' },
  { starts: 'devices not supported', code: 'PREDICATE_FAILED', predicate: 'devices' },
  { starts: 'invalid seccomp', code: 'PREDICATE_FAILED', predicate: 'seccomp' },
  { starts: 'missing required environment variable', code: 'PREDICATE_FAILED', predicate: 'requiredEnvironment' },
  { starts: 'invalid env list', code: 'PREDICATE_FAILED', predicate: 'environment' },
  { starts: "capabilities don't match", code: 'PREDICATE_FAILED', predicate: 'capabilities' },
  { starts: 'containers only distinguishable by capabilties', code: 'CAPABILITIES_AMBIGUOUS' },
  { starts: 'containers only distinguishable by allow_stdio', code: 'STDIO_AMBIGUOUS' },
  { starts: 'external processes only distinguishable by allow_stdio', code: 'STDIO_AMBIGUOUS' },
  // Last: on exec these two accompany every denial.
  { starts: 'invalid user', code: 'PREDICATE_FAILED', predicate: 'user' },
  { starts: 'invalid noNewPrivileges', code: 'PREDICATE_FAILED', predicate: 'noNewPrivileges' },
];

const flagPoints: ReadonlySet<string> = new Set(['get_properties', 'dump_stacks', 'runtime_logging', 'host_network']);
const overlayTexts = [
  'invalid command',
  'invalid user',
  'invalid working directory',
  'privileged escalation not allowed',
];

/** Causes that the texts alone tell, in order of rank. For messages of which nothing else is known. */
export function causesOfTexts(point: string, errors: readonly string[]): readonly Cause[] {
  if (point === 'create_container' && overlayTexts.every((text) => errors.includes(text))) {
    return [{ code: 'OVERLAY_MISSING' }];
  }
  if (errors.length === 0) return [flagPoints.has(point) ? { code: 'FLAG_OFF' } : { code: silentCause(point) }];
  const namesVariables = errors.some((error) => error.startsWith('invalid env list: '));
  const telling = errors.filter((error) => !(namesVariables && error === 'invalid env list'));
  const ranked = telling.map((error) => ({
    error,
    rank: textRules.findIndex((rule) => error.startsWith(rule.starts)),
  }));
  ranked.sort((a, b) => rankOf(a) - rankOf(b));
  return ranked.map(({ error, rank }) => {
    const rule = textRules[rank];
    const offending = /^invalid (?:env|mount) list: (.+)$/s.exec(error)?.[1]?.split(',');
    return {
      code: rule?.code ?? 'UNEXPLAINED',
      error,
      ...(rule?.predicate === undefined ? {} : { predicate: rule.predicate }),
      ...(offending === undefined ? {} : { offending }),
    };
  });
}

function rankOf(entry: { readonly rank: number }): number {
  return entry.rank === -1 ? textRules.length : entry.rank;
}

/** Denials without a text. */
function silentCause(point: string): CauseCode {
  if (point === 'plan9_mount') return 'TARGET_INVALID';
  if (point === 'load_fragment') return 'FRAGMENT_SVN';
  if (point === 'mount_overlay') return 'TARGET_IN_USE';
  return 'UNEXPLAINED';
}

/** What narrowing found out about a process, beyond its error texts. */
export interface ProcessFindings {
  readonly point: PointName;
  readonly errors: readonly string[];
  /** The container id has an overlay. */
  readonly hasCandidates: boolean;
  readonly idReused: boolean;
  readonly notStarted: boolean;
  readonly environmentAmbiguous: boolean;
  readonly capabilitiesAmbiguous: boolean;
  readonly stdioAmbiguous: boolean;
  readonly traces: readonly CandidateTrace[];
}

/** Causes of a denied process: state first, then what fails for the candidate that was probably meant. */
export function causesOfProcess(findings: ProcessFindings): readonly Cause[] {
  const causes: Cause[] = [];
  const { errors } = findings;
  const text = (start: string): { error?: string } => {
    const error = errors.find((candidate) => candidate.startsWith(start));
    return error === undefined ? {} : { error };
  };
  const version = errors.find((error) => error.startsWith('framework_version is '));
  if (version !== undefined) causes.push({ code: 'FRAMEWORK_VERSION', error: version });
  if (findings.idReused) causes.push({ code: 'CONTAINER_ID_REUSED', ...text('container already started') });
  if (findings.notStarted) causes.push({ code: 'CONTAINER_NOT_STARTED', ...text('container not started') });
  if (!findings.hasCandidates && !findings.notStarted) causes.push({ code: 'OVERLAY_MISSING' });
  if (findings.environmentAmbiguous) causes.push({ code: 'ENVIRONMENT_AMBIGUOUS', ...text('invalid env list') });
  if (findings.capabilitiesAmbiguous) causes.push({ code: 'CAPABILITIES_AMBIGUOUS', ...text('containers only') });
  if (findings.stdioAmbiguous) causes.push({ code: 'STDIO_AMBIGUOUS', ...text('containers only') });
  const furthest = furthestCandidate(findings.traces);
  for (const result of furthest?.predicates ?? []) {
    if (result.passed || furthest === undefined) continue;
    const rule = textRules.find((candidate) => candidate.predicate === result.predicate);
    const named = errors.findLast((candidate) => rule !== undefined && candidate.startsWith(rule.starts));
    causes.push({
      code: 'PREDICATE_FAILED',
      predicate: result.predicate,
      container: furthest.container,
      policyValue: result.policyValue,
      requestValue: result.requestValue,
      offending: result.offending,
      ...(named === undefined ? {} : { error: named }),
    });
  }
  return causes.length > 0 ? causes : [{ code: 'UNEXPLAINED' }];
}
