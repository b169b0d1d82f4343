import { DependencyError } from '@holdfast/base';

import { listAt, objectAt, textAt } from '../../bundle/shape.ts';
import { apiVersions } from '../../graph/api-versions.ts';
import { deletedVaultId, vaultType } from '../../graph/ids.ts';
import type { JsonObject } from '../ports.ts';
import type { Run } from '../run.ts';
import { tell, waitFor } from './context.ts';
import { foreignIn, foreignParts, planDestroy, purgeDate } from './destroy-plan.ts';
import type { DestroyOptions, DestroyPlan, DestroyStep } from './destroy-plan.ts';
import { destroyStage, removeManifests, removeOperator } from './destroy-workload.ts';
import { writeReceipt } from './receipts.ts';
import { withOperation } from './with-operation.ts';

export interface DestroyResult {
  readonly outcome: 'already' | 'done';
  /** What was removed, in order: ids of resources, `Kind/name` of objects. */
  readonly removed: readonly string[];
  /** What was there before and is as it was. */
  readonly restored: readonly string[];
  readonly kept: readonly { readonly id: string; readonly why: string }[];
  readonly openWork: readonly string[];
  readonly receipt?: string;
}

const LINK_TIMEOUT_MS = 30 * 60_000;
const LINK_INTERVAL_MS = 30_000;

/**
 * Removes a deployment: what it made, in the order in which it can go, and never what it adopted. A second run finds nothing and
 * writes nothing; one that was interrupted goes on.
 * @throws RequestError DESTROY_LOCKED, DEPLOYMENT_LOCKED
 * @throws PolicyError VAULT_PURGE_PROTECTED
 * @throws DependencyError DEPLOYMENT_DEADLINE, also when a service link holds a subnet
 */
export async function destroy(run: Run, options: DestroyOptions = {}): Promise<DestroyResult> {
  const wanted = options.purge === true ? { ...options, keepVault: false } : options;
  const plan = await planDestroy(run, wanted);
  const work = plan.steps.filter(({ action }) => action === 'remove' || action === 'restore');
  const kept = plan.steps.filter(({ action }) => action === 'keep').map(({ id, why }) => ({ id, why }));
  const onlyGroup = work.every(({ node }) => node.type === 'Microsoft.Resources/resourceGroups');
  const group = onlyGroup ? await keptGroup(run, work[0]) : undefined;
  if (work.length === 0 || group !== undefined) {
    tell(run, destroyStage, 'already', 'there is nothing left to remove');
    return {
      outcome: 'already',
      removed: [],
      restored: [],
      kept: [...kept, ...(group ?? [])],
      openWork: forgottenWork(plan),
    };
  }
  const startedAt = run.ports.clock();
  const { objectId } = await run.ports.arm.caller({ signal: run.signal });
  const context = { ports: run.ports, subscriptionId: run.resolved.subscriptionId, by: objectId };
  const ids = work.map(({ id }) => id);
  await writeReceipt(context, run.config, {
    command: 'destroy',
    outcome: 'started',
    healthy: false,
    startedAt,
    created: ids,
  });
  const removed: string[] = [...(await removeFromCluster(run, plan))];
  const restored: string[] = [];
  for (const step of work) {
    const found = await carryOut(run, step, wanted);
    removed.push(...found.removed);
    restored.push(...found.restored);
    kept.push(...found.kept);
  }
  const openWork = [...forgottenWork(plan), ...vaultNotes(run, plan, wanted)];
  const receipt = await writeReceipt(context, run.config, {
    command: 'destroy',
    outcome: 'done',
    healthy: false,
    startedAt,
    created: removed,
    openWork,
  });
  tell(run, destroyStage, 'done', `${removed.length} removed, ${kept.length} kept`, receipt);
  return { outcome: 'done', removed, restored, kept, openWork, receipt };
}

/** Why the group stays, when nothing else is left to remove. */
async function keptGroup(run: Run, group: DestroyStep | undefined): Promise<DestroyResult['kept'] | undefined> {
  if (group === undefined) return undefined;
  const why = await groupNeeded(run, group);
  return why === undefined ? undefined : [{ id: group.id, why }];
}

async function groupNeeded(run: Run, group: DestroyStep): Promise<string | undefined> {
  const foreign = await foreignIn(run, group.id);
  return foreign.length === 0 ? undefined : `it holds what this deployment did not make: ${foreign.join(', ')}`;
}

function forgottenWork({ forgotten }: DestroyPlan): readonly string[] {
  return forgotten.map((id) => `An earlier configuration made ${id}; it is still there.`);
}

function vaultNotes(run: Run, { steps }: DestroyPlan, options: DestroyOptions): readonly string[] {
  const vault = steps.find(({ node, action }) => node.type === vaultType && action === 'remove');
  if (vault?.live === undefined || options.purge === true) return [];
  const date = purgeDate(run, vault.live);
  return [
    `The vault ${vault.node.name} is deleted softly: until ${date} its name stays taken and it can be recovered into the same ` +
      'group and region; role assignments at it have to be made again then (holdfast apply --recover-vault does both).',
  ];
}

async function removeFromCluster(run: Run, plan: DestroyPlan): Promise<readonly string[]> {
  const { config } = run;
  if (plan.cluster === 'none' || plan.cluster === 'absent') return [];
  return withOperation(run, async (context) =>
    config.profile === 'uid2-vn2' ? removeOperator(context, config) : removeManifests(context, run),
  );
}

