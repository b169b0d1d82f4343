import { operatorObjects } from '../../../src/manifests/operator.ts';
import { uid2Names } from '../../../src/graph/uid2-vn2.ts';
import type { Uid2Vn2Config } from '../../../src/config/uid2-vn2.ts';
import type { OperationContext } from '../../../src/engine/operations/context.ts';
import { readSlots } from '../../../src/engine/operations/slots.ts';
import { scopeId } from '../../../src/graph/ids.ts';
import type { ArmPort, Bundle, KubernetesObject } from '../../../src/index.ts';
import { FakeRollouts, fakeWorld } from '../../../testing/index.ts';
import type { FakeWorld } from '../../../testing/index.ts';
import { digestOf, policyText, releaseOf } from '../../bundle/release.ts';
import { configOf } from '../../configs.ts';

export const subscriptionId = '12345678-0000-0000-0000-000000000001';

export interface OperationWorld {
  readonly world: FakeWorld;
  readonly rollouts: FakeRollouts;
  readonly context: OperationContext;
  readonly config: Uid2Vn2Config;
  /** The Deployments with their replicas, and where the Service leads to. */
  readonly shape: () => Promise<{
    readonly slots: Readonly<Record<string, number>>;
    readonly active: string | undefined;
  }>;
}

const rules = (marker: string): readonly unknown[] => [
  ...['VAULT_NAME', 'OPERATOR_KEY_SECRET_NAME', 'DEPLOYMENT_ENVIRONMENT'].map((name) => ({
    pattern: `${name}=.+`,
    strategy: 're2',
    required: false,
  })),
  { pattern: `RELEASE=${marker}`, strategy: 'string', required: false },
];

/** A release whose policy differs from that of every other version. */
export function release(version: string): { readonly bundle: Bundle; readonly digest: string } {
  const policy = policyText({ rules: rules(version) });
  return { bundle: releaseOf(policy, (text) => text.replaceAll('5.58.0-azure-cc', version)), digest: digestOf(policy) };
}

/** The configuration that deploys a release. */
export function configFor(version: string, more = ''): Uid2Vn2Config {
  const bundle = `bundle: {path: x, version: "${version}", digest: "${release(version).digest}"}`;
  return configOf('uid2-vn2', `operator: {${bundle}, replicas: 2${more}}\n`);
}

/** A cluster in which version 1.0.0 of the operator serves. */
export function operatorWorld(deployed: 'slot' | 'legacy' | 'nothing' = 'slot', more = ''): OperationWorld {
  const world = fakeWorld(subscriptionId);
  const rollouts = new FakeRollouts(world.clock);
  world.cluster.rollouts = rollouts;
  const config = configFor('2.0.0', more);
  world.cluster.put(virtualNode());
  const names = uid2Names(config, subscriptionId);
  world.azure.put(scopeId(names.scope), { location: 'eastus' });
  world.azure.put(scopeId(names.nodeScope), { location: 'eastus' });
  if (deployed === 'slot') {
    for (const object of operatorObjects(release('1.0.0').bundle, configFor('1.0.0', more), names.identity)) {
      world.cluster.put(object);
    }
  }
  if (deployed === 'legacy') {
    const { deployment, service } = release('1.0.0').bundle;
    world.cluster.put(deployment as unknown as KubernetesObject);
    world.cluster.put(service as unknown as KubernetesObject);
  }
  const arm: ArmPort = {
    ...world.azure.arm,
    list: async (path, version, query, options) => {
      const found = await world.azure.arm.list(path, version, query, options);
      const groups = path.endsWith('/containerGroups') ? rollouts.containerGroups() : [];
      return [...found, ...groups.map((name) => ({ name, tags: {} }))];
    },
  };
  const context: OperationContext = {
    ports: { ...world.ports, arm },
    cluster: world.cluster.port,
    subscriptionId,
    by: 'somebody',
  };
  const shape: OperationWorld['shape'] = async () => {
    const quiet = { cluster: { ...world.cluster.port, list: listQuietly(world), read: readQuietly(world) } };
    const { all, active } = await readSlots(quiet, config);
    return { slots: Object.fromEntries(all.map(({ name, replicas }) => [name, replicas])), active: active?.name };
  };
  world.clock.pass(10 * 60_000);
  return { world, rollouts, context, config, shape };
}

/** Reads that are no requests of anybody. */
function listQuietly(world: FakeWorld): OperationContext['cluster']['list'] {
  return async (_apiVersion, kind) =>
    [...world.cluster.objects.values()]
      .map(({ object }) => object as unknown as KubernetesObject)
      .filter((object) => object.kind === kind);
}

function readQuietly(world: FakeWorld): OperationContext['cluster']['read'] {
  return async (reference) => world.cluster.get(reference);
}

function virtualNode(): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'virtualnode-0', labels: { type: 'virtual-kubelet', virtualization: 'virtualnode2' } },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };
}
