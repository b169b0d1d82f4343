import { DependencyError, RequestError } from '@holdfast/base';

import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { callOptions, tell, waitFor } from './context.ts';
import type { OperationContext } from './context.ts';
import { healthUrl, probeHttp, probeSlot } from './probe-operator.ts';
import { readRelease, storedReleases, storeRelease, writeReceipt } from './receipts.ts';
import type { ProbeSample } from './receipts.ts';
import { flipService, managers, readSlots, scaleSlot, slotAnnotations } from './slots.ts';
import type { Slot, Slots } from './slots.ts';
import { flipOf, upgradeTimes, waitForReplicas } from './upgrade-operator.ts';

export interface RollbackOptions {
  /** Slot to go back to, such as `5-58-0`; the one that served before when missing. */
  readonly to?: string;
}

export interface RollbackResult {
  readonly outcome: 'already' | 'rolled-back';
  readonly slot: string;
  /** The slot that served until now. */
  readonly previous: string | undefined;
  readonly probe?: ProbeSample;
  readonly receipt?: string;
}

const stage = 'rollback-operator';
const HEALTH_TIMEOUT_MS = 3 * 60_000;

/**
 * Gives the requests back to the version before. While that one still runs this is one write; once it has been removed it is
 * brought up again from what the upgrade stored, and gets the requests when all its pods are ready.
 * @throws RequestError ROLLBACK_NOWHERE when there is no other version, neither here nor stored
 * @throws DependencyError DEPLOYMENT_DEADLINE; the Service is untouched
 */
export async function rollbackOperator(
  context: OperationContext,
  config: Uid2Vn2Config,
  options: RollbackOptions = {},
): Promise<RollbackResult> {
  const startedAt = context.ports.clock();
  const slots = await readSlots(context, config);
  const name = await targetOf(context, slots, options.to);
  if (slots.active?.name === name) {
    tell(context, stage, 'already', `requests go to ${name}`);
    return { outcome: 'already', slot: name, previous: flipOf(slots).previous };
  }
  const slot = await ready(context, config, slots, name);
  const previous = slots.active?.name;
  tell(context, stage, 'updating', `requests go from ${previous ?? 'nowhere'} to ${name}`, 'operator-svc');
  await rememberActive(context, config, slots.active);
  const way = flipOf(slots).probe ?? 'proxy';
  await flipService(context, config, slot, { previous: previous ?? '', reason: 'rollback', probe: way });
  const probe = await healthAfter(context, config, name, way);
  const receipt = await writeReceipt(context, config, {
    command: 'rollback',
    outcome: 'rolled-back',
    healthy: probe.ok,
    release: { version: name, slot: name, policyDigest: slot.policyDigest },
    ...(previous === undefined ? {} : { previous }),
    startedAt,
    probes: [probe],
  });
  tell(context, stage, 'done', `${name} serves again: ${probe.detail}`, receipt);
  return { outcome: 'rolled-back', slot: name, previous, probe, receipt };
}

/**
 * Where to go back to. After a rollback the slot before is the one that was left, so a second `rollback` without a name would
 * go forward again: it stays where it is.
 */
async function targetOf(context: OperationContext, slots: Slots, wanted: string | undefined): Promise<string> {
  const { active } = slots;
  const reason = slots.service?.metadata.annotations?.[slotAnnotations.reason];
  const wentBack = reason === 'rollback' || reason === 'automatic-rollback';
  if (wanted === undefined && wentBack && active !== undefined) return active.name;
  const stored = await storedReleases(context.ports.state);
  const known = [...new Set([...slots.all.map(({ name }) => name), ...stored])];
  const others = known.filter((name) => name !== active?.name);
  const name = wanted ?? flipOf(slots).previous ?? (others.length === 1 ? others[0] : undefined);
  if (name !== undefined && known.includes(name)) return name;
  const problem =
    name === undefined
      ? 'no version before this one is known'
      : `there is no version ${name}, neither running nor stored`;
  throw new RequestError('ROLLBACK_NOWHERE', problem, {
    details: { known: others },
    action:
      others.length === 0
        ? 'Deploy another release with holdfast upgrade operator.'
        : `Name one with --to: ${others.join(', ')}.`,
  });
}

/** The slot with all its pods, brought up if it has to be. */
async function ready(context: OperationContext, config: Uid2Vn2Config, slots: Slots, name: string): Promise<Slot> {
  const { replicas } = config.operator;
  const there = slots.all.find((slot) => slot.name === name);
  // Going back is for emergencies: most of the pods are enough, the others follow.
  if (there !== undefined && there.readyReplicas * 2 > replicas) return there;
  if (there === undefined) {
    const release = await readRelease(context.ports.state, name);
    if (release === undefined) throw new RequestError('ROLLBACK_NOWHERE', `the stored release ${name} cannot be read`);
    tell(context, stage, 'creating', `${name} from the stored release`, release.deployment.metadata.name);
    const spec = { ...(release.deployment['spec'] as object), replicas };
    await context.cluster.apply(
      { ...release.deployment, spec },
      { ...callOptions(context), fieldManager: managers.operator },
    );
  } else if (there.replicas < replicas) {
    tell(context, stage, 'updating', `${name} to ${replicas} pods`, there.deployment.metadata.name);
    await scaleSlot(context, there, replicas);
  }
  return waitForReplicas(context, config, name);
}

async function rememberActive(
  context: OperationContext,
  config: Uid2Vn2Config,
  active: Slot | undefined,
): Promise<void> {
  if (active === undefined) return;
  const { name, policyDigest, deployment } = active;
  await storeRelease(context.ports.state, {
    slot: name,
    environment: config.operator.environment,
    policyDigest,
    deployment,
  });
}

/** @throws DependencyError ROLLBACK_UNHEALTHY */
async function healthAfter(
  context: OperationContext,
  config: Uid2Vn2Config,
  name: string,
  way: string,
): Promise<ProbeSample> {
  let last: ProbeSample | undefined;
  try {
    return await waitFor(context, {
      stage,
      what: `${name} to be healthy`,
      intervalMs: upgradeTimes.probeIntervalMs,
      timeoutMs: HEALTH_TIMEOUT_MS,
      look: async () => {
        const slots = await readSlots(context, config);
        const slot = slots.all.find((each) => each.name === name);
        const url = healthUrl(slots.service);
        if (way === 'http' && url !== undefined) last = await probeHttp(context, url);
        else if (slot !== undefined) last = await probeSlot(context, slot);
        return last?.ok === true ? last : undefined;
      },
    });
  } catch (error) {
    if (!(error instanceof DependencyError) || error.code !== 'DEPLOYMENT_DEADLINE') throw error;
    throw new DependencyError(
      'ROLLBACK_UNHEALTHY',
      `requests go to ${name}, which is not well: ${last?.detail ?? 'no answer'}`,
      {
        retryable: false,
        cause: error,
        action: 'holdfast diagnose says why.',
      },
    );
  }
}
