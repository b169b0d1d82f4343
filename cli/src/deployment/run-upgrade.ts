import { RequestError } from '@holdfast/base';
import {
  durationMs,
  upgradeKubernetes,
  upgradeOperator,
  upgradeVirtualNode,
  withOperation,
} from '@holdfast/deployment';
import type { UpgradeResult } from '@holdfast/deployment';

import type { CliContext } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { confirmRun } from './confirm.ts';
import type { Connect } from './open-deployment.ts';
import { onDeployment, operatorConfig, report } from './run-operation.ts';
import type { OperationFlags } from './run-operation.ts';

export interface UpgradeOperatorFlags extends OperationFlags {
  readonly canary?: string;
  readonly observe?: string;
  readonly rollbackWindow?: string;
  readonly drainNow: boolean;
  readonly wait: boolean;
  readonly skipInteg: boolean;
}

export interface UpgradeKubernetesFlags extends OperationFlags {
  readonly to?: string;
}

/** `holdfast upgrade operator`: the release of the configuration, beside the one that serves, then in its place. */
export async function runUpgradeOperator(
  context: CliContext,
  flags: UpgradeOperatorFlags,
  connect?: Connect,
): Promise<void> {
  const work: Parameters<typeof onDeployment>[2] = async (opened) => {
    const config = operatorConfig(opened, 'holdfast upgrade operator');
    const { bundle } = opened.run;
    if (bundle === undefined) {
      throw new RequestError('BUNDLE_UNNAMED', 'the configuration names no release to upgrade to', {
        action: 'Set operator.bundle to the new release and its published digest.',
      });
    }
    await confirmRun(context.io, opened.run, 'holdfast upgrade operator replaces the release that serves:', flags.yes);
    const result = await withOperation(opened.run, (operation) =>
      upgradeOperator(operation, config, {
        bundle,
        drainNow: flags.drainNow,
        wait: flags.wait,
        skipInteg: flags.skipInteg,
        ...(flags.canary === undefined ? {} : { canaryMs: durationMs(flags.canary) }),
        ...(flags.observe === undefined ? {} : { observeMs: durationMs(flags.observe) }),
        ...(flags.rollbackWindow === undefined ? {} : { rollbackWindowMs: durationMs(flags.rollbackWindow) }),
      }),
    );
    if (result.outcome === 'rolled-back') context.setExitCode(EXIT_FAILED);
    report(context, flags.json, sentenceOf(result), result);
  };
  await onDeployment(context, flags, work, connect);
}

function sentenceOf({ outcome, slot, previous, drainAfter }: UpgradeResult): string {
  switch (outcome) {
    case 'already':
      return `${slot} serves already, and nothing else is there.`;
    case 'done':
      return `${slot} serves; the version before is gone.`;
    case 'rolled-back':
      return `${slot} was not healthy: ${previous ?? 'the version before'} serves again. holdfast diagnose says why.`;
    default: {
      const until = drainAfter === undefined ? 'later' : new Date(drainAfter).toISOString();
      return `${slot} serves. ${previous ?? 'The version before'} is kept for holdfast rollback operator; run this command again after ${until} to remove it.`;
    }
  }
}

/** `holdfast upgrade virtual-node`: the chart that is built in. */
export async function runUpgradeVirtualNode(
  context: CliContext,
  flags: OperationFlags,
  connect?: Connect,
): Promise<void> {
  const work: Parameters<typeof onDeployment>[2] = async (opened) => {
    const config = operatorConfig(opened, 'holdfast upgrade virtual-node');
    await confirmRun(context.io, opened.run, 'holdfast upgrade virtual-node restarts the virtual node:', flags.yes);
    const result = await withOperation(opened.run, (operation) => upgradeVirtualNode(operation, config));
    const removed = result.orphans.length === 0 ? '' : ` Removed nodes without a pod: ${result.orphans.join(', ')}.`;
    report(context, flags.json, `The virtual node has ${result.to}.${removed}`, result);
  };
  await onDeployment(context, flags, work, connect);
}

/** `holdfast upgrade kubernetes`: the next minor version, the cluster first, then its pools. */
export async function runUpgradeKubernetes(
  context: CliContext,
  flags: UpgradeKubernetesFlags,
  connect?: Connect,
): Promise<void> {
  const work: Parameters<typeof onDeployment>[2] = async (opened) => {
    const config = operatorConfig(opened, 'holdfast upgrade kubernetes');
    await confirmRun(context.io, opened.run, 'holdfast upgrade kubernetes replaces the nodes one by one:', flags.yes);
    const options = flags.to === undefined ? {} : { to: flags.to };
    const result = await withOperation(opened.run, (operation) => upgradeKubernetes(operation, config, options));
    report(context, flags.json, `The cluster has ${result.to}; set aks.kubernetesVersion to it.`, result);
  };
  await onDeployment(context, flags, work, connect);
}
