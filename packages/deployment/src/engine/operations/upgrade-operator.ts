import { DependencyError } from '@holdfast/base';

import type { Bundle } from '../../bundle/read-bundle.ts';
import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { diagnosePod } from '../../diagnostics/diagnose-pod.ts';
import { gatherPodFacts } from '../../diagnostics/gather-pod-facts.ts';
import { conditionOf } from '../../diagnostics/read-pod.ts';
import { durationMs } from '../waits.ts';
import { callOptions, tell, waitFor } from './context.ts';
import type { OperationContext } from './context.ts';
import { drainSlot } from './drain-slot.ts';
import { confirmInside } from './internal-probe.ts';
import { healthUrl, probeHttp, probePod, probeSlot } from './probe-operator.ts';
import { storeRelease, writeReceipt } from './receipts.ts';
import type { ProbeSample } from './receipts.ts';
import { flipService, managers, podsOf, readSlots, readyPods, scaleSlot, slotAnnotations } from './slots.ts';
import type { Slot, Slots } from './slots.ts';
import { assertProvenInInteg, assertUpgradable, upgradeStage, upgradeTarget } from './upgrade-target.ts';
import type { UpgradeTarget } from './upgrade-target.ts';

export interface UpgradeOptions {
  readonly bundle: Bundle;
  /** How long the first pod of the new version must be ready before others follow. */
  readonly canaryMs?: number;
  /** How long the new version is watched after it got the requests. */
  readonly observeMs?: number;
  /** How long the version before is kept after that moment; that of the configuration when missing. */
  readonly rollbackWindowMs?: number;
  /** Remove the version before as soon as the new one has been watched. */
  readonly drainNow?: boolean;
  /** Wait for the end of the rollback window instead of leaving the rest to a later run. */
  readonly wait?: boolean;
  /** Go to `prod` although nothing says that the release ran in `integ`. */
  readonly skipInteg?: boolean;
}

export interface UpgradeResult {
  /** `kept`: the new version serves, the one before is kept until `drainAfter`. */
  readonly outcome: 'already' | 'kept' | 'done' | 'rolled-back';
  readonly slot: string;
  readonly previous: string | undefined;
  /** Milliseconds since the epoch. */
  readonly drainAfter?: number;
  readonly probes: readonly ProbeSample[];
  readonly receipt?: string;
}

export const upgradeTimes = {
  /** The first pod of a new version must be ready for so long before others follow. */
  canaryMs: 5 * 60_000,
  observeMs: 10 * 60_000,
  /** So long may health fail after the flip before it is taken back. */
  toleranceMs: 3 * 60_000,
  probeIntervalMs: 10_000,
} as const;

/**
 * Replaces the version of the operator by another one that runs beside it: one pod, then all, then the Service, then the end
 * of the version before. What has been done is read from the cluster, so a run that was interrupted anywhere goes on there.
 * Health that fails for three minutes after the Service was pointed at the new version points it back.
 * @throws PolicyError BUNDLE_REFUSED, UPGRADE_SLOT_TAKEN
 * @throws RequestError OPERATOR_NOT_DEPLOYED, UPGRADE_BLOCKED, INTEG_NOT_PROVEN
 * @throws DependencyError DEPLOYMENT_DEADLINE, UPGRADE_UNHEALTHY; the Service is untouched
 */
export async function upgradeOperator(
  context: OperationContext,
  config: Uid2Vn2Config,
  options: UpgradeOptions,
): Promise<UpgradeResult> {
  const startedAt = context.ports.clock();
  const target = upgradeTarget(config, options.bundle, context.subscriptionId);
  const before = await readSlots(context, config);
  await assertUpgradable(context, config, target, before);
  const isActive = before.active?.name === target.slot;
  if (isActive && before.all.length === 1) {
    tell(context, upgradeStage, 'already', `${target.slot} is the only version`);
    return { outcome: 'already', slot: target.slot, previous: undefined, probes: [] };
  }
  if (!isActive) {
    if (wasTakenBack(before, target.slot)) {
      tell(
        context,
        upgradeStage,
        'warning',
        `${target.slot} had the requests before and they were taken back; trying again`,
      );
    }
    await assertProvenInInteg(context, config, target, options.skipInteg === true);
    await runBeside(context, config, target, options.canaryMs ?? upgradeTimes.canaryMs);
    await pointServiceAt(context, config, target);
  }
  const run = { context, config, target, options, startedAt };
  const observed = await observe(run);
  if (observed.rolledBack !== undefined) return receipt(run, 'rolled-back', observed.rolledBack, observed.probes);
  return finish(run, observed.probes);
}

