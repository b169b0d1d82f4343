import { operatorContainer } from '../bundle/shape.ts';
import { attestationOf } from './attestation.ts';
import type { AttestationState } from './attestation.ts';
import { cause } from './cause.ts';
import type { DiagnosedCause } from './cause.ts';
import { eventCauses } from './event-causes.ts';
import type { ContainerFacts, PodFacts } from './facts.ts';
import { attestationCause, causeInLog } from './log-causes.ts';
import { containersOfPod, isReady, oneLine, timeOf } from './read-pod.ts';

export interface PodDiagnosis {
  readonly namespace: string;
  readonly pod: string;
  /** `degraded`: ready, and about to end unless somebody acts. */
  readonly state: 'healthy' | 'degraded' | 'starting' | 'failing';
  /** Undefined when healthy. */
  readonly cause: DiagnosedCause | undefined;
  /** What else was found; often consequences, or what was wrong before. */
  readonly further: readonly DiagnosedCause[];
  readonly attestation: AttestationState;
  /** Of all containers. */
  readonly restarts: number;
  /** How the operator, or else whichever container ended, ended last. */
  readonly lastEnd: { readonly container: string; readonly exitCode: number; readonly reason: string } | undefined;
}

const START_GRACE_MS = 10 * 60_000;
const FIRST_STARTS = 3;

/**
 * Why a pod of the operator fails, from what Kubernetes and its logs say: one cause with what it was told by and what to do.
 * What is wrong now goes before what was wrong once: refusals of the platform after the containers started, then the log of
 * the instance that runs or ended last, then that of the one before, then how the containers ended.
 */
export function diagnosePod(facts: PodFacts): PodDiagnosis {
  const containers = containersOfPod(facts.pod);
  const metadata = facts.pod.metadata;
  const own = facts.logs[operatorContainer]?.current ?? '';
  const attestation = attestationOf(own);
  const end = lastEnd(containers);
  const found = { namespace: metadata.namespace ?? 'default', pod: metadata.name, attestation };
  const restarts = containers.reduce((sum, container) => sum + container.restarts, 0);
  const common = { ...found, restarts, lastEnd: end };
  if (isReady(facts.pod)) {
    const countdown = attestationCause(attestation, logSource(operatorContainer), facts.now);
    return { ...common, state: countdown === undefined ? 'healthy' : 'degraded', cause: countdown, further: [] };
  }
  const causes = unique([...eventCauses(facts), ...logCauses(facts, containers), ...endCauses(containers)]);
  const [first, ...further] = causes;
  if (first !== undefined && !(first.id === 'ended-without-reason' && isYoung(facts, containers))) {
    return { ...common, state: 'failing', cause: first, further };
  }
  const waiting = notReadyCause(facts, containers);
  return { ...common, state: waiting.id === 'starting' ? 'starting' : 'failing', cause: waiting, further: causes };
}

function logSource(container: string, previous = false): string {
  return `log of ${container}${previous ? ' before its last restart' : ''}`;
}

/** The log that is newer first; the operator's before the sidecar's, whose failures it reports as its own. */
function logCauses(facts: PodFacts, containers: readonly ContainerFacts[]): readonly DiagnosedCause[] {
  const names = [...new Set([operatorContainer, ...containers.map(({ name }) => name)])];
  return names.flatMap((name) => {
    const logs = facts.logs[name];
    const read = (log: string | undefined, previous: boolean): readonly DiagnosedCause[] => {
      const found = log === undefined ? undefined : causeInLog(log, logSource(name, previous), facts.now);
      return found === undefined ? [] : [found];
    };
    return [...read(logs?.current, false), ...read(logs?.previous, true)];
  });
}

