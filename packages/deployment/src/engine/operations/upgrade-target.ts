import { PolicyError, RequestError } from '@holdfast/base';

import { inspectBundle } from '../../bundle/inspect-bundle.ts';
import type { Bundle } from '../../bundle/read-bundle.ts';
import { containersOf, objectAt, policyOf } from '../../bundle/shape.ts';
import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { uid2Names } from '../../graph/uid2-vn2.ts';
import { isReady } from '../../diagnostics/read-pod.ts';
import { bundleVersion, operatorObjects, slotLabel } from '../../manifests/operator.ts';
import type { KubernetesObject } from '../../manifests/object.ts';
import { hasHealthyIntegRun, readReceipts } from '../receipts.ts';
import { callOptions, tell } from './context.ts';
import type { OperationContext } from './context.ts';
import type { Slots } from './slots.ts';

export const upgradeStage = 'upgrade-operator';

/** The release that is to run, as objects. */
export interface UpgradeTarget {
  readonly slot: string;
  readonly version: string;
  readonly policyDigest: string;
  readonly deployment: KubernetesObject;
  readonly selector: Readonly<Record<string, string>>;
}

/**
 * The release of a bundle as the objects that are applied, after every check of the bundle.
 * @throws PolicyError BUNDLE_REFUSED with all findings: a shape, a policy or a digest that was not published
 */
export function upgradeTarget(config: Uid2Vn2Config, bundle: Bundle, subscriptionId: string): UpgradeTarget {
  const { findings, digest } = inspectBundle(bundle, config);
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0 || digest === undefined) {
    const problems = errors.map(({ check, message }) => `${check}: ${message}`);
    throw new PolicyError('BUNDLE_REFUSED', `the release is refused: ${problems.join('; ') || 'it has no policy'}`, {
      details: { findings: problems },
      action: 'Use the bundle as UID2 sent it, and the digest that UID2 published for it (operator.bundle.digest).',
    });
  }
  const objects = operatorObjects(bundle, config, uid2Names(config, subscriptionId).identity);
  const deployment = objects.find(({ kind }) => kind === 'Deployment') as KubernetesObject;
  const selector = objectAt(deployment, 'spec', 'selector', 'matchLabels') as Readonly<Record<string, string>>;
  const version = bundleVersion(bundle, config);
  return { slot: selector[slotLabel] ?? '', version, policyDigest: digest, deployment, selector };
}

/**
 * What must hold before anything is written.
 * @throws RequestError OPERATOR_NOT_DEPLOYED, UPGRADE_BLOCKED
 * @throws PolicyError UPGRADE_SLOT_TAKEN when the version is there already with another policy
 */
export async function assertUpgradable(
  context: OperationContext,
  config: Uid2Vn2Config,
  target: UpgradeTarget,
  slots: Slots,
): Promise<void> {
  if (slots.service === undefined || slots.active === undefined) {
    const problem =
      slots.service === undefined ? 'there is no Service operator-svc' : 'the Service leads to no known Deployment';
    throw new RequestError('OPERATOR_NOT_DEPLOYED', `nothing to upgrade in ${config.operator.namespace}: ${problem}`, {
      action: 'Deploy the operator first: holdfast apply.',
    });
  }
  const there = slots.all.find(({ name }) => name === target.slot);
  if (there !== undefined && !sameRelease(there.deployment, target.deployment)) {
    throw new PolicyError(
      'UPGRADE_SLOT_TAKEN',
      `version ${target.version} runs already, with another policy (${there.policyDigest ?? 'none'}, the bundle has ${target.policyDigest})`,
      { action: 'Two releases do not share a version: set operator.bundle.version to what tells them apart.' },
    );
  }
  if (slots.active.name === target.slot) return;
  await assertNothingRuns(context, config);
  const nodes = await context.cluster.list('v1', 'Node', {
    ...callOptions(context),
    labelSelector: 'type=virtual-kubelet',
  });
  if (!nodes.some(isReady)) {
    throw new RequestError('UPGRADE_BLOCKED', 'no virtual node is ready, so a new version cannot start', {
      action: 'holdfast status shows why; then run the same command again.',
    });
  }
}

function sameRelease(a: KubernetesObject, b: KubernetesObject): boolean {
  return measuredDigest(a) === measuredDigest(b);
}

/** The cluster adds defaults to what it stores, so only what the policy is about is compared: itself, images and commands. */
function measuredDigest(deployment: KubernetesObject): string {
  const containers = containersOf(deployment).map(({ name, image, command, args }) => [name, image, command, args]);
  return JSON.stringify([policyOf(deployment), containers]);
}

/** @throws RequestError UPGRADE_BLOCKED while Azure still changes the deployment */
async function assertNothingRuns(context: OperationContext, config: Uid2Vn2Config): Promise<void> {
  const { scope } = uid2Names(config, context.subscriptionId);
  const prefix = `uid2-${config.operator.environment}-`;
  for (const stage of ['s3', 's4', 's5a', 's5b', 's6']) {
    const state = await context.ports.arm.deployments.get(scope, `${prefix}${stage}`, callOptions(context));
    if (state === undefined || !['Running', 'Accepted'].includes(state.provisioningState)) continue;
    throw new RequestError('UPGRADE_BLOCKED', `the deployment ${prefix}${stage} is still ${state.provisioningState}`, {
      action: 'Wait until it has ended (holdfast status), then run the same command again.',
    });
  }
}

/**
 * Whether a release goes to `prod` without having run in `integ` (check OE-03); said as a warning here.
 * @throws RequestError INTEG_NOT_PROVEN unless acknowledged
 */
export async function assertProvenInInteg(
  context: OperationContext,
  config: Uid2Vn2Config,
  target: UpgradeTarget,
  acknowledged: boolean,
): Promise<void> {
  if (config.operator.environment !== 'prod') return;
  if (hasHealthyIntegRun(await readReceipts(context.ports.state), target)) return;
  const problem = `no receipt here says that ${target.version} (${target.policyDigest.slice(0, 12)}…) ran healthily in integ`;
  if (acknowledged) {
    tell(context, upgradeStage, 'warning', `OE-03: ${problem}`);
    return;
  }
  throw new RequestError('INTEG_NOT_PROVEN', `OE-03: ${problem}`, {
    action: 'Run it in integ first, or add --skip-integ to say that you know.',
  });
}