function wasTakenBack(slots: Slots, name: string): boolean {
  const annotations = slots.service?.metadata.annotations;
  return annotations?.[slotAnnotations.reason] === 'automatic-rollback' && flipOf(slots).previous === name;
}

interface UpgradeRun {
  readonly context: OperationContext;
  readonly config: Uid2Vn2Config;
  readonly target: UpgradeTarget;
  readonly options: UpgradeOptions;
  readonly startedAt: number;
}

/** The new version with one pod, watched, and then with all; the Service does not know it yet. */
async function runBeside(
  context: OperationContext,
  config: Uid2Vn2Config,
  target: UpgradeTarget,
  canaryMs: number,
): Promise<void> {
  const existing = await slotNamed(context, config, target.slot);
  if (existing === undefined) {
    tell(context, upgradeStage, 'creating', `${target.slot} with one pod`, target.deployment.metadata.name);
    const spec = target.deployment['spec'] as Readonly<Record<string, unknown>>;
    await context.cluster.apply(
      { ...target.deployment, spec: { ...spec, replicas: 1 } },
      { ...callOptions(context), fieldManager: managers.operator },
    );
  } else if (existing.replicas === 0) await scaleSlot(context, existing, 1);
  await watchCanary(context, config, target, canaryMs);
  const live = await slotNamed(context, config, target.slot);
  const { replicas } = config.operator;
  if (live !== undefined && live.replicas < replicas) {
    tell(context, upgradeStage, 'updating', `${target.slot} to ${replicas} pods`, live.deployment.metadata.name);
    await scaleSlot(context, live, replicas);
  }
  await waitForReplicas(context, config, target.slot);
}

/** All pods of a slot, ready for as long as they must be to count. */
export function waitForReplicas(context: OperationContext, config: Uid2Vn2Config, name: string): Promise<Slot> {
  return waitFor(context, {
    stage: upgradeStage,
    what: `all pods of ${name} to be ready for ${config.operator.minReadySeconds} s`,
    intervalMs: upgradeTimes.probeIntervalMs,
    timeoutMs: durationMs(config.timeouts.operatorReady) + config.operator.minReadySeconds * 1_000,
    look: async () => {
      const slot = await slotNamed(context, config, name);
      if (slot === undefined || !slot.observed || slot.replicas < config.operator.replicas) return undefined;
      return slot.availableReplicas >= slot.replicas ? slot : undefined;
    },
    explain: () => explainSlot(context, config, name),
  });
}

async function watchCanary(
  context: OperationContext,
  config: Uid2Vn2Config,
  target: UpgradeTarget,
  canaryMs: number,
): Promise<void> {
  const firstSeen = new Map<string, number>();
  let last: ProbeSample | undefined;
  const healthy = await waitFor(context, {
    stage: upgradeStage,
    what: `a pod of ${target.slot} to be ready for ${canaryMs / 1000} s`,
    intervalMs: upgradeTimes.probeIntervalMs,
    timeoutMs: durationMs(config.timeouts.operatorReady) + canaryMs,
    look: async () => {
      const slot = await slotNamed(context, config, target.slot);
      if (slot === undefined) return undefined;
      const now = context.ports.clock();
      const ready = readyPods(await podsOf(context, slot));
      const names = new Set(ready.map(({ metadata }) => metadata.name));
      for (const name of firstSeen.keys()) if (!names.has(name)) firstSeen.delete(name);
      const steady = ready.find((pod) => {
        const seen = firstSeen.get(pod.metadata.name) ?? now;
        firstSeen.set(pod.metadata.name, seen);
        return now - (conditionOf(pod, 'Ready').since ?? seen) >= canaryMs;
      });
      if (steady === undefined) return undefined;
      last = await probePod(context, steady);
      return last.ok ? last : undefined;
    },
    explain: async () =>
      last === undefined
        ? explainSlot(context, config, target.slot)
        : {
            problem: `it is ready, and its health check says ${last.detail}`,
            action: 'Look at its log; the Service was not touched.',
          },
  });
  if (healthy.via === 'readiness') {
    const slot = await slotNamed(context, config, target.slot);
    if (slot !== undefined) await confirmInside(context, config, slot, upgradeStage, healthy);
  }
}

