import { PolicyError } from '@holdfast/base';

import type { Stage } from '../../graph/stages.ts';
import { azureFailure, problemOf, replaceNeeded } from '../errors.ts';
import { textAt } from '../json.ts';
import { mergedBody } from '../merge-body.ts';
import { isSettled } from '../resources.ts';
import type { ResourceState } from '../resources.ts';
import type { Run } from '../run.ts';

/**
 * Writes a resource by itself: the group, which must exist before deployments, and resources of others to which fields are
 * added. Those are read, changed and written whole, so that nothing of them is lost.
 * @throws PolicyError ADOPTED_RESOURCE_MISSING, ADOPTED_RESOURCE_IN_USE, DEPLOYMENT_REPLACE_NEEDED
 */
export async function writeDirectly(run: Run, stage: Stage, state: ResourceState): Promise<void> {
  if (isSettled(state)) return;
  const { node, resourceId, live, wanted, differences } = state;
  const immutable = differences.filter(({ kind }) => kind === 'replace').map(({ path }) => `${node.id} ${path}`);
  if (immutable.length > 0) throw replaceNeeded(stage.id, immutable);
  if (node.merge === true) refuseAdoption(state);
  run.emit(stage.id, live === undefined ? 'creating' : 'updating', {
    resource: node.id,
    detail: live === undefined ? node.name : `${node.name}: ${differences.map(({ path }) => path).join(', ')}`,
  });
  const body = live === undefined ? wanted : mergedBody(wanted, live, node.rules ?? {}, false);
  try {
    await run.ports.arm.write(resourceId, node.apiVersion, body, { signal: run.signal });
  } catch (error) {
    const problem = problemOf(error);
    throw problem === undefined ? error : azureFailure(stage.id, problem, error);
  }
}

function refuseAdoption({ node, live, wanted }: ResourceState): void {
  if (live === undefined) {
    throw new PolicyError('ADOPTED_RESOURCE_MISSING', `${node.id}: ${node.name} does not exist and is only added to`, {
      action: 'Correct its name in the configuration, or choose the mode that creates it.',
    });
  }
  const other = textAt(live, 'properties.natGateway.id');
  const own = textAt(wanted, 'properties.natGateway.id');
  if (own !== undefined && other !== undefined && other.toLowerCase() !== own.toLowerCase()) {
    throw new PolicyError('ADOPTED_RESOURCE_IN_USE', `${node.name} has the NAT gateway ${other} already`, {
      details: { resourceId: other },
      action: 'The pod VMs can use it as it is: leave this profile out, or detach it yourself.',
    });
  }
}
