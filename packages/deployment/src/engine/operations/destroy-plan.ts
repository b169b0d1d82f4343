import { PolicyError, RequestError } from '@holdfast/base';

import { at, listAt, textAt } from '../../bundle/shape.ts';
import { idOf } from '../../graph/parts.ts';
import { resourceTypeOf, scopeId, vaultType } from '../../graph/ids.ts';
import type { ArmResource } from '../../graph/types.ts';
import type { JsonObject } from '../ports.ts';
import { readReceipts } from '../receipts.ts';
import type { Run } from '../run.ts';

export interface DestroyOptions {
  /** Keep the vault with its secrets; the default. */
  readonly keepVault?: boolean;
  /** Purge the vault as well, so that its name is free at once. */
  readonly purge?: boolean;
  /** Remove the node pool from an adopted cluster. */
  readonly removePool?: boolean;
}

/** What becomes of a resource. */
export interface DestroyStep {
  readonly node: ArmResource;
  readonly id: string;
  /** `absent`: there is nothing to do, or it goes with what holds it. */
  readonly action: 'remove' | 'restore' | 'keep' | 'absent';
  readonly why: string;
  readonly live: JsonObject | undefined;
}

export interface DestroyPlan {
  /** In the order in which they are carried out. */
  readonly steps: readonly DestroyStep[];
  /** What earlier configurations made and this one does not name. */
  readonly forgotten: readonly string[];
  readonly cluster: 'remove' | 'keep' | 'absent' | 'none';
}

const LOCKS_API = '2016-09-01';
export const clusterType = 'Microsoft.ContainerService/managedClusters';

/**
 * What would be removed, restored and kept, in order; reads only. What was made goes in the reverse order of its making;
 * what was adopted stays, and loses only what was added to it.
 * @throws RequestError DESTROY_LOCKED
 * @throws PolicyError VAULT_PURGE_PROTECTED
 */
export async function planDestroy(run: Run, options: DestroyOptions): Promise<DestroyPlan> {
  const { ports, signal } = run;
  const nodes = run.graph.nodes.filter((node): node is ArmResource => node.kind === 'arm').toReversed();
  const receipts = (await readReceipts(ports.state)).filter(
    (receipt) =>
      receipt.subscriptionId === run.resolved.subscriptionId &&
      receipt.resourceGroup === run.config.resourceGroup.name &&
      receipt.profile === run.config.profile,
  );
  const adopted = new Set(receipts.flatMap((receipt) => receipt.adopted).map((id) => id.toLowerCase()));
  const steps: DestroyStep[] = [];
  for (const node of nodes) {
    const id = idOf(node);
    const live = await ports.arm.read(id, node.apiVersion, { signal });
    const verdict =
      live === undefined
        ? ({ action: 'absent', why: 'does not exist' } as const)
        : verdictOn(node, live, adopted.has(id.toLowerCase()), options);
    steps.push({ node, id, live, ...verdict });
  }
  const known = new Set(nodes.map((node) => idOf(node).toLowerCase()));
  const forgotten = await stillThere(
    run,
    receipts
      .flatMap(({ created }) => created)
      .filter((id) => !known.has(id.toLowerCase()) && !adopted.has(id.toLowerCase())),
  );
  const cluster = steps.find(({ node }) => node.type === clusterType);
  const plan: DestroyPlan = {
    steps: groupsLast(steps),
    forgotten,
    cluster: cluster === undefined ? 'none' : cluster.action === 'restore' ? 'keep' : cluster.action,
  };
  if (steps.some(({ action }) => action === 'remove' || action === 'restore')) {
    await assertUnlocked(run, steps);
    await assertPurgeable(run, steps, options);
  }
  return plan;
}

/** Groups after everything else; one with something in it that is kept stays, too. */
function groupsLast(steps: readonly DestroyStep[]): readonly DestroyStep[] {
  const isGroup = ({ node }: DestroyStep): boolean => node.type === 'Microsoft.Resources/resourceGroups';
  const groups = steps.filter(isGroup).map((group): DestroyStep => {
    const kept = steps.filter(
      ({ action, id }) => action === 'keep' && id.toLowerCase().startsWith(`${group.id.toLowerCase()}/`),
    );
    if (group.action !== 'remove' || kept.length === 0) return group;
    return { ...group, action: 'keep', why: `it holds what is kept: ${kept.map(({ node }) => node.name).join(', ')}` };
  });
  return [...steps.filter((step) => !isGroup(step)), ...groups];
}