/** Why the pods of a slot are not ready, from the first of them. */
async function explainSlot(
  context: OperationContext,
  config: Uid2Vn2Config,
  name: string,
): Promise<{ readonly problem: string; readonly action: string }> {
  const slot = await slotNamed(context, config, name);
  const pods = slot === undefined ? [] : await podsOf(context, slot);
  const pod = pods.find((each) => readyPods([each]).length === 0);
  const action = 'The Service was not touched. Run the same command again to go on, or holdfast diagnose to see more.';
  if (pod === undefined) return { problem: `${name} has no pods`, action };
  const facts = await gatherPodFacts(
    context.cluster,
    config.operator.namespace,
    pod.metadata.name,
    context.ports.clock(),
    callOptions(context),
  );
  const { cause } = diagnosePod(facts);
  return {
    problem: `${pod.metadata.name}: ${cause?.title ?? 'not ready'}`,
    action: `${cause?.action ?? ''} ${action}`.trim(),
  };
}

/** One write of the Service. The way health is asked for is chosen before it: a way that fails now would fail afterwards as well. */
async function pointServiceAt(context: OperationContext, config: Uid2Vn2Config, target: UpgradeTarget): Promise<void> {
  const slots = await readSlots(context, config);
  const slot = slots.all.find(({ name }) => name === target.slot);
  if (slot === undefined || slot.availableReplicas < config.operator.replicas) {
    throw new DependencyError('UPGRADE_UNHEALTHY', `${target.slot} lost pods before it got any request`, {
      retryable: true,
      action: 'The Service was not touched. Run the same command again.',
    });
  }
  const url = config.operator.exposure.kind === 'internal' ? undefined : healthUrl(slots.service);
  const baseline = url === undefined ? undefined : await probeHttp(context, url);
  const probe = baseline?.ok === true ? 'http' : 'proxy';
  if (probe === 'proxy' && url !== undefined) {
    tell(context, upgradeStage, 'warning', `${url} does not answer here (${baseline?.detail}): pods are asked instead`);
  }
  tell(
    context,
    upgradeStage,
    'updating',
    `requests go from ${slots.active?.name ?? 'nowhere'} to ${target.slot}`,
    'operator-svc',
  );
  await flipService(context, config, slot, { previous: slots.active?.name ?? '', reason: 'upgrade', probe });
}

interface Observation {
  readonly probes: readonly ProbeSample[];
  /** The slot that has the requests again. */
  readonly rolledBack?: string;
}

/** Asks for health until the time is over, or until it has failed for too long. */
async function observe(run: UpgradeRun): Promise<Observation> {
  const { context, config, target, options } = run;
  const { ports, signal } = context;
  const probes: ProbeSample[] = [];
  const flipped = flipOf(await readSlots(context, config));
  const until = (flipped.at ?? ports.clock()) + (options.observeMs ?? upgradeTimes.observeMs);
  let failingSince: number | undefined;
  for (;;) {
    const begun = ports.clock();
    const sample = await probeService(context, config, target.slot, flipped.probe);
    probes.push(sample);
    if (sample.ok) failingSince = undefined;
    else {
      failingSince ??= begun;
      tell(context, upgradeStage, 'warning', `health of ${target.slot}: ${sample.detail}`);
    }
    if (sample.ok && begun >= until) return { probes };
    if (failingSince !== undefined && begun - failingSince >= upgradeTimes.toleranceMs) {
      return { probes, rolledBack: await rollBack(run, flipped.previous) };
    }
    await ports.sleep(Math.max(0, begun + upgradeTimes.probeIntervalMs - ports.clock()), signal);
  }
}

