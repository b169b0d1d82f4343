import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { clusterSettings, clusterSource, setIssuer, vaultProperties, vaultsWithSecret } from '../../src/arm/index.ts';
import { failureOf, fast, idIn, openArmCloud } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

const CLUSTER = idIn('rg', 'Microsoft.ContainerService/managedClusters/aks');
const VAULT = idIn('rg', 'Microsoft.KeyVault/vaults/settings-vault');
const NETWORK = idIn('rg', 'Microsoft.Network/virtualNetworks/net');
const location = 'eastus';

describe('what the resource of a cluster says about identities', () => {
  let cloud: ArmCloud;
  beforeEach(async () => {
    cloud = await openArmCloud();
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location });
  });
  afterEach(async () => cloud.close());

  const put = (id: string, version: string, wire: object) =>
    cloud.resources.resources.createOrUpdateById(id.slice(1), version, wire, fast);
  const putCluster = (properties: object = {}, pool: object = {}) =>
    put(CLUSTER, '2025-05-01', {
      location,
      identity: { type: 'SystemAssigned' },
      properties: {
        kubernetesVersion: '1.34',
        dnsPrefix: 'aks',
        agentPoolProfiles: [{ name: 'pool1', mode: 'System', vmSize: 'Standard_D4d_v5', count: 1, ...pool }],
        ...properties,
      },
    });
  const podIdentity = (resourceId: string) => ({
    podIdentityProfile: {
      enabled: true,
      userAssignedIdentities: [
        { name: 'vote', namespace: 'default', identity: { clientId: 'x', objectId: 'y', resourceId } },
      ],
    },
  });

  it('is nothing at first but the identity of the nodes', async () => {
    await putCluster();
    expect(clusterSettings(cloud.world, CLUSTER)).toMatchObject({
      workloadIdentity: false,
      podIdentity: undefined,
      secretsProvider: false,
      nodeIdentities: [{ resourceId: expect.stringMatching(/aks-agentpool$/) as string }],
    });
    expect(clusterSettings(cloud.world, VAULT)).toBeUndefined();
  });

  it('has the pod identities that exist, with the ids of the directory, and says which do not', async () => {
    await putCluster();
    const made = await cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'vote', { location });
    await putCluster(podIdentity(made.id ?? ''));
    const settings = clusterSettings(cloud.world, CLUSTER);
    const identity = { clientId: made.clientId, objectId: made.principalId, resourceId: made.id };
    expect(settings?.podIdentity?.identities).toEqual([
      { name: 'vote', namespace: 'default', bindingSelector: 'vote', identity },
    ]);
    expect(settings?.nodeIdentities.map(({ clientId }) => clientId)).toContain(made.clientId);
    const answer = await putCluster(podIdentity(`${made.id}-gone`));
    expect(answer.properties).toMatchObject({
      podIdentityProfile: {
        userAssignedIdentities: [
          { provisioningState: 'Failed', provisioningInfo: { error: { error: { code: 'ManagedIdentityNotFound' } } } },
        ],
      },
    });
    expect(clusterSettings(cloud.world, CLUSTER)?.podIdentity?.identities).toEqual([]);
  });

  it('refuses pod identities on kubenet and when the cluster is made', async () => {
    const kubenet = { networkProfile: { networkPlugin: 'kubenet' }, podIdentityProfile: { enabled: true } };
    expect(await failureOf(putCluster(kubenet))).toMatchObject({ code: 'BadRequest' });
    expect(await failureOf(putCluster(podIdentity(CLUSTER)))).toMatchObject({
      code: 'PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation',
    });
  });

  it('gives the provider of secrets an identity of its own, which stays', async () => {
    const profiles = { addonProfiles: { azureKeyvaultSecretsProvider: { enabled: true } } };
    await putCluster(profiles);
    const first = clusterSettings(cloud.world, CLUSTER);
    expect(first?.secretsProvider).toBe(true);
    expect(first?.nodeIdentities.map(({ resourceId }) => resourceId.split('/').at(-1))).toEqual([
      'aks-agentpool',
      'azurekeyvaultsecretsprovider-aks',
    ]);
    await putCluster(profiles);
    expect(clusterSettings(cloud.world, CLUSTER)).toEqual(first);
    const made = await cloud.identities.userAssignedIdentities.get(
      'MC_rg_aks_eastus',
      'azurekeyvaultsecretsprovider-aks',
    );
    expect(made.clientId).toBe(first?.nodeIdentities[1]?.clientId);
  });

  it.each([
    [undefined, 120_000],
    [{ enableSecretRotation: 'true', rotationPollInterval: '30s' }, 30_000],
    [{ enableSecretRotation: 'true', rotationPollInterval: '1h' }, 3_600_000],
    [{ enableSecretRotation: 'true', rotationPollInterval: 'soon' }, 120_000],
    [{ enableSecretRotation: 'false', rotationPollInterval: '30s' }, undefined],
  ])('tells how often the provider of secrets fetches again with the configuration %j', async (config, expected) => {
    const provider = { enabled: true, ...(config === undefined ? {} : { config }) };
    await putCluster({ addonProfiles: { azureKeyvaultSecretsProvider: provider } });
    expect(clusterSettings(cloud.world, CLUSTER)?.secretsRotationMs).toBe(expected);
  });

  it('is written back as it was read, beside networks of others', async () => {
    await put(NETWORK, '2024-05-01', {
      location,
      properties: {
        addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
        subnets: [{ name: 'others', properties: { addressPrefix: '10.0.32.0/19' } }],
      },
    });
    await putCluster();
    const {
      id: _id,
      name: _name,
      type: _type,
      ...read
    } = await cloud.resources.resources.getById(CLUSTER.slice(1), '2025-05-01');
    await expect(put(CLUSTER, '2025-05-01', read)).resolves.toMatchObject({ name: 'aks' });
  });

  it('shows the issuer that the cluster really has, when it shows one', async () => {
    const issuerOf = async (): Promise<unknown> => {
      const { properties } = await cloud.resources.resources.getById(CLUSTER.slice(1), '2025-05-01');
      return (properties as { oidcIssuerProfile?: { issuerURL?: string } }).oidcIssuerProfile?.issuerURL;
    };
    await putCluster();
    setIssuer(cloud.world, CLUSTER, 'https://127.0.0.1:1/');
    expect(await issuerOf()).toBeUndefined();
    await putCluster({ oidcIssuerProfile: { enabled: true } });
    expect(await issuerOf()).toMatch(/^https:.*\/$/);
    setIssuer(cloud.world, CLUSTER, 'https://127.0.0.1:2/');
    expect(await issuerOf()).toBe('https://127.0.0.1:2/');
  });

  describe('and how its pods come to a vault', () => {
    const subnet = (name: string) => `${NETWORK}/subnets/${name}`;
    beforeEach(async () => {
      await put(NETWORK, '2024-05-01', {
        location,
        properties: {
          addressSpace: { addressPrefixes: ['10.1.0.0/16'] },
          subnets: [
            {
              name: 'nodes',
              properties: { addressPrefix: '10.1.0.0/24', serviceEndpoints: [{ service: 'Microsoft.KeyVault' }] },
            },
            { name: 'endpoints', properties: { addressPrefix: '10.1.1.0/24' } },
          ],
        },
      });
      await put(VAULT, '2023-07-01', {
        location,
        properties: {
          tenantId: '00000000-0000-0000-0000-000000000000',
          sku: { family: 'A', name: 'standard' },
          publicNetworkAccess: 'Disabled',
          networkAcls: { defaultAction: 'Deny', ipRules: [{ value: '203.0.113.0/24' }] },
          accessPolicies: [
            {
              tenantId: '00000000-0000-0000-0000-000000000000',
              objectId: 'somebody',
              permissions: { certificates: ['get'] },
            },
          ],
        },
      });
      await putCluster({}, { vnetSubnetID: subnet('nodes') });
    });

    it('is from the subnet of its nodes, and through a private endpoint of their network', async () => {
      expect(clusterSource(cloud.world, CLUSTER, 'settings-vault')).toEqual({ subnetId: subnet('nodes') });
      const endpoint = idIn('rg', 'Microsoft.Network/privateEndpoints/vault-endpoint');
      const connection = { name: 'vault', properties: { privateLinkServiceId: VAULT, groupIds: ['vault'] } };
      await put(endpoint, '2024-05-01', {
        location,
        properties: { subnet: { id: subnet('endpoints') }, privateLinkServiceConnections: [connection] },
      });
      expect(clusterSource(cloud.world, CLUSTER, 'Settings-Vault')).toEqual({
        subnetId: subnet('nodes'),
        privateEndpointId: endpoint,
      });
      expect(vaultProperties(cloud.world, 'settings-vault')?.privateEndpointConnections).toEqual([
        { id: endpoint, status: 'Approved' },
      ]);
      expect(clusterSource(cloud.world, CLUSTER, 'other-vault')).toEqual({});
    });

    it('and the vault has its own policies, network rules and secrets', async () => {
      expect(vaultProperties(cloud.world, 'settings-vault')).toMatchObject({
        name: 'settings-vault',
        location,
        publicNetworkAccess: 'Disabled',
        networkAcls: { defaultAction: 'Deny', ipRules: ['203.0.113.0/24'] },
        accessPolicies: [{ objectId: 'somebody', permissions: { secrets: [], certificates: ['get'] } }],
      });
      await put(`${VAULT}/secrets/greeting`, '2023-07-01', { properties: { value: 'hello' } });
      expect(vaultsWithSecret(cloud.world, 'Greeting')).toEqual(['settings-vault']);
      expect(vaultsWithSecret(cloud.world, 'farewell')).toEqual([]);
    });
  });
});