/** What can be told from how containers ended. Zero means nothing: the start script of a release ends with it after failures. */
function endCauses(containers: readonly ContainerFacts[]): readonly DiagnosedCause[] {
  return containers.flatMap(({ name, ended, waiting, restarts }): readonly DiagnosedCause[] => {
    if (ended === undefined) return [];
    const text = `${ended.reason === '' ? 'ended' : ended.reason} with exit code ${ended.exitCode}, ${restarts} restarts`;
    const evidence = [
      { source: `state of ${name}`, text: oneLine(ended.message === '' ? text : `${text}: ${ended.message}`) },
    ];
    if (ended.exitCode === 137 || ended.reason === 'OOMKilled') return [cause('out-of-memory', evidence)];
    if (name === operatorContainer && ended.exitCode === 1) return [cause('configuration-file-missing', evidence)];
    if (ended.exitCode === 0 && restarts > 0) return [cause('ended-without-reason', evidence)];
    if (ended.exitCode !== 0 || waiting?.reason === 'CrashLoopBackOff') return [cause('back-off', evidence)];
    return [];
  });
}

function isYoung(facts: PodFacts, containers: readonly ContainerFacts[]): boolean {
  const created = timeOf((facts.pod.metadata as { creationTimestamp?: unknown }).creationTimestamp);
  const running = containers.some(({ name, runningSince }) => name === operatorContainer && runningSince !== undefined);
  const restarts = Math.max(0, ...containers.map((container) => container.restarts));
  return created !== undefined && running && restarts < FIRST_STARTS && facts.now - created < START_GRACE_MS;
}

/** Nothing has failed in words: it starts, or it runs without becoming ready. */
function notReadyCause(facts: PodFacts, containers: readonly ContainerFacts[]): DiagnosedCause {
  const created = timeOf((facts.pod.metadata as { creationTimestamp?: unknown }).creationTimestamp);
  const running = containers.find(({ name }) => name === operatorContainer)?.runningSince;
  const probe = facts.events.findLast(({ reason }) => reason === 'Unhealthy');
  const since = running ?? created;
  const evidence =
    probe === undefined
      ? []
      : [{ source: 'event Unhealthy', text: oneLine(`${probe.message} (${probe.count} times)`) }];
  if (since === undefined || facts.now - since < START_GRACE_MS) return cause('starting', evidence);
  if (running !== undefined) return cause('not-ready', evidence);
  const waiting = containers.flatMap(({ name, waiting: state }) =>
    state === undefined ? [] : [{ source: `state of ${name}`, text: oneLine(`${state.reason} ${state.message}`) }],
  );
  return cause('unknown', [...evidence, ...waiting]);
}

function lastEnd(containers: readonly ContainerFacts[]): PodDiagnosis['lastEnd'] {
  const ended = containers.filter((container) => container.ended !== undefined);
  const found = ended.find(({ name }) => name === operatorContainer) ?? ended[0];
  if (found?.ended === undefined) return undefined;
  return { container: found.name, exitCode: found.ended.exitCode, reason: found.ended.reason };
}

function unique(causes: readonly DiagnosedCause[]): readonly DiagnosedCause[] {
  const byId = new Map<string, DiagnosedCause>();
  for (const found of causes) if (!byId.has(found.id)) byId.set(found.id, found);
  return [...byId.values()];
}

/** A diagnosis as lines for people. */
export function diagnosisLines(diagnosis: PodDiagnosis): readonly string[] {
  const { namespace, pod, state, cause: found, further, restarts, lastEnd: end } = diagnosis;
  const ended = end === undefined ? '' : `, last end of ${end.container}: ${end.reason} (${end.exitCode})`;
  const lines = [`${namespace}/${pod}: ${state}, ${restarts} restarts${ended}`];
  if (found === undefined) return lines;
  lines.push(`  ${found.title}`);
  for (const { source, text } of found.evidence) lines.push(`    ${source}: ${text}`);
  lines.push(`  What to do: ${found.action}${found.checks.length === 0 ? '' : ` (${found.checks.join(', ')})`}`);
  for (const other of further) lines.push(`  Also seen: ${other.title}`);
  return lines;
}
