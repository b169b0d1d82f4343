import { PolicyError } from '@holdfast/base';

import { deletedVaultId, vaultType } from '../../graph/ids.ts';
import { idOf } from '../../graph/parts.ts';
import type { Stage } from '../../graph/stages.ts';
import type { ArmResource } from '../../graph/types.ts';
import { azureFailure, problemOf } from '../errors.ts';
import { textAt } from '../json.ts';
import type { JsonObject } from '../ports.ts';
import type { Run } from '../run.ts';

/**
 * Brings a softly deleted vault of this name back, with its secrets, before the deployments of its stage: these put its
 * settings right and make its role assignments anew, which do not come back with it. Nothing happens when the vault exists or
 * none was deleted. Only on request: a vault that comes back is another one than a fresh one.
 * @throws PolicyError VAULT_ELSEWHERE when it was deleted in another group, into which Azure would bring it back
 * @throws DependencyError DEPLOYMENT_FAILED
 */
export async function recoverVault(run: Run, stage: Stage): Promise<void> {
  const node = run
    .nodesOf(stage.id)
    .find((each): each is ArmResource => each.kind === 'arm' && each.type === vaultType);
  if (node === undefined) return;
  const { ports, signal, resolved, config } = run;
  const id = idOf(node);
  if ((await ports.arm.read(id, node.apiVersion, { signal })) !== undefined) return;
  const gone = deletedVaultId(resolved.subscriptionId, config.location, node.name);
  const deleted = await ports.arm.read(gone, node.apiVersion, { signal });
  if (deleted === undefined) return;
  refuseElsewhere(node, id, deleted);
  run.emit(stage.id, 'creating', { resource: node.id, detail: `${node.name} is recovered` });
  const properties = node.body['properties'] as JsonObject;
  try {
    await ports.arm.write(
      id,
      node.apiVersion,
      {
        location: config.location,
        properties: { tenantId: tenantOf(run, deleted), sku: properties['sku'] ?? {}, createMode: 'recover' },
      },
      { signal },
    );
  } catch (error) {
    const problem = problemOf(error);
    throw problem === undefined ? error : azureFailure(stage.id, problem, error);
  }
}

function tenantOf({ config, resolved }: Run, deleted: JsonObject): string {
  return config.tenantId ?? resolved.tenantId ?? textAt(deleted, 'properties.tenantId') ?? '';
}

function refuseElsewhere(node: ArmResource, id: string, deleted: JsonObject): void {
  const was = textAt(deleted, 'properties.vaultId');
  if (was === undefined || was.toLowerCase() === id.toLowerCase()) return;
  throw new PolicyError('VAULT_ELSEWHERE', `the deleted vault ${node.name} was ${was}, and comes back only there`, {
    details: { resourceId: was },
    action: 'Choose another vault.name, or the group that it was in.',
  });
}
