import type { JsonObject } from '../src/engine/ports.ts';
import { objectsAt, textAt } from '../src/engine/json.ts';
import { FakeAzureError } from './fake-requests.ts';

type Resources = Map<string, JsonObject>;

const roleAssignments = '/providers/microsoft.authorization/';

/** A role is given once, and an assignment never changes its principal. */
export function assertAssignable(resources: Resources, id: string, body: JsonObject): void {
  const key = id.toLowerCase();
  const principal = textAt(body, 'properties.principalId');
  const existing = resources.get(key);
  if (existing !== undefined && textAt(existing, 'properties.principalId') !== principal) {
    throw new FakeAzureError({ code: 'RoleAssignmentUpdateNotPermitted', message: id, status: 400 });
  }
  for (const [other, resource] of resources) {
    if (other === key || resource['type'] !== 'Microsoft.Authorization/roleAssignments') continue;
    const same =
      other.split(roleAssignments)[0] === key.split(roleAssignments)[0] &&
      textAt(resource, 'properties.principalId') === principal &&
      textAt(resource, 'properties.roleDefinitionId') === textAt(body, 'properties.roleDefinitionId');
    if (same) throw new FakeAzureError({ code: 'RoleAssignmentExists', message: id, status: 409 });
  }
}

/** A peering is connected when its counterpart exists. */
export function connectPeerings(resources: Resources): void {
  const peeringsOf = (network: JsonObject | undefined): readonly JsonObject[] =>
    objectsAt(network, 'properties.virtualNetworkPeerings');
  const remote = (peering: JsonObject): string =>
    (textAt(peering, 'properties.remoteVirtualNetwork.id') ?? '').toLowerCase();
  for (const [id, network] of resources) {
    const peerings = peeringsOf(network);
    if (network['type'] !== 'Microsoft.Network/virtualNetworks' || peerings.length === 0) continue;
    const connected = peerings.map((peering) => {
      const back = peeringsOf(resources.get(remote(peering))).some((each) => remote(each) === id);
      const properties = { ...(peering['properties'] as JsonObject), peeringState: back ? 'Connected' : 'Initiated' };
      return { ...peering, properties };
    });
    const properties = { ...(network['properties'] as JsonObject), virtualNetworkPeerings: connected };
    resources.set(id, { ...network, properties });
  }
}
