import { fromBase64, fromUtf8 } from '@holdfast/base';

import { at, listAt, textAt } from '../../bundle/shape.ts';
import type { JsonObject, KubernetesPort } from '../../engine/ports.ts';
import { apiVersions } from '../../graph/api-versions.ts';
import { minorOf } from '../../rules/kubernetes-versions.ts';
import type { AssignmentFacts, ClusterFacts } from '../facts.ts';
import { idOf } from '../../graph/parts.ts';
import { sameRole } from '../../rules/roles.ts';
import {
  ask,
  clusterId,
  groupPath,
  lastPart,
  plannedNodes,
  readAll,
  readOne,
  readVersions,
  sameId,
  textsAt,
  unlessAbsent,
} from './gather-context.ts';
import type { GatherContext } from './gather-context.ts';
import { gatherInside } from './gather-inside.ts';

const CLUSTERS = apiVersions['Microsoft.ContainerService/managedClusters'];
const IDENTITIES = apiVersions['Microsoft.ManagedIdentity/userAssignedIdentities'];

async function readCluster(context: GatherContext): Promise<JsonObject | undefined> {
  const id = clusterId(context);
  return id === undefined ? undefined : await readOne(context, id, CLUSTERS);
}

/** The cluster from outside, and from inside when that is asked for; undefined when there is none yet. */
export async function gatherCluster(context: GatherContext, inside: boolean): Promise<ClusterFacts | undefined> {
  const cluster = await readCluster(context);
  if (cluster === undefined) return undefined;
  const network = at(cluster, 'properties', 'networkProfile');
  const [mode, policy, dataplane] = ['networkPluginMode', 'networkPolicy', 'networkDataplane'].map((name) =>
    textAt(network, name),
  );
  const version =
    textAt(cluster, 'properties', 'currentKubernetesVersion') ?? textAt(cluster, 'properties', 'kubernetesVersion');
  const opened = inside ? await openInside(context) : undefined;
  return {
    minor: minorOf(version ?? '') ?? 0,
    authorizedIpRanges: textsAt(cluster, 'properties', 'apiServerAccessProfile', 'authorizedIPRanges'),
    networkPlugin: textAt(network, 'networkPlugin') ?? 'none',
    ...(mode === undefined ? {} : { networkPluginMode: mode }),
    ...(policy === undefined ? {} : { networkPolicy: policy }),
    ...(dataplane === undefined ? {} : { dataplane }),
    podIdentity: at(cluster, 'properties', 'podIdentityProfile', 'enabled') === true,
    workloadIdentity: at(cluster, 'properties', 'securityProfile', 'workloadIdentity', 'enabled') === true,
    insideAsked: opened !== undefined,
    ...(opened === undefined || opened === 'unreachable' ? {} : { inside: await gatherInside(context, opened) }),
  };
}

/** The API server, or that it does not answer; undefined when there is no way to ask it. */
async function openInside(context: GatherContext): Promise<KubernetesPort | 'unreachable' | undefined> {
  const { ports, signal } = context;
  const id = clusterId(context);
  if (ports.openCluster === undefined || id === undefined) return undefined;
  const answer = await ask(context, `${id}/listClusterUserCredential`, CLUSTERS);
  const [encoded] = listAt(answer, 'kubeconfigs').flatMap((one) => textAt(one, 'value') ?? []);
  if (encoded === undefined) return undefined;
  const kubeconfig = fromUtf8(fromBase64(encoded));
  try {
    const cluster = await ports.openCluster(kubeconfig);
    await cluster.version({ signal });
    return cluster;
  } catch (error) {
    if (signal.aborted) throw error;
    // Its own check says so: CL-01.
    return 'unreachable';
  }
}

/** Roles that are there: those of the nodes, and those that were given to something that is no principal. */
export async function gatherAssignments(context: GatherContext): Promise<AssignmentFacts | undefined> {
  const cluster = await readCluster(context);
  // The list of a group that does not exist is an error, and there is nothing to look at.
  const identities = await unlessAbsent(
    readAll(context, `${groupPath(context)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`, IDENTITIES),
  );
  if (identities === undefined) return undefined;
  const clientIds = identities.flatMap((one) => textAt(one, 'properties', 'clientId') ?? []);
  const assignments = await readAll(
    context,
    `${groupPath(context)}/providers/Microsoft.Authorization/roleAssignments`,
    readVersions.authorization,
  );
  return {
    kubeletMissingAt: cluster === undefined ? [] : await missingForNodes(context, cluster),
    clientIdAssignments: assignments
      .filter((one) => clientIds.some((id) => sameId(id, textAt(one, 'properties', 'principalId'))))
      .map((one) => textAt(one, 'name') ?? lastPart(textAt(one, 'id') ?? '')),
  };
}

/** Scopes where the deployment gives the nodes a role and they do not have it. */
async function missingForNodes(context: GatherContext, cluster: JsonObject): Promise<readonly string[]> {
  const nodes = textAt(cluster, 'properties', 'identityProfile', 'kubeletidentity', 'objectId');
  if (nodes === undefined) return [];
  const needed = plannedNodes(context).flatMap((node) =>
    node.kind === 'arm' && (node.id === 'R-RA-MAIN' || node.id === 'R-RA-NODE') ? [node] : [],
  );
  const missing = await Promise.all(
    needed.map(async (node): Promise<readonly string[]> => {
      const scope = node.target ?? idOf(node).replace(/\/providers\/Microsoft\.Authorization\/.*$/, '');
      const role = textAt(node.body, 'properties', 'roleDefinitionId') ?? '';
      const there = await readAll(
        context,
        `${scope}/providers/Microsoft.Authorization/roleAssignments`,
        readVersions.authorization,
        { $filter: `principalId eq '${nodes}'` },
      );
      const given = there.some(
        (one) =>
          sameRole(textAt(one, 'properties', 'roleDefinitionId') ?? '', role) &&
          sameId(textAt(one, 'properties', 'scope'), scope),
      );
      return given ? [] : [scope];
    }),
  );
  return missing.flat();
}
