import { mustHaveSubscription } from '../access.ts';
import { ArmFault } from '../arm-fault.ts';
import type { JsonObject } from '../json.ts';
import { page, queryValue, route } from '../routing.ts';
import type { ArmRequest, Route } from '../routing.ts';
import { kindsOf, namespaces } from '../types/index.ts';
import { tenantOf } from '../types/managed-identities.ts';
import { versionList } from '../types/kubernetes-versions.ts';
import type { ArmWorld, Subscription } from '../world.ts';

/** Regions with their names for people, and the one that each is paired with. */
const regions: readonly (readonly [name: string, display: string, geography: string, paired: string])[] = [
  ['eastus', 'East US', 'United States', 'westus'],
  ['eastus2', 'East US 2', 'United States', 'centralus'],
  ['westus', 'West US', 'United States', 'eastus'],
  ['westus2', 'West US 2', 'United States', 'westcentralus'],
  ['centralus', 'Central US', 'United States', 'eastus2'],
  ['westeurope', 'West Europe', 'Europe', 'northeurope'],
  ['northeurope', 'North Europe', 'Europe', 'westeurope'],
  ['southeastasia', 'Southeast Asia', 'Asia Pacific', 'eastasia'],
  ['eastasia', 'East Asia', 'Asia Pacific', 'southeastasia'],
  ['australiaeast', 'Australia East', 'Australia', 'australiasoutheast'],
  ['japaneast', 'Japan East', 'Japan', 'japanwest'],
];

function subscriptionBody({ subscriptionId, tenantId, displayName }: Subscription): JsonObject {
  return {
    id: `/subscriptions/${subscriptionId}`,
    subscriptionId,
    tenantId,
    displayName: displayName ?? 'Holdfast local',
    state: 'Enabled',
    authorizationSource: 'RoleBased',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
  };
}

function subscriptionOf(world: ArmWorld, subscriptionId: string): Subscription {
  mustHaveSubscription(world, subscriptionId);
  const wanted = subscriptionId.toLowerCase();
  const known = world.subscriptions.find((one) => one.subscriptionId.toLowerCase() === wanted);
  return known ?? { subscriptionId, tenantId: tenantOf(world, subscriptionId) };
}

function locationBody([name, displayName, geography, paired]: (typeof regions)[number], id: string): JsonObject {
  return {
    id: `/subscriptions/${id}/locations/${name}`,
    name,
    type: 'Region',
    displayName,
    regionalDisplayName: displayName,
    metadata: {
      regionType: 'Physical',
      regionCategory: 'Recommended',
      geographyGroup: geography,
      geography,
      physicalLocation: displayName,
      pairedRegion: [{ name: paired, id: `/subscriptions/${id}/locations/${paired}` }],
    },
  };
}

/** A provider with its types. `looking` moves a registration on. */
function providerBody({ world }: ArmRequest, subscriptionId: string, asked: string, looking: boolean): JsonObject {
  const namespace = namespaces.find((name) => name.toLowerCase() === asked.toLowerCase());
  if (namespace === undefined) {
    throw new ArmFault(404, 'InvalidResourceNamespace', `The resource namespace '${asked}' is invalid.`);
  }
  const locations = regions.map(([, display]) => display);
  return {
    id: `/subscriptions/${subscriptionId}/providers/${namespace}`,
    namespace,
    registrationPolicy: 'RegistrationRequired',
    registrationState: world.registrations.provider(subscriptionId, namespace, looking),
    resourceTypes: kindsOf(namespace).map(({ type, apiVersions }) => ({
      resourceType: type.split('/').slice(1).join('/'),
      locations,
      apiVersions: apiVersions.toReversed(),
      capabilities: 'None',
    })),
  };
}

function featureBody({ world }: ArmRequest, subscriptionId: string, namespace: string, feature: string): JsonObject {
  return {
    id: `/subscriptions/${subscriptionId}/providers/Microsoft.Features/providers/${namespace}/features/${feature}`,
    name: `${namespace}/${feature}`,
    type: 'Microsoft.Features/providers/features',
    properties: { state: world.registrations.feature(subscriptionId, namespace, feature) },
  };
}

function usagesBody({ world, path }: ArmRequest, namespace: string): JsonObject[] {
  const wanted = namespace.toLowerCase();
  return world.settings.usages
    .filter(({ provider }) => provider.toLowerCase() === wanted)
    .map(({ name, currentValue, limit }) => ({
      id: `${path}/${name}`,
      name: { value: name, localizedValue: name },
      currentValue,
      limit,
      unit: 'Count',
    }));
}

