import { fakeWorld } from '@holdfast/deployment/testing';
import type { FakeWorld } from '@holdfast/deployment/testing';
import { beforeEach, describe, expect, it } from 'vitest';

import type { ConnectCloud } from '../../src/identity/open-cluster.ts';
import { runExceptionAdd, runExceptionDelete, runExceptionList } from '../../src/identity/run-exception.ts';
import { runDetect } from '../../src/identity/run-detect.ts';
import { runAdd, runDelete, runList } from '../../src/identity/run-identity.ts';
import { fakeContext } from '../deployment/fake-context.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/pod-identity`;
const CLUSTER = `${GROUP}/providers/Microsoft.ContainerService/managedClusters/pod-identity`;
const IDENTITY = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/azure-vote`;
const api = 'aadpodidentity.k8s.io/v1';

let world: FakeWorld;
const connect: ConnectCloud = async () => ({
  ...world.ports,
  kind: 'azure',
  subscriptionId: SUBSCRIPTION,
  tenantId: undefined,
  close: async () => undefined,
});
const flags = { clusterName: 'pod-identity', resourceGroup: 'pod-identity', json: true } as const;
const addFlags = { ...flags, namespace: 'default', identityResourceId: IDENTITY, enable: false, allowKubenet: false };

function putCluster(networkPlugin: string, podIdentityProfile: object): void {
  world.azure.put(CLUSTER, {
    location: 'eastus',
    identity: { type: 'SystemAssigned' },
    properties: {
      networkProfile: { networkPlugin },
      podIdentityProfile: { ...podIdentityProfile },
      kubernetesVersion: '1.30',
    },
  });
}

const propertiesOf = (id: string) => world.azure.get(id)?.['properties'] ?? {};
const profile = () =>
  (propertiesOf(CLUSTER) as { podIdentityProfile: Record<string, readonly object[]> }).podIdentityProfile;
const assignments = () => [...world.azure.resources.keys()].filter((id) => id.includes('roleassignments'));

beforeEach(() => {
  world = fakeWorld(SUBSCRIPTION);
  world.azure.put(GROUP, { location: 'eastus' });
  world.azure.put(IDENTITY, { location: 'eastus' });
  putCluster('azure', { enabled: true, somethingNew: true });
});

async function add(more: object = {}): Promise<{ readonly json: Record<string, unknown> }> {
  const captured = fakeContext('/nowhere');
  await runAdd(captured.context, { ...addFlags, ...more }, connect);
  return { json: JSON.parse(captured.stdout()) as Record<string, unknown> };
}

describe('holdfast identity add', () => {
  it('does what the add-on’s command does: role, profile, objects', async () => {
    const { json } = await add();
    expect(json).toMatchObject({
      version: 1,
      role: 'granted',
      podIdentity: { name: 'azure-vote', bindingSelector: 'azure-vote' },
    });
    expect(assignments()).toHaveLength(1);
    expect(world.azure.get(assignments()[0] ?? '')).toMatchObject({
      properties: { roleDefinitionId: expect.stringContaining('f1a07417-d97a-45cb-824c-7a7467783830') as string },
    });
    expect(profile()).toMatchObject({ enabled: true, somethingNew: true });
    const clientId = (propertiesOf(IDENTITY) as { clientId: string }).clientId;
    expect(profile()['userAssignedIdentities']).toMatchObject([
      { name: 'azure-vote', namespace: 'default', identity: { clientId, resourceId: IDENTITY } },
    ]);
    const place = { apiVersion: api, namespace: 'default' };
    expect(world.cluster.get({ ...place, kind: 'AzureIdentity', name: 'azure-vote' })).toMatchObject({
      spec: { type: 0, clientID: clientId, resourceID: IDENTITY },
    });
    expect(world.cluster.get({ ...place, kind: 'AzureIdentityBinding', name: 'azure-vote-binding' })).toMatchObject({
      spec: { azureIdentity: 'azure-vote', selector: 'azure-vote' },
    });
  });

  it('changes nothing but what is new the second time', async () => {
    await add();
    const { json } = await add({ bindingSelector: 'other' });
    expect(json['role']).toBe('already');
    expect(assignments()).toHaveLength(1);
    expect(profile()['userAssignedIdentities']).toMatchObject([{ name: 'azure-vote', bindingSelector: 'other' }]);
  });

  it('refuses kubenet in the words of Azure, unless the risk is accepted', async () => {
    putCluster('kubenet', { enabled: true });
    await expect(add()).rejects.toMatchObject({
      code: 'POD_IDENTITY_KUBENET',
      message:
        "Operation failed with status: 'Bad Request'. Details: Network plugin kubenet is not supported to use with PodIdentity addon.",
    });
    expect(assignments()).toEqual([]);
    await add({ allowKubenet: true });
    expect(profile()).toMatchObject({ allowNetworkPluginKubenet: true });
  });

  it.each([
    ['a cluster whose add-on is off', { off: true }, 'POD_IDENTITY_DISABLED'],
    [
      'an id that names no managed identity',
      { identityResourceId: '/subscriptions/x' },
      'IDENTITY_RESOURCE_ID_INVALID',
    ],
    ['an identity that does not exist', { identityResourceId: `${IDENTITY}2` }, 'IDENTITY_ABSENT'],
    ['a cluster that does not exist', { clusterName: 'other' }, 'AKS_CLUSTER_ABSENT'],
    ['a name that is none', { name: 'Azure_Vote' }, 'POD_IDENTITY_NAME_INVALID'],
  ])('refuses %s before anything is changed', async (_what, more, code) => {
    if ('off' in more) putCluster('azure', { enabled: false });
    await expect(add(more)).rejects.toMatchObject({ code });
    expect(assignments()).toEqual([]);
    expect(profile()['userAssignedIdentities']).toBeUndefined();
  });

  it('refuses the two hundred and first', async () => {
    const full = Array.from({ length: 200 }, (_, index) => ({ name: `i${index}`, namespace: 'default' }));
    putCluster('azure', { enabled: true, userAssignedIdentities: full });
    await expect(add()).rejects.toMatchObject({ code: 'POD_IDENTITY_LIMIT' });
  });
});

describe('holdfast identity list and delete', () => {
  it('show and take away what was added, and leave the role', async () => {
    await add();
    const listed = fakeContext('/nowhere');
    await runList(listed.context, flags, connect);
    expect(JSON.parse(listed.stdout())).toMatchObject({ enabled: true, podIdentities: [{ name: 'azure-vote' }] });
    const place = { namespace: 'default', name: 'azure-vote' };
    await runDelete(fakeContext('/nowhere').context, { ...flags, ...place }, connect);
    expect(profile()['userAssignedIdentities']).toEqual([]);
    expect(world.cluster.get({ apiVersion: api, kind: 'AzureIdentity', ...place })).toBeUndefined();
    expect(assignments()).toHaveLength(1);
    await expect(runDelete(fakeContext('/nowhere').context, { ...flags, ...place }, connect)).rejects.toMatchObject({
      code: 'POD_IDENTITY_ABSENT',
    });
  });
});

describe('holdfast identity exception', () => {
  it('adds, lists and deletes', async () => {
    const podLabels = ['app=mic', 'kubernetes.azure.com/managedby=aks'];
    await runExceptionAdd(
      fakeContext('/nowhere').context,
      { ...flags, namespace: 'kube-system', name: 'e', podLabels },
      connect,
    );
    const place = { namespace: 'kube-system', name: 'e' };
    const object = { apiVersion: api, kind: 'AzurePodIdentityException', ...place };
    expect(world.cluster.get(object)).toMatchObject({
      spec: { podLabels: { app: 'mic', 'kubernetes.azure.com/managedby': 'aks' } },
    });
    const listed = fakeContext('/nowhere');
    await runExceptionList(listed.context, { ...flags, json: false }, connect);
    expect(listed.stdout()).toBe('kube-system/e  app=mic, kubernetes.azure.com/managedby=aks\n');
    await runExceptionDelete(fakeContext('/nowhere').context, { ...flags, ...place }, connect);
    expect([profile()['userAssignedIdentityExceptions'], world.cluster.get(object)]).toEqual([[], undefined]);
  });

  it('refuses what is no label', async () => {
    await expect(
      runExceptionAdd(fakeContext('/nowhere').context, { ...flags, namespace: 'default', podLabels: ['app'] }, connect),
    ).rejects.toMatchObject({ code: 'POD_LABELS_INVALID' });
  });
});

describe('holdfast identity detect --federate', () => {
  const detectFlags = {
    clusterName: 'pod-identity',
    resourceGroup: 'pod-identity',
    path: 'native',
    proxyPort: 8000,
    serviceAccountTokenExpiration: '1h',
    federate: true,
    json: true,
  } as const;
  const CREDENTIAL = `${IDENTITY}/federatedIdentityCredentials/default-azure-vote`;

  beforeEach(async () => {
    await add();
    const labels = { aadpodidbinding: 'azure-vote' };
    world.cluster.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'azure-vote', namespace: 'default', labels },
    });
  });

  it('makes the credentials of what it finds, in Azure', async () => {
    await runDetect(fakeContext('/nowhere').context, { ...detectFlags, issuer: 'https://issuer.example/' }, connect);
    expect(propertiesOf(CREDENTIAL)).toMatchObject({
      issuer: 'https://issuer.example/',
      subject: 'system:serviceaccount:default:azure-vote',
      audiences: ['api://AzureADTokenExchange'],
    });
  });

  it('makes none without being told to', async () => {
    const told = { ...detectFlags, issuer: 'https://issuer.example/', federate: false };
    await runDetect(fakeContext('/nowhere').context, told, connect);
    expect(world.azure.get(CREDENTIAL)).toBeUndefined();
  });

  it.each([
    ['a cluster without an issuer', [connect], 'no issuer'],
    ['manifests', ['manifest.yaml'], 'both files and a cluster'],
  ])('refuses %s', async (_what, rest, text) => {
    await expect(runDetect(fakeContext('/nowhere').context, detectFlags, ...rest)).rejects.toThrow(text);
    expect(world.azure.get(CREDENTIAL)).toBeUndefined();
  });

  it('refuses manifests alone', async () => {
    const { clusterName: _, ...without } = detectFlags;
    await expect(runDetect(fakeContext('/nowhere').context, without, 'manifest.yaml')).rejects.toMatchObject({
      code: 'DETECT_SOURCE',
    });
  });
});
