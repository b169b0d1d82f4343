import { objectAt, objectsAt, textAt } from '../json.ts';
import { lastName } from '../resource-id.ts';
import { keyOf } from '../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { ResourceKind } from './kind.ts';
import { CLUSTER } from './managed-clusters.ts';

const CONTAINER_GROUP = 'Microsoft.ContainerInstance/containerGroups';

export const attestationProviders: ResourceKind = {
  type: 'Microsoft.Attestation/attestationProviders',
  apiVersions: ['2020-10-01', '2021-06-01', '2021-06-01-preview'],
  shape: {
    ...commonShape,
    properties: {
      ...anyOf('policySigningCertificates', 'publicNetworkAccess', 'tpmAttestationAuthentication'),
      ...readOnly('trustModel', 'status', 'attestUri', 'privateEndpointConnections'),
    },
  },
  ends: 'at-once',
  write: ({ world, id, body }) => ({
    ...body,
    properties: {
      publicNetworkAccess: 'Enabled',
      ...objectAt(body, 'properties'),
      trustModel: 'AAD',
      status: 'Ready',
      attestUri: world.effects.attestationUrl(lastName(id.text), textAt(body, 'location') ?? ''),
    },
  }),
};

/** What virtual nodes make: those that run now are listed, written ones keep subnets in use. */
export const containerGroups: ResourceKind = {
  type: CONTAINER_GROUP,
  apiVersions: ['2023-05-01', '2024-05-01-preview', '2025-09-01'],
  shape: { ...commonShape, ...anyOf('identity', 'zones'), properties: 'any' },
  name: 'containerGroup',
  ends: 'async-operation',
  unfinished: 'Pending',
  write: ({ body }) => ({ ...body, properties: { ...objectAt(body, 'properties'), provisioningState: 'Succeeded' } }),
  others: (world, groupId) =>
    world.store.ofType(CLUSTER).flatMap((cluster) => {
      const nodeGroup = textAt(cluster.body, 'properties.nodeResourceGroup') ?? '';
      const location = textAt(cluster.body, 'location') ?? '';
      return world.effects
        .containerGroups(cluster.id)
        .filter(({ resourceGroup = nodeGroup }) => keyOf(besideGroup(cluster.id, resourceGroup)) === keyOf(groupId))
        .map(({ name, tags }) => ({
          id: `${groupId}/providers/${CONTAINER_GROUP}/${name}`,
          type: CONTAINER_GROUP,
          name,
          body: { location, tags, properties: { provisioningState: 'Succeeded' } },
        }));
    }),
  removal: 'at-once',
  removed: (resource, world) => {
    for (const subnet of objectsAt(resource.body, 'properties.subnetIds')) {
      world.lingeringLinks.set(keyOf(textAt(subnet, 'id') ?? ''), world.settings.serviceLinkLooks);
    }
  },
};

/** The group of this name in the subscription of a resource. */
function besideGroup(resourceId: string, group: string): string {
  return `/subscriptions/${resourceId.split('/')[2] ?? ''}/resourceGroups/${group}`;
}
