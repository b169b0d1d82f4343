import { at, listAt, objectAt, textAt } from '../../bundle/shape.ts';
import type { KubernetesPort, ObjectReference } from '../../engine/ports.ts';
import { manifestsOf } from '../../manifests/manifests-of.ts';
import type { KubernetesObject } from '../../manifests/object.ts';
import type { ClusterFacts } from '../facts.ts';
import { quantity } from '../quantity.ts';
import { clusterId, readAll, statusOf, unlessAbsent } from './gather-context.ts';
import type { GatherContext } from './gather-context.ts';

type Inside = NonNullable<ClusterFacts['inside']>;

/** What an operator pod asks for. */
const POD = { cpu: 6.1, memory: 24.5 * 2 ** 30 } as const;

/** The cluster as its API server shows it. */
export async function gatherInside(context: GatherContext, cluster: KubernetesPort): Promise<Inside> {
  const { config } = context;
  const namespace = workloadNamespace(context);
  const infrastructure = config.profile === 'uid2-vn2' ? config.virtualNode.namespace : undefined;
  const [usable, denyingPolicies, quotaProblems, foreignObjects, otherInstallations, nodes, controllers, events] =
    await Promise.all([
      namespaceUsable(context, cluster, namespace),
      infrastructure === undefined ? [] : denying(context, cluster, infrastructure),
      config.profile === 'uid2-vn2' ? quotas(context, cluster, namespace) : [],
      foreign(context, cluster),
      config.profile === 'uid2-vn2' ? installations(context, cluster) : [],
      infrastructure === undefined ? [] : orphans(context, cluster, infrastructure),
      admissionControllers(context, cluster),
      authorizationFailures(context, cluster, namespace),
    ]);
  return {
    namespaceUsable: usable,
    denyingPolicies,
    quotaProblems,
    foreignObjects,
    otherInstallations,
    orphanNodes: nodes,
    admissionControllers: controllers,
    authorizationFailures: events,
  };
}

function workloadNamespace({ config }: GatherContext): string {
  switch (config.profile) {
    case 'uid2-vn2':
      return config.operator.namespace;
    case 'kata-cc':
      return config.kafka.namespace;
    case 'private-link':
      return config.app.namespace;
    default:
      return 'default';
  }
}

/** A list of a kind that the cluster may not have. */
async function listed(
  { signal }: GatherContext,
  cluster: KubernetesPort,
  apiVersion: string,
  kind: string,
  options: { readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string } = {},
): Promise<readonly KubernetesObject[]> {
  return (await unlessAbsent(cluster.list(apiVersion, kind, { ...options, signal }))) ?? [];
}

async function readObject(
  { signal }: GatherContext,
  cluster: KubernetesPort,
  reference: ObjectReference,
): Promise<KubernetesObject | undefined> {
  return await cluster.read(reference, { signal });
}

async function namespaceUsable(context: GatherContext, cluster: KubernetesPort, name: string): Promise<boolean> {
  const found = await readObject(context, cluster, { apiVersion: 'v1', kind: 'Namespace', name });
  return textAt(found, 'status', 'phase') !== 'Terminating';
}

/** Kinds of constraints of Azure Policy and Gatekeeper that deny privileged pods or folders of the node. */
const CONSTRAINTS = [
  'K8sAzureV2NoPrivilege',
  'K8sAzureV3NoPrivilege',
  'K8sPSPPrivilegedContainer',
  'K8sPSPHostFilesystem',
];

async function denying(context: GatherContext, cluster: KubernetesPort, namespace: string): Promise<readonly string[]> {
  const found = await readObject(context, cluster, { apiVersion: 'v1', kind: 'Namespace', name: namespace });
  const level = found?.metadata.labels?.['pod-security.kubernetes.io/enforce'];
  const constraints = await Promise.all(
    CONSTRAINTS.map(async (kind) => await listed(context, cluster, 'constraints.gatekeeper.sh/v1beta1', kind)),
  );
  const enforced = constraints.flat().filter((one) => {
    const action = textAt(one, 'spec', 'enforcementAction') ?? 'deny';
    const excluded = at(one, 'spec', 'match', 'excludedNamespaces');
    return action === 'deny' && !(Array.isArray(excluded) && excluded.includes(namespace));
  });
  return [
    ...(level === undefined || level === 'privileged' ? [] : [`pod security level ${level} of namespace ${namespace}`]),
    ...enforced.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
  ];
}