function verdictOn(
  node: ArmResource,
  live: JsonObject,
  wasAdopted: boolean,
  options: DestroyOptions,
): Pick<DestroyStep, 'action' | 'why'> {
  const keep = (why: string) => ({ action: 'keep', why }) as const;
  if (node.merge === true || wasAdopted) {
    const own = at(node.body, 'properties', 'natGateway', 'id');
    const there = textAt(live, 'properties', 'natGateway', 'id');
    const attached = typeof own === 'string' && there?.toLowerCase() === own.toLowerCase();
    return attached
      ? { action: 'restore', why: 'it was there before; the NAT gateway that was attached to it is detached' }
      : keep('it was there before');
  }
  if (node.type === 'Microsoft.ContainerService/managedClusters/agentPools' && options.removePool !== true) {
    return keep('a pool of a cluster that was there before; --remove-pool removes it');
  }
  if (node.type === 'Microsoft.KeyVault/vaults/secrets') {
    return options.keepVault === false ? { action: 'absent', why: 'goes with the vault' } : keep('stays in the vault');
  }
  if (node.type === vaultType && options.keepVault !== false)
    return keep('vaults are kept unless --no-keep-vault says otherwise');
  return { action: 'remove', why: node.purpose };
}

async function stillThere(run: Run, ids: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const id of new Set(ids)) {
    const type = resourceTypeOf(id);
    const node = run.graph.nodes.find((known) => known.kind === 'arm' && known.type.toLowerCase() === type);
    const api = node?.kind === 'arm' ? node.apiVersion : '2024-03-01';
    if ((await run.ports.arm.read(id, api, { signal: run.signal })) !== undefined) found.push(id);
  }
  return found;
}

/** @throws RequestError DESTROY_LOCKED */
async function assertUnlocked(run: Run, steps: readonly DestroyStep[]): Promise<void> {
  const touched = steps.filter(({ action }) => action === 'remove' || action === 'restore');
  const groups = new Set(
    touched.flatMap(({ node }) => (node.scope.resourceGroup === undefined ? [] : [scopeId(node.scope)])),
  );
  const locks: string[] = [];
  for (const group of groups) {
    const path = `${group}/providers/Microsoft.Authorization/locks`;
    for (const lock of await run.ports.arm.list(path, LOCKS_API, undefined, { signal: run.signal })) {
      locks.push(
        `${textAt(lock, 'name') ?? '?'} (${textAt(lock, 'properties', 'level') ?? 'lock'}) on ${group.split('/').at(-1)}`,
      );
    }
  }
  if (locks.length === 0) return;
  throw new RequestError('DESTROY_LOCKED', `PM-06: locks protect what would be removed: ${locks.join(', ')}`, {
    details: { locks },
    action: 'Remove the locks if that is what you want (az lock delete), then run the same command again.',
  });
}

/** @throws PolicyError VAULT_PURGE_PROTECTED with the day from which the name is free */
async function assertPurgeable(run: Run, steps: readonly DestroyStep[], options: DestroyOptions): Promise<void> {
  if (options.purge !== true) return;
  const vault = steps.find(({ node }) => node.type === vaultType);
  if (vault?.live === undefined || at(vault.live, 'properties', 'enablePurgeProtection') !== true) return;
  const date = purgeDate(run, vault.live);
  throw new PolicyError(
    'VAULT_PURGE_PROTECTED',
    `the vault ${vault.node.name} has purge protection: nobody can purge it before ${date}, Microsoft included`,
    {
      details: { vault: vault.node.name, scheduledPurgeDate: date },
      action: 'Leave --purge out. The vault can be recovered until then, and its name stays taken.',
    },
  );
}

/** The first day on which a vault that is deleted today is gone. */
export function purgeDate(run: Run, vault: JsonObject): string {
  const days = at(vault, 'properties', 'softDeleteRetentionInDays');
  const kept = typeof days === 'number' ? days : 90;
  return new Date(run.ports.clock() + kept * 86_400_000).toISOString().slice(0, 10);
}

/** What is in a group and not of this deployment, by name and type. */
export async function foreignIn(run: Run, group: string): Promise<readonly string[]> {
  const found = await run.ports.arm.list(`${group}/resources`, '2021-04-01', undefined, { signal: run.signal });
  const inside = `${group.toLowerCase()}/providers/`;
  return found.flatMap((resource) => {
    const id = textAt(resource, 'id') ?? '';
    if (!id.toLowerCase().startsWith(inside)) return [];
    return [`${textAt(resource, 'name') ?? id} (${textAt(resource, 'type') ?? 'unknown'})`];
  });
}

/** Names of the subnets and peerings of a network that the configuration does not name. */
export function foreignParts(step: DestroyStep): readonly string[] {
  const own = new Set(listAt(step.node.body, 'properties', 'subnets').map(({ name }) => name));
  const subnets = listAt(step.live, 'properties', 'subnets').filter(({ name }) => !own.has(name));
  const peerings = listAt(step.live, 'properties', 'virtualNetworkPeerings');
  return [...subnets, ...peerings].map((part) => textAt(part, 'name') ?? '?');
}
