import type { DeploymentConfig } from '../config/profiles.ts';
import { deadlineReached } from './errors.ts';
import type { Run } from './run.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

interface WaitRule {
  /** Milliseconds between two looks; the last goes on. */
  readonly intervals: readonly number[];
  readonly deadlineMs: number;
  /** The setting that changes the deadline. */
  readonly setting?: string;
  readonly hint: string;
}

/** Everything that is waited for: how often it is looked at, for how long, and what to do when it takes longer. */
export const waits = {
  providerRegistration: {
    intervals: [5, 8, 12, 18, 27, 30].map((seconds) => seconds * SECOND),
    deadlineMs: 15 * MINUTE,
    setting: 'providerRegistration',
    hint: 'See az provider show; a registration that hangs can be asked for again.',
  },
  featureRegistration: {
    intervals: [15 * SECOND],
    deadlineMs: 60 * MINUTE,
    hint: 'See az feature show; some previews are approved by hand.',
  },
  networkDeployment: {
    intervals: [5 * SECOND],
    deadlineMs: 15 * MINUTE,
    setting: 'networkDeployment',
    hint: 'The deployment goes on in Azure: see az deployment group show.',
  },
  clusterDeployment: {
    intervals: [5 * SECOND],
    deadlineMs: 45 * MINUTE,
    setting: 'clusterDeployment',
    hint: 'The deployment goes on in Azure: see az deployment group show.',
  },
  roleAssignment: {
    intervals: [5, 10, 20, 30].map((seconds) => seconds * SECOND),
    deadlineMs: 10 * MINUTE,
    setting: 'roleAssignment',
    hint: 'The directory still does not know the identity; see holdfast doctor --only RA-02.',
  },
  concurrentOperation: {
    intervals: [10, 20, 30].map((seconds) => seconds * SECOND),
    deadlineMs: 15 * MINUTE,
    hint: 'Something else is being done to the resource; see its activity log.',
  },
  settling: {
    intervals: [5 * SECOND],
    deadlineMs: 2 * MINUTE,
    hint: 'What was written is not yet what is read.',
  },
  vaultRole: {
    intervals: [10, 20, 40, 60].map((seconds) => seconds * SECOND),
    deadlineMs: 30 * MINUTE,
    setting: 'vaultRole',
    hint: 'A role on a vault can take long to work; see holdfast doctor --only RP-01.',
  },
  virtualNodeReady: {
    intervals: [5 * SECOND],
    deadlineMs: 10 * MINUTE,
    setting: 'virtualNodeReady',
    hint: 'Look at the pods of the virtual node; the roles of the nodes may not work yet (RP-02).',
  },
  workloadReady: {
    intervals: [5 * SECOND],
    deadlineMs: 30 * MINUTE,
    setting: 'operatorReady',
    hint: 'holdfast status shows why a pod does not start.',
  },
  serviceAddress: {
    intervals: [5 * SECOND],
    deadlineMs: 10 * MINUTE,
    setting: 'serviceAddress',
    hint: 'Look at the events of the Service.',
  },
  health: {
    intervals: [10 * SECOND],
    deadlineMs: 15 * MINUTE,
    setting: 'health',
    hint: 'holdfast status shows what the workload says.',
  },
} as const satisfies Record<string, WaitRule>;

export type WaitName = keyof typeof waits;

/** Milliseconds that a wait may take, as the configuration has it. */
export function deadlineOf(name: WaitName, config: DeploymentConfig): number {
  const rule: WaitRule = waits[name];
  if (rule.setting === undefined || config.profile !== 'uid2-vn2') return rule.deadlineMs;
  const setting = (config.timeouts as Readonly<Record<string, string>>)[rule.setting];
  return setting === undefined ? rule.deadlineMs : durationMs(setting);
}

/** `90s`, `15m`, `24h` in milliseconds. */
export function durationMs(text: string): number {
  const units: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: 60 * MINUTE };
  return Number.parseInt(text, 10) * (units[text.at(-1) ?? 's'] ?? SECOND);
}

/** Milliseconds until the next look. */
export function intervalOf(name: WaitName, attempt: number): number {
  const { intervals } = waits[name] as WaitRule;
  return intervals[Math.min(attempt, intervals.length - 1)] ?? SECOND;
}

/** What a look found. */
export type Probe<T> = { readonly done: T } | { readonly pending: string };

export interface WaitFor<T> {
  readonly wait: WaitName;
  readonly stage: string;
  /** For messages: `virtual node`. */
  readonly what: string;
  readonly probe: () => Promise<Probe<T>>;
  /** Called before each pause. */
  readonly onPause?: () => Promise<void>;
}

/**
 * Looks until something is so, and says what it is waiting for whenever that changes.
 * @throws DependencyError DEPLOYMENT_DEADLINE
 */
export async function waitFor<T>(run: Run, { wait, stage, what, probe, onPause }: WaitFor<T>): Promise<T> {
  const { ports, config, signal } = run;
  const deadlineMs = deadlineOf(wait, config);
  const begun = ports.clock();
  let said: string | undefined;
  for (let attempt = 0; ; attempt += 1) {
    const found = await probe();
    if ('done' in found) return found.done;
    const passed = ports.clock() - begun;
    if (passed >= deadlineMs) {
      throw deadlineReached(stage, `${what}: ${found.pending}`, Math.round(deadlineMs / MINUTE), waits[wait].hint);
    }
    if (found.pending !== said) run.emit(stage, 'waiting', { detail: `${what}: ${found.pending}` });
    said = found.pending;
    await onPause?.();
    await ports.sleep(Math.min(intervalOf(wait, attempt), deadlineMs - passed), signal);
  }
}

/** Runs something that may be aborted, for as long as a wait may take. */
export async function withDeadline<T>(
  run: Run,
  wait: WaitName,
  stage: string,
  what: string,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { ports, config, signal } = run;
  const deadlineMs = deadlineOf(wait, config);
  const controller = new AbortController();
  const forward = (): void => controller.abort(signal.reason);
  if (signal.aborted) forward();
  signal.addEventListener('abort', forward, { once: true });
  const finished = new AbortController();
  const watch = ports.sleep(deadlineMs, finished.signal).then(
    () => {
      controller.abort(deadlineReached(stage, what, Math.round(deadlineMs / MINUTE), waits[wait].hint));
    },
    // The action has ended first: nothing is left to watch.
    () => undefined,
  );
  try {
    return await action(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    finished.abort();
    signal.removeEventListener('abort', forward);
    await watch;
  }
}
