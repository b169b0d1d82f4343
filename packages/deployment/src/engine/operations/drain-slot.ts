import { textAt } from '../../bundle/shape.ts';
import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { uid2Names } from '../../graph/uid2-vn2.ts';
import type { JsonObject } from '../ports.ts';
import { callOptions, tell, waitFor } from './context.ts';
import type { OperationContext } from './context.ts';
import { podsOf, scaleSlot } from './slots.ts';
import type { Slot } from './slots.ts';

const CONTAINER_GROUPS = '2023-05-01';
const GONE_TIMEOUT_MS = 30 * 60_000;
const INTERVAL_MS = 10_000;

/**
 * Ends a version: no pods, then no container groups, then no Deployment. Its container groups are waited for because they
 * cost money and hold addresses until they are gone, and Azure removes them after the pods.
 * @throws DependencyError DEPLOYMENT_DEADLINE
 */
export async function drainSlot(
  context: OperationContext,
  config: Uid2Vn2Config,
  slot: Slot,
  stage: string,
): Promise<void> {
  const { name, namespace = 'default' } = slot.deployment.metadata;
  if (slot.replicas > 0) {
    tell(context, stage, 'updating', `${slot.name} to no pods`, name);
    await scaleSlot(context, slot, 0);
  }
  await waitFor(context, {
    stage,
    what: `the pods of ${slot.name} to be gone`,
    intervalMs: INTERVAL_MS,
    timeoutMs: GONE_TIMEOUT_MS,
    look: async () => ((await podsOf(context, slot)).length === 0 ? true : undefined),
  });
  await waitForGroups(context, config, [name], stage);
  await context.cluster.remove(
    { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace },
    { ...callOptions(context), propagation: 'Foreground' },
  );
  tell(context, stage, 'done', `${slot.name} is gone`, name);
}

/** Waits until Azure has no container group of these Deployments any more; those of pods that live are not looked at. */
export async function waitForGroups(
  context: OperationContext,
  config: Uid2Vn2Config,
  deployments: readonly string[],
  stage: string,
): Promise<void> {
  await waitFor(context, {
    stage,
    what: 'the container groups to be gone',
    intervalMs: INTERVAL_MS,
    timeoutMs: GONE_TIMEOUT_MS,
    look: async () => ((await groupsOf(context, config, deployments)).length === 0 ? true : undefined),
    explain: async () => {
      const left = (await groupsOf(context, config, deployments)).join(', ');
      return {
        problem: `still there: ${left}`,
        action: 'Delete them by hand when their pods are gone (az container delete), then run the same command again.',
      };
    },
  });
}

async function groupsOf(
  context: OperationContext,
  config: Uid2Vn2Config,
  deployments: readonly string[],
): Promise<readonly string[]> {
  const { namespace } = config.operator;
  const [groups, pods] = await Promise.all([
    containerGroups(context, config),
    context.cluster.list('v1', 'Pod', { ...callOptions(context), namespace }),
  ]);
  const living = pods.map(({ metadata }) => metadata.name);
  return groups
    .filter((group) => {
      const texts = [group.name, ...group.tags];
      const isOf = (name: string): boolean => texts.some((text) => text.includes(name));
      return deployments.some((name) => isOf(`${name}-`)) && !living.some(isOf);
    })
    .map(({ name }) => name);
}

interface ContainerGroup {
  readonly name: string;
  readonly tags: readonly string[];
}

/** Container groups in the group where the virtual node puts them; none when that group does not exist. */
export async function containerGroups(
  context: Pick<OperationContext, 'ports' | 'subscriptionId' | 'signal'>,
  config: Uid2Vn2Config,
): Promise<readonly ContainerGroup[]> {
  const { nodeGroup } = uid2Names(config, context.subscriptionId);
  const group = `/subscriptions/${context.subscriptionId}/resourceGroups/${config.virtualNode.aciResourceGroupName ?? nodeGroup}`;
  const options = callOptions(context);
  if ((await context.ports.arm.read(group, '2024-03-01', options)) === undefined) return [];
  const path = `${group}/providers/Microsoft.ContainerInstance/containerGroups`;
  const found = await context.ports.arm.list(path, CONTAINER_GROUPS, undefined, options);
  return found.map((resource) => ({ name: textAt(resource, 'name') ?? '', tags: tagsOf(resource) }));
}

function tagsOf(resource: JsonObject): readonly string[] {
  return Object.values((resource['tags'] ?? {}) as Readonly<Record<string, unknown>>).map(String);
}
