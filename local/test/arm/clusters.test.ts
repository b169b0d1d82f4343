import { Buffer } from 'node:buffer';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { autoscale, upgradePatch } from '../../src/arm/index.ts';
import { failureOf, fast, idIn, openArmCloud } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

const VERSION = '2025-05-01';
const CLUSTER = idIn('rg', 'Microsoft.ContainerService/managedClusters/aks');
const pool = (more: object = {}) => ({
  name: 'pool1',
  mode: 'System',
  osType: 'Linux',
  vmSize: 'Standard_D4d_v5',
  count: 2,
  enableAutoScaling: true,
  minCount: 2,
  maxCount: 5,
  ...more,
});
const body = (properties: object = {}) => ({
  location: 'eastus',
  identity: { type: 'SystemAssigned' },
  properties: { kubernetesVersion: '1.34', dnsPrefix: 'aks', agentPoolProfiles: [pool()], ...properties },
});

interface Live {
  readonly agentPoolProfiles: readonly {
    name: string;
    count: number;
    currentOrchestratorVersion: string;
    vmSize: string;
  }[];
  readonly currentKubernetesVersion: string;
  readonly identityProfile: { kubeletidentity: { resourceId: string; objectId: string } };
  readonly [member: string]: unknown;
}

describe('clusters', () => {
  let cloud: ArmCloud;
  beforeEach(async () => {
    cloud = await openArmCloud();
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
  });
  afterEach(async () => cloud.close());

  const put = (wire: object = body(), version = VERSION) =>
    cloud.resources.resources.createOrUpdateById(CLUSTER.slice(1), version, wire, fast);
  const live = async (): Promise<Live> =>
    (await cloud.resources.resources.getById(CLUSTER.slice(1), VERSION)).properties as Live;

  it('come with the group of their nodes, which they manage, and an identity in it', async () => {
    await put();
    const { identityProfile } = await live();
    const group = await cloud.resources.resourceGroups.get('MC_rg_aks_eastus');
    expect(group.managedBy).toBe(CLUSTER);
    expect(identityProfile.kubeletidentity.resourceId).toContain('/MC_rg_aks_eastus/');
    const identity = await cloud.identities.userAssignedIdentities.get('MC_rg_aks_eastus', 'aks-agentpool');
    expect(identity.principalId).toBe(identityProfile.kubeletidentity.objectId);
    await cloud.clusters.managedClusters.delete('rg', 'aks', fast);
    expect((await failureOf(cloud.resources.resourceGroups.get('MC_rg_aks_eastus'))).code).toBe(
      'ResourceGroupNotFound',
    );
  });

  it('cannot be made when the group of their nodes is there already', async () => {
    await cloud.resources.resourceGroups.createOrUpdate('MC_rg_aks_eastus', { location: 'eastus' });
    expect((await failureOf(put())).code).toBe('NodeResourceGroupAlreadyExists');
  });

  it('run the newest patch of a minor version, and stay on a later one that the channel chose', async () => {
    await put(body({ kubernetesVersion: '1.34.0' }));
    expect((await live()).currentKubernetesVersion).toBe('1.34.0');
    upgradePatch(cloud.world, CLUSTER);
    await put(body({ kubernetesVersion: '1.34' }));
    expect((await live()).currentKubernetesVersion).toBe('1.34.2');
    expect((await live()).agentPoolProfiles[0]?.currentOrchestratorVersion).toBe('1.34.2');
    expect(await failureOf(put(body({ kubernetesVersion: '1.34.1' })))).toMatchObject({ code: 'OperationNotAllowed' });
    expect(await failureOf(put(body({ kubernetesVersion: '1.99' })))).toMatchObject({ code: 'K8sVersionNotSupported' });
  });

  it('do not skip a minor version', async () => {
    await put(body({ kubernetesVersion: '1.32' }));
    expect((await failureOf(put(body({ kubernetesVersion: '1.34' })))).code).toBe('OperationNotAllowed');
    await put(body({ kubernetesVersion: '1.33' }));
    expect((await live()).currentKubernetesVersion).toBe('1.33.5');
  });

  it('are scaled down by a write that sends the configured count instead of the live one', async () => {
    await put();
    autoscale(cloud.world, CLUSTER, 'pool1', 5);
    expect((await live()).agentPoolProfiles[0]?.count).toBe(5);
    await put(body({ agentPoolProfiles: [pool({ count: undefined })] }));
    expect((await live()).agentPoolProfiles[0]?.count).toBe(5);
    await put();
    expect((await live()).agentPoolProfiles[0]?.count).toBe(2);
  });

  it('lose a pool that a write does not name, and pools keep fields that a write leaves out', async () => {
    await put();
    const more = { mode: 'User', count: 1, vmSize: 'Standard_D8d_v5' };
    const poolId = `${CLUSTER}/agentPools/extra`.slice(1);
    await cloud.resources.resources.createOrUpdateById(poolId, VERSION, { properties: more }, fast);
    await cloud.resources.resources.createOrUpdateById(poolId, VERSION, { properties: { count: 3 } }, fast);
    expect((await live()).agentPoolProfiles[1]).toMatchObject({ name: 'extra', count: 3, vmSize: 'Standard_D8d_v5' });
    await put();
    expect((await live()).agentPoolProfiles.map(({ name }) => name)).toEqual(['pool1']);
  });

  it.each([
    ['dnsPrefix', body({ dnsPrefix: 'other' })],
    ['nodeResourceGroup', body({ nodeResourceGroup: 'other' })],
    ['vmSize', body({ agentPoolProfiles: [pool({ vmSize: 'Standard_D8d_v5' })] })],
  ])('refuse to change %s', async (name, changed) => {
    await put();
    const failure = await failureOf(put(changed));
    expect(failure).toMatchObject({ code: 'PropertyChangeNotAllowed' });
    expect(failure.message).toContain(name);
  });

  it('refuse addresses of services that subnets have', async () => {
    const network = idIn('rg', 'Microsoft.Network/virtualNetworks/vnet');
    const subnets = [{ name: 'aks', properties: { addressPrefix: '10.1.0.0/16' } }];
    await cloud.resources.resources.createOrUpdateById(
      network.slice(1),
      '2024-05-01',
      { location: 'eastus', properties: { addressSpace: { addressPrefixes: ['10.0.0.0/8'] }, subnets } },
      fast,
    );
    const wire = body({
      networkProfile: { networkPlugin: 'azure', serviceCidr: '10.1.0.0/24', dnsServiceIP: '10.1.0.10' },
      agentPoolProfiles: [pool({ vnetSubnetID: `${network}/subnets/aks` })],
    });
    expect((await failureOf(put(wire))).code).toBe('ServiceCidrOverlapExistingSubnetsCidr');
  });

  it('with Kata nodes need a preview version, its feature, and the one system and family that can', async () => {
    const kata = (more: object = {}) =>
      body({
        agentPoolProfiles: [
          pool({ workloadRuntime: 'KataCcIsolation', osSKU: 'AzureLinux', vmSize: 'Standard_DC8as_cc_v5', ...more }),
        ],
      });
    const preview = '2024-09-02-preview';
    const targetOf = async (wire: object, version: string): Promise<unknown> => {
      const response = await cloud.raw('PUT', `${CLUSTER}?api-version=${version}`, wire);
      return ((await response.json()) as { error: { target: string } }).error.target;
    };
    expect(await targetOf(kata(), VERSION)).toBe('properties.agentPoolProfiles[0].workloadRuntime');
    expect((await failureOf(put(kata(), preview))).code).toBe('FeatureNotEnabled');
    await cloud.features.features.register('Microsoft.ContainerService', 'KataCcIsolationPreview');
    await cloud.features.features.get('Microsoft.ContainerService', 'KataCcIsolationPreview');
    expect(await targetOf(kata({ osSKU: 'Ubuntu' }), preview)).toBe('properties.agentPoolProfiles[0].osSKU');
    expect(await targetOf(kata({ vmSize: 'Standard_D4d_v5' }), preview)).toBe('properties.agentPoolProfiles[0].vmSize');
    await put(kata(), preview);
  });

  it('give their credentials, their issuer, and the versions of a region', async () => {
    await cloud.close();
    cloud = await openArmCloud({
      effects: { kubeconfig: (id) => `kubeconfig of ${id}`, oidcIssuer: () => 'https://issuer.example/' },
    });
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
    await put(body({ oidcIssuerProfile: { enabled: true } }));
    const { kubeconfigs } = await cloud.clusters.managedClusters.listClusterUserCredentials('rg', 'aks');
    expect(Buffer.from(kubeconfigs?.[0]?.value ?? []).toString()).toBe(`kubeconfig of ${CLUSTER}`);
    const cluster = await cloud.clusters.managedClusters.get('rg', 'aks');
    expect(cluster.oidcIssuerProfile?.issuerURL).toBe('https://issuer.example/');
    const versions = await cloud.clusters.managedClusters.listKubernetesVersions('eastus');
    expect(versions.values?.map(({ version }) => version)).toEqual(['1.32', '1.33', '1.34']);
  });

  it('switch workload identity on in a write of what was read, and keep everything else', async () => {
    await put();
    const url = `${CLUSTER}?api-version=${VERSION}`;
    const read = (await (await cloud.raw('GET', url)).json()) as { properties: object };
    const oidcIssuerProfile = { enabled: true };
    expect(
      (await cloud.raw('PUT', url, { ...read, properties: { ...read.properties, oidcIssuerProfile } })).status,
    ).toBe(200);
    await cloud.world.settle();
    const { oidcIssuerProfile: after, ...rest } = await live();
    expect(after).toMatchObject({ enabled: true, issuerURL: expect.stringMatching(/^https:\/\/.*\/$/) });
    expect({ ...rest, oidcIssuerProfile: { enabled: false } }).toEqual(read.properties);
  });

  it('take the identities that they are given', async () => {
    const kubelet = await cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'kubelet', {
      location: 'eastus',
    });
    const { id = '', clientId = '', principalId = '' } = kubelet;
    await put({
      ...body({ identityProfile: { kubeletidentity: { resourceId: id, clientId, objectId: principalId } } }),
      identity: { type: 'UserAssigned', userAssignedIdentities: { [id]: {} } },
    });
    const { identity } = await cloud.resources.resources.getById(CLUSTER.slice(1), VERSION);
    expect(identity?.userAssignedIdentities?.[id]).toMatchObject({ principalId });
    expect((await live()).identityProfile.kubeletidentity.objectId).toBe(principalId);
  });
});