/** Sizes of machines: capabilities are text, as the service writes them. */
const skus: readonly (readonly [name: string, family: string, cores: string, memory: string])[] = [
  ['Standard_D4d_v5', 'standardDDv5Family', '4', '16'],
  ['Standard_D8d_v5', 'standardDDv5Family', '8', '32'],
  ['Standard_D4s_v5', 'standardDSv5Family', '4', '16'],
  ['Standard_DS2_v2', 'standardDSv2Family', '2', '7'],
  ['Standard_DC4as_cc_v5', 'standardDCASv5Family', '4', '16'],
  ['Standard_DC8as_cc_v5', 'standardDCASv5Family', '8', '32'],
];

function skuBody([name, family, cores, memory]: (typeof skus)[number], location: string): JsonObject {
  return {
    resourceType: 'virtualMachines',
    name,
    tier: 'Standard',
    size: name.replace('Standard_', ''),
    family,
    locations: [location],
    locationInfo: [{ location, zones: ['1', '2', '3'], zoneDetails: [] }],
    capabilities: [
      { name: 'vCPUs', value: cores },
      { name: 'MemoryGB', value: memory },
      { name: 'EphemeralOSDiskSupported', value: 'True' },
    ],
    restrictions: [],
  };
}

/** What a subscription is and what it may hold: regions, providers, features, quotas, sizes, versions. */
export const subscriptionRoutes: readonly Route[] = [
  route('GET', 'subscriptions', (request) => page(request, request.world.subscriptions.map(subscriptionBody))),
  route('GET', 'subscriptions/{s}', ({ world }, { s = '' }) => ({
    status: 200,
    body: subscriptionBody(subscriptionOf(world, s)),
  })),
  route('GET', 'subscriptions/{s}/locations', (request, { s = '' }) => {
    const { subscriptionId } = subscriptionOf(request.world, s);
    return { status: 200, body: { value: regions.map((region) => locationBody(region, subscriptionId)) } };
  }),
  route('GET', 'subscriptions/{s}/providers', (request, { s = '' }) =>
    page(
      request,
      namespaces.map((namespace) => providerBody(request, s, namespace, false)),
    ),
  ),
  route('GET', 'subscriptions/{s}/providers/{ns}', (request, { s = '', ns = '' }) => ({
    status: 200,
    body: providerBody(request, s, ns, true),
  })),
  route('POST', 'subscriptions/{s}/providers/{ns}/register', (request, { s = '', ns = '' }) => {
    providerBody(request, s, ns, false);
    request.world.registrations.register(s, ns);
    return { status: 200, body: providerBody(request, s, ns, false) };
  }),
  route('POST', 'subscriptions/{s}/providers/{ns}/unregister', (request, { s = '', ns = '' }) => {
    request.world.registrations.unregister(s, ns);
    return { status: 200, body: providerBody(request, s, ns, false) };
  }),
  route(
    'GET',
    'subscriptions/{s}/providers/Microsoft.Features/providers/{ns}/features/{f}',
    (request, { s = '', ns = '', f = '' }) => ({ status: 200, body: featureBody(request, s, ns, f) }),
  ),
  route(
    'POST',
    'subscriptions/{s}/providers/Microsoft.Features/providers/{ns}/features/{f}/register',
    (request, { s = '', ns = '', f = '' }) => {
      request.world.registrations.register(s, `${ns}/${f}`);
      const body = featureBody(request, s, ns, f);
      return { status: 200, body };
    },
  ),
  route('GET', 'subscriptions/{s}/providers/{ns}/locations/{l}/usages', (request, { ns = '' }) => ({
    status: 200,
    body: { value: usagesBody(request, ns) },
  })),
  route('GET', 'subscriptions/{s}/providers/Microsoft.Compute/skus', (request) => {
    const [, location = 'eastus'] = /location eq '([^']+)'/i.exec(queryValue(request.query, '$filter') ?? '') ?? [];
    return page(
      request,
      skus.map((sku) => skuBody(sku, location)),
    );
  }),
  route(
    'GET',
    'subscriptions/{s}/providers/Microsoft.ContainerService/locations/{l}/kubernetesVersions',
    ({ world }) => ({ status: 200, body: versionList(world) }),
  ),
];