/** Quotas and limits of the namespace that have no room for one operator pod. */
async function quotas(context: GatherContext, cluster: KubernetesPort, namespace: string): Promise<readonly string[]> {
  const [quotaObjects, ranges] = await Promise.all([
    listed(context, cluster, 'v1', 'ResourceQuota', { namespace }),
    listed(context, cluster, 'v1', 'LimitRange', { namespace }),
  ]);
  const needs = { cpu: POD.cpu, 'requests.cpu': POD.cpu, memory: POD.memory, 'requests.memory': POD.memory, pods: 1 };
  const full = quotaObjects.flatMap((quota) => {
    const [hard, used] = [objectAt(quota, 'status', 'hard'), objectAt(quota, 'status', 'used')];
    return Object.entries(needs)
      .filter(([name, need]) => hard[name] !== undefined && quantity(hard[name]) - quantity(used[name]) < need)
      .map(([name]) => `the quota ${quota.metadata.name} leaves too little ${name} for an operator pod`);
  });
  const small = ranges.flatMap((range) =>
    listAt(range, 'spec', 'limits').flatMap((limit) => {
      const max = objectAt(limit, 'max');
      const tooSmall = (name: string, need: number): boolean =>
        max[name] !== undefined && quantity(max[name]) < Math.floor(need);
      return tooSmall('cpu', POD.cpu) || tooSmall('memory', 24 * 2 ** 30)
        ? [`the limits ${range.metadata.name} do not let a ${textAt(limit, 'type') ?? 'Container'} be that large`]
        : [];
    }),
  );
  return [...full, ...small];
}

/** Objects of the deployment that exist and that our field managers never wrote. */
async function foreign(context: GatherContext, cluster: KubernetesPort): Promise<readonly string[]> {
  const { config, subscriptionId } = context;
  const sets = manifestsOf(config, { subscriptionId, kubernetesVersion: '1.34' });
  const found = await Promise.all(
    sets.flatMap(({ fieldManager, objects }) =>
      objects
        .filter(({ kind }) => kind !== 'Namespace')
        .map(async (object): Promise<readonly string[]> => {
          const { name, namespace } = object.metadata;
          const live = await unlessAbsent(
            readObject(context, cluster, {
              apiVersion: object.apiVersion,
              kind: object.kind,
              name,
              ...(namespace === undefined ? {} : { namespace }),
            }),
          );
          if (live === undefined) return [];
          const managers = listAt(live, 'metadata', 'managedFields').flatMap((one) => textAt(one, 'manager') ?? []);
          return managers.length === 0 || managers.includes(fieldManager) ? [] : [`${object.kind} ${name}`];
        }),
    ),
  );
  return found.flat();
}

/** Releases of Helm that are the virtual node, and the extension of the cluster. Secrets are listed by label and never opened. */
async function installations(context: GatherContext, cluster: KubernetesPort): Promise<readonly string[]> {
  const { config } = context;
  const releaseName = config.profile === 'uid2-vn2' ? config.virtualNode.releaseName : '';
  const secrets = await listed(context, cluster, 'v1', 'Secret', {
    labelSelector: 'owner=helm,status=deployed',
    fieldSelector: 'type=helm.sh/release.v1',
  });
  const releases = secrets
    .map((secret) => secret.metadata.labels?.['name'] ?? '')
    .filter((name) => name === releaseName || /virtual-?node/.test(name));
  const id = clusterId(context) ?? '';
  const extensions = await readAll(
    context,
    `${id}/providers/Microsoft.KubernetesConfiguration/extensions`,
    '2022-11-01',
  ).catch((error: unknown) => {
    // The provider of extensions is not registered: then there are none.
    if (statusOf(error) === 404 || statusOf(error) === 409) return [];
    throw error;
  });
  const own = extensions.filter(
    (one) => textAt(one, 'properties', 'extensionType')?.toLowerCase() === 'microsoft.virtualnodes',
  );
  return [
    ...[...new Set(releases)].map((name) => `the Helm release ${name}`),
    ...own.map((one) => `the cluster extension ${textAt(one, 'name') ?? 'Microsoft.virtualnodes'}`),
  ];
}

/** Virtual nodes that no pod of the same name serves. */
async function orphans(context: GatherContext, cluster: KubernetesPort, namespace: string): Promise<readonly string[]> {
  const [nodes, pods] = await Promise.all([
    listed(context, cluster, 'v1', 'Node', { labelSelector: 'virtualization=virtualnode2' }),
    listed(context, cluster, 'v1', 'Pod', { namespace }),
  ]);
  const names = new Set(pods.map(({ metadata }) => metadata.name));
  return nodes.map(({ metadata }) => metadata.name).filter((name) => !names.has(name));
}

async function admissionControllers(context: GatherContext, cluster: KubernetesPort): Promise<number> {
  const deployments = await listed(context, cluster, 'apps/v1', 'Deployment');
  return deployments.filter(
    (one) => one.metadata.name === 'virtual-node-admission-controller' && at(one, 'spec', 'replicas') !== 0,
  ).length;
}

/** Pods that wait because Azure refuses the nodes, as events say it. */
async function authorizationFailures(
  context: GatherContext,
  cluster: KubernetesPort,
  namespace: string,
): Promise<readonly string[]> {
  const events = await listed(context, cluster, 'v1', 'Event', { namespace });
  const pods = events
    .filter((event) => textAt(event, 'message')?.includes('AuthorizationFailed') === true)
    .map((event) => textAt(event, 'involvedObject', 'name') ?? event.metadata.name);
  return [...new Set(pods)].map((name) => `${name} waits: Azure answers AuthorizationFailed`);
}