type Done = Pick<DestroyResult, 'removed' | 'restored' | 'kept'>;
const nothing: Done = { removed: [], restored: [], kept: [] };

async function carryOut(run: Run, step: DestroyStep, options: DestroyOptions): Promise<Done> {
  const { node, id } = step;
  if (step.action === 'restore') {
    await detachGateway(run, step);
    return { ...nothing, restored: [id] };
  }
  switch (node.type) {
    case 'Microsoft.Network/virtualNetworks':
      return removeNetwork(run, step);
    case 'Microsoft.Resources/resourceGroups': {
      const why = await groupNeeded(run, step);
      if (why === undefined) break;
      tell(run, destroyStage, 'warning', `the group ${node.name} is kept: ${why}`, node.id);
      return { ...nothing, kept: [{ id, why }] };
    }
    case vaultType:
      await remove(run, step);
      if (options.purge === true) await purge(run, step);
      return { ...nothing, removed: [id] };
    default:
  }
  await remove(run, step);
  return { ...nothing, removed: [id] };
}

async function remove(run: Run, { node, id }: Pick<DestroyStep, 'node' | 'id'>): Promise<void> {
  tell(run, destroyStage, 'updating', `remove ${node.name}`, node.id);
  await run.ports.arm.remove(id, node.apiVersion, { signal: run.signal });
}

/** The subnet as it is, without the gateway that was added to it. */
async function detachGateway(run: Run, { node, id, live }: DestroyStep): Promise<void> {
  const { natGateway: _, ...properties } = objectAt(live, 'properties');
  tell(run, destroyStage, 'updating', `detach the NAT gateway from ${node.name}`, node.id);
  const body = { ...live, properties } as unknown as JsonObject;
  await run.ports.arm.write(id, node.apiVersion, body, { signal: run.signal });
}

/** A network with parts of others keeps them, and loses only its own subnets. */
async function removeNetwork(run: Run, step: DestroyStep): Promise<Done> {
  const { node, id } = step;
  const subnets = listAt(node.body, 'properties', 'subnets').map(({ name }) => `${id}/subnets/${String(name)}`);
  for (const subnet of subnets) await waitForLinks(run, subnet);
  const live = await run.ports.arm.read(id, node.apiVersion, { signal: run.signal });
  const foreign = foreignParts({ ...step, live });
  if (foreign.length === 0) {
    await remove(run, step);
    return { ...nothing, removed: [id] };
  }
  const removed: string[] = [];
  for (const subnet of subnets) {
    if ((await run.ports.arm.read(subnet, node.apiVersion, { signal: run.signal })) === undefined) continue;
    await remove(run, { node: { ...node, name: subnet.split('/').at(-1) ?? '' }, id: subnet });
    removed.push(subnet);
  }
  const why = `others have parts in it: ${foreign.join(', ')}`;
  tell(run, destroyStage, 'warning', `the network ${node.name} is kept: ${why}`, node.id);
  return { ...nothing, removed, kept: [{ id, why }] };
}

/**
 * Container instances leave a link on their subnet for a while after the last group is gone, and nothing can be removed until
 * it is gone, too. It is waited for and never forced: while groups exist, removing it strands them.
 * @throws DependencyError DEPLOYMENT_DEADLINE with the call that removes it by hand
 */
async function waitForLinks(run: Run, subnet: string): Promise<void> {
  const api = apiVersions['Microsoft.Network/virtualNetworks/subnets'];
  const { ports, signal } = run;
  const context = { ports, signal, subscriptionId: run.resolved.subscriptionId, by: '' };
  if ((await ports.arm.read(subnet, api, { signal })) === undefined) return;
  const links = async (): Promise<readonly string[]> => {
    const found = await ports.arm.list(`${subnet}/serviceAssociationLinks`, api, undefined, { signal });
    return found.map((link) => textAt(link, 'name') ?? 'acisal');
  };
  await waitFor(context, {
    stage: destroyStage,
    what: `the service links of ${subnet.split('/').slice(-3).join('/')} to be gone`,
    intervalMs: LINK_INTERVAL_MS,
    timeoutMs: LINK_TIMEOUT_MS,
    look: async () => ((await links()).length === 0 ? true : undefined),
    explain: async () => {
      const [name = 'acisal'] = await links();
      const call = `az resource delete --ids ${subnet}/providers/Microsoft.ContainerInstance/serviceAssociationLinks/default --api-version 2018-10-01`;
      return {
        problem: `the link ${name} of Azure Container Instances is still on the subnet`,
        action: `See that no container group is left in any group, then remove the link by hand (${call}) and run the same command again.`,
      };
    },
  });
}

async function purge(run: Run, { node }: DestroyStep): Promise<void> {
  const path = `${deletedVaultId(run.resolved.subscriptionId, run.config.location, node.name)}/purge`;
  tell(run, destroyStage, 'updating', `purge ${node.name}`, node.id);
  try {
    await run.ports.arm.post(path, node.apiVersion, undefined, { signal: run.signal });
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error;
    throw new DependencyError(
      'VAULT_NOT_PURGED',
      `the vault ${node.name} is deleted, and was not purged: ${error.message}`,
      {
        retryable: true,
        cause: error,
        action: 'Purging needs the right Microsoft.KeyVault/locations/deletedVaults/purge/action: az keyvault purge.',
      },
    );
  }
}