async function probeService(
  context: OperationContext,
  config: Uid2Vn2Config,
  slotName: string,
  way: string | undefined,
): Promise<ProbeSample> {
  const slots = await readSlots(context, config);
  const slot = slots.all.find(({ name }) => name === slotName);
  const url = healthUrl(slots.service);
  if (way === 'http' && url !== undefined) return probeHttp(context, url);
  if (slot !== undefined) return probeSlot(context, slot);
  return { at: context.ports.clock(), ok: false, via: 'readiness', detail: `${slotName} is gone` };
}

/** @throws DependencyError UPGRADE_UNHEALTHY when there is nothing to go back to */
async function rollBack({ context, config, target }: UpgradeRun, previous: string | undefined): Promise<string> {
  const slot = previous === undefined ? undefined : await slotNamed(context, config, previous);
  if (slot === undefined || slot.readyReplicas === 0) {
    throw new DependencyError('UPGRADE_UNHEALTHY', `${target.slot} is not well, and no version before it is ready`, {
      retryable: false,
      action:
        'holdfast diagnose says why it is not well; holdfast rollback operator --to brings back a stored release.',
    });
  }
  await flipService(context, config, slot, { previous: target.slot, reason: 'automatic-rollback', probe: 'proxy' });
  tell(context, upgradeStage, 'failed', `health failed for 3 min: requests go to ${slot.name} again`, 'operator-svc');
  return slot.name;
}

/** The version before is kept for the rollback window, then removed. */
async function finish(run: UpgradeRun, probes: readonly ProbeSample[]): Promise<UpgradeResult> {
  const { context, config, target, options } = run;
  const slots = await readSlots(context, config);
  const others = slots.all.filter(({ name }) => name !== target.slot);
  const { at: flippedAt, previous } = flipOf(slots);
  const now = context.ports.clock();
  const window = options.rollbackWindowMs ?? durationMs(config.operator.rollbackWindow);
  const drainAfter = (flippedAt ?? now) + window;
  if (options.drainNow !== true && now < drainAfter) {
    if (options.wait !== true) {
      const until = new Date(drainAfter).toISOString();
      tell(
        context,
        upgradeStage,
        'waiting',
        `${others.map(({ name }) => name).join(', ')} can be gone back to until ${until}`,
      );
      return { ...(await receipt(run, 'kept', previous, probes)), drainAfter };
    }
    await context.ports.sleep(drainAfter - now, context.signal);
  }
  for (const slot of others) {
    await storeRelease(context.ports.state, {
      slot: slot.name,
      environment: config.operator.environment,
      policyDigest: slot.policyDigest,
      deployment: slot.deployment,
    });
    await drainSlot(context, config, slot, upgradeStage);
  }
  return receipt(run, 'done', previous, probes);
}

async function receipt(
  { context, config, target, startedAt }: UpgradeRun,
  outcome: UpgradeResult['outcome'],
  previous: string | undefined,
  probes: readonly ProbeSample[],
): Promise<UpgradeResult> {
  const { slot, version, policyDigest, deployment } = target;
  await storeRelease(context.ports.state, {
    slot,
    environment: config.operator.environment,
    policyDigest,
    deployment,
  });
  const name = await writeReceipt(context, config, {
    command: 'upgrade',
    outcome,
    healthy: outcome !== 'rolled-back',
    release: { version, slot, policyDigest },
    ...(previous === undefined ? {} : { previous }),
    startedAt,
    probes,
    workload: [deployment],
  });
  tell(context, upgradeStage, outcome === 'rolled-back' ? 'failed' : 'done', `${slot}: ${outcome}`, name);
  return { outcome, slot, previous, probes, receipt: name };
}

async function slotNamed(context: OperationContext, config: Uid2Vn2Config, name: string): Promise<Slot | undefined> {
  return (await readSlots(context, config)).all.find((slot) => slot.name === name);
}

/** What the last flip noted down at the Service. */
export function flipOf({ service }: Slots): {
  readonly at: number | undefined;
  readonly previous: string | undefined;
  readonly probe: string | undefined;
} {
  const annotations = service?.metadata.annotations ?? {};
  const time = Date.parse(annotations[slotAnnotations.flippedAt] ?? '');
  const previous = annotations[slotAnnotations.previous];
  return {
    at: Number.isNaN(time) ? undefined : time,
    previous: previous === '' ? undefined : previous,
    probe: annotations[slotAnnotations.probe],
  };
}
