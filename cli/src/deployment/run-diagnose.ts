import { RequestError } from '@holdfast/base';
import { diagnoseOperator, diagnosePod, diagnosisLines, gatherPodFacts, lockNamespace } from '@holdfast/deployment';
import type { PodDiagnosis } from '@holdfast/deployment';

import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from './exit-codes.ts';
import type { CloudFlags, Connect, OpenDeployment } from './open-deployment.ts';
import { onDeployment } from './run-operation.ts';

export interface DiagnoseFlags extends CloudFlags {
  readonly namespace?: string;
}

/** `holdfast diagnose`: why a pod fails, down to its cause; all pods of the operator when none is named. */
export async function runDiagnose(
  context: CliContext,
  flags: DiagnoseFlags,
  pod?: string,
  connect?: Connect,
): Promise<void> {
  const work: Parameters<typeof onDeployment>[2] = async (opened) => {
    const found = await diagnoses(opened, flags, pod);
    if (flags.json) writeJson(context.io, { version: 1, pods: found });
    else context.io.stdout.write(textOf(found));
    if (found.length === 0) context.setExitCode(exitCodes.absent);
    else if (found.some(({ state }) => state !== 'healthy')) context.setExitCode(exitCodes.degraded);
  };
  await onDeployment(context, flags, work, connect);
}

async function diagnoses(
  { run }: OpenDeployment,
  flags: DiagnoseFlags,
  pod?: string,
): Promise<readonly PodDiagnosis[]> {
  const cluster = await run.cluster();
  if (cluster === undefined) {
    throw new RequestError('CLUSTER_ABSENT', 'the cluster of this deployment does not exist', {
      action: 'Deploy it first: holdfast apply.',
    });
  }
  const now = run.ports.clock();
  const { config, signal } = run;
  if (pod !== undefined) {
    const namespace = flags.namespace ?? lockNamespace(run);
    return [diagnosePod(await gatherPodFacts(cluster, namespace, pod, now, { signal }))];
  }
  if (config.profile !== 'uid2-vn2') {
    throw new RequestError('POD_UNNAMED', `a pod has to be named for the profile ${config.profile}`, {
      action: 'Give its name, and its namespace with --namespace.',
    });
  }
  return diagnoseOperator({ cluster, signal }, config, now);
}

function textOf(found: readonly PodDiagnosis[]): string {
  if (found.length === 0) return 'There is no pod of the operator.\n';
  return `${found.flatMap(diagnosisLines).join('\n')}\n`;
}
