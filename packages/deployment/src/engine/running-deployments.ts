import type { StageDeployment } from '../arm/template.ts';
import type { CallOptions, DeploymentState } from './ports.ts';
import type { Run } from './run.ts';

const ended: ReadonlySet<string> = new Set(['Succeeded', 'Failed', 'Canceled']);

/** Whether Azure is done with a deployment, one way or another. */
export function isEnded({ provisioningState }: Pick<DeploymentState, 'provisioningState'>): boolean {
  return ended.has(provisioningState);
}

/**
 * The deployments of a run that Azure is carrying out now. Asks with `options` alone: the signal of a run that was
 * interrupted would end the question as well.
 */
export async function runningDeployments(run: Run, options: CallOptions): Promise<readonly StageDeployment[]> {
  const running: StageDeployment[] = [];
  for (const deployment of run.deployments) {
    const found = await run.ports.arm.deployments.get(deployment.scope, deployment.name, options);
    if (found !== undefined && !isEnded(found)) running.push(deployment);
  }
  return running;
}

/**
 * Cancels a deployment and waits until Azure says how it ended: one that was nearly done may have succeeded. What it has
 * made stays.
 */
export async function cancelDeployment(
  run: Run,
  { scope, name }: Pick<StageDeployment, 'scope' | 'name'>,
  options: CallOptions,
): Promise<DeploymentState> {
  const { deployments } = run.ports.arm;
  await deployments.cancel(scope, name, options);
  return await deployments.wait(scope, name, undefined, options);
}
