import { Secret } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { keyFingerprint } from '../../../src/engine/names.ts';
import { gatherFacts, runDoctor } from '../../../src/index.ts';
import type { AzureFacts, DeploymentConfig, GatherPorts, KubernetesObject, Need } from '../../../src/index.ts';
import { configOf } from '../../configs.ts';
import { azureError, fakeCluster, FakeArm, ME, named, NOW, ports, SUBSCRIPTION } from './fake-ports.ts';

const GROUP = '/resourceGroups/my-vn-aks';
const AT = `/subscriptions/${SUBSCRIPTION}`;
const OWNER = `${AT}/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635`;
const CLUSTER = `${GROUP}/providers/Microsoft.ContainerService/managedClusters/myvncluster`;
const VAULT = `${GROUP}/providers/Microsoft.KeyVault/vaults/my-vn-aks-vault`;
const VNET = `${GROUP}/providers/Microsoft.Network/virtualNetworks/my-vnet`;
const NODES = '/resourceGroups/MC_my-vn-aks_myvncluster_eastus';

const config = configOf('uid2-vn2', `subscriptionId: ${SUBSCRIPTION}`);
const azure: ReadonlySet<Need> = new Set(['azure']);
const everything: ReadonlySet<Need> = new Set(['azure', 'cluster']);

function grant(arm: FakeArm, roleId: string, permissions: object, more: object = {}): FakeArm {
  return arm
    .set('/providers/Microsoft.Authorization/roleAssignments', [
      { name: 'mine', properties: { scope: AT, roleDefinitionId: roleId, principalId: ME, ...more } },
    ])
    .set(roleId, { id: roleId, properties: { permissions: [permissions] } } as never);
}

/** A subscription without the deployment, whose caller is Owner. */
function emptyCloud(): FakeArm {
  const arm = new FakeArm()
    .set('subscription', {
      subscriptionId: SUBSCRIPTION,
      tenantId: 'tenant',
      displayName: 'Mine',
      state: 'Enabled',
      subscriptionPolicies: { spendingLimit: 'Off', quotaId: 'PayAsYouGo_2014-09-01' },
    })
    .set('/locations', [
      { name: 'eastus', displayName: 'East US', metadata: { regionType: 'Physical', geographyGroup: 'US' } },
    ])
    .set('/providers/Microsoft.ContainerService/locations/eastus/kubernetesVersions', {
      values: [
        { version: '1.34', isPreview: null, capabilities: { supportPlan: ['KubernetesOfficial'] } },
        { version: '1.36', isPreview: true, capabilities: { supportPlan: ['KubernetesOfficial'] } },
      ],
    })
    .set('/providers/Microsoft.Compute/skus', [
      {
        resourceType: 'virtualMachines',
        name: 'Standard_D4d_v5',
        family: 'standardDDv5Family',
        capabilities: [
          { name: 'vCPUs', value: '4' },
          { name: 'MemoryGB', value: '16' },
        ],
        restrictions: [],
      },
    ])
    .set('/providers/Microsoft.Compute/locations/eastus/usages', [
      named('cores', 0, 100),
      named('standardDDv5Family', 10, 100),
    ])
    .set('/providers/Microsoft.Network/locations/eastus/usages', [named('PublicIPAddresses', 1, 10)])
    .set('/providers/Microsoft.ContainerInstance/locations/eastus/usages', [
      named('ContainerGroups', 0, 100),
      named('StandardCores', 0, 100),
    ])
    .set('/providers/Microsoft.KeyVault/checkNameAvailability', { nameAvailable: true });
  for (const name of [
    'ContainerService',
    'ContainerInstance',
    'Network',
    'Compute',
    'Storage',
    'KeyVault',
    'ManagedIdentity',
  ]) {
    arm.set(`/providers/Microsoft.${name}`, {
      namespace: `Microsoft.${name}`,
      registrationState: 'Registered',
      resourceTypes: [{ resourceType: 'containerGroups', locations: ['East US'], apiVersions: ['2023-05-01'] }],
    });
  }
  return grant(arm, OWNER, { actions: ['*'], notActions: [] });
}

/** The same with the deployment in it. */
function deployedCloud(): FakeArm {
  return emptyCloud()
    .set(GROUP, { id: `${AT}${GROUP}`, location: 'eastus' })
    .set(`${GROUP}/resources`, [
      { id: `${AT}${VAULT}`, name: 'my-vn-aks-vault', type: 'Microsoft.KeyVault/vaults' },
      { id: `${AT}${GROUP}/providers/Microsoft.Web/sites/other`, name: 'other', type: 'Microsoft.Web/sites' },
    ])
    .set(`${GROUP}/providers/Microsoft.Authorization/locks`, [{ name: 'keep', properties: { level: 'CanNotDelete' } }])
    .set(NODES, { id: `${AT}${NODES}`, managedBy: `${AT}${CLUSTER}` })
    .set('/providers/Microsoft.KeyVault/checkNameAvailability', { nameAvailable: false, reason: 'AlreadyExists' })
    .set(VAULT, {
      id: `${AT}${VAULT}`,
      location: 'eastus',
      properties: {
        tenantId: 'tenant',
        vaultUri: 'https://my-vn-aks-vault.vault.azure.net/',
        enableRbacAuthorization: true,
        enablePurgeProtection: true,
      },
    })
    .set(VNET, {
      id: `${AT}${VNET}`,
      properties: {
        subnets: [
          {
            name: 'cg',
            properties: {
              delegations: [{ properties: { serviceName: 'Microsoft.ContainerInstance/containerGroups' } }],
              natGateway: { id: 'nat' },
              ipConfigurationProfiles: [{ id: `${AT}/x/networkProfiles/p/containerNetworkInterfaces/c` }],
              defaultOutboundAccess: false,
            },
          },
          {
            name: 'aks',
            properties: {
              ipConfigurations: [
                { id: `${AT}/x/virtualMachineScaleSets/aks-pool/virtualMachines/0/ipConfigurations/i` },
              ],
            },
          },
        ],
        virtualNetworkPeerings: [
          {
            name: 'office',
            properties: {
              remoteVirtualNetwork: { id: `${AT}/x/virtualNetworks/office` },
              remoteAddressSpace: { addressPrefixes: ['10.4.0.0/24'] },
            },
          },
        ],
      },
    })
    .set(CLUSTER, {
      id: `${AT}${CLUSTER}`,
      properties: {
        currentKubernetesVersion: '1.34.2',
        networkProfile: { networkPlugin: 'azure', networkPolicy: 'calico' },
        apiServerAccessProfile: { authorizedIPRanges: ['203.0.113.0/24'] },
        identityProfile: { kubeletidentity: { objectId: 'nodes' } },
      },
    })
    .set(`${CLUSTER}/listClusterUserCredential`, {
      kubeconfigs: [{ name: 'clusterUser', value: Buffer.from('kubeconfig').toString('base64') }],
    })
    .set(`${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`, [
      { properties: { clientId: 'client', principalId: 'principal' } },
    ])
    .set(`${GROUP}/providers/Microsoft.Authorization/roleAssignments`, [
      {
        name: 'right',
        properties: {
          scope: `${AT}${GROUP}`,
          principalId: 'nodes',
          roleDefinitionId: '/b24988ac-6180-42a0-ab88-20f7382dd24c',
        },
      },
      { name: 'wrong', properties: { scope: `${AT}${GROUP}`, principalId: 'client', roleDefinitionId: '/x' } },
    ]);
}

const noVault: NonNullable<GatherPorts['vault']> = {
  secretVersions: () => Promise.resolve([]),
} as never;

async function factsOf(arm: FakeArm, more: Partial<GatherPorts> = {}, needs = azure, of: DeploymentConfig = config) {
  const facts = await gatherFacts(of, ports(arm, more), { needs });
  if (facts.azure === undefined) throw new Error('nothing was gathered');
  return facts.azure;
}

function verdicts(facts: AzureFacts, of: DeploymentConfig = config): Readonly<Record<string, string>> {
  return Object.fromEntries(runDoctor(of, { azure: facts }).map(({ check, verdict }) => [check.id, verdict]));
}

describe('gatherFacts in an empty subscription', () => {
  it('answers everything that Azure can be asked, and says what does not exist yet', async () => {
    const facts = await factsOf(emptyCloud());
    expect(facts.notes?.map(({ subject, reason }) => `${subject}: ${reason}`)).toEqual([
      'the cluster: the cluster does not exist yet',
    ]);
    const found = verdicts(facts);
    for (const id of [
      'CR-01',
      'SB-01',
      'PM-01',
      'PM-02',
      'PM-03',
      'PM-05',
      'PM-08',
      'PV-01',
      'RG-01',
      'RG-03',
      'LO-03',
    ]) {
      expect([id, found[id]]).toEqual([id, 'passed']);
    }
    for (const id of ['KV-01', 'QT-01', 'QT-02', 'QT-03', 'QT-05', 'NM-13', 'NM-14']) {
      expect([id, found[id]]).toEqual([id, 'passed']);
    }
    expect(found['CL-01']).toBe('not-checked');
  });

  it('takes the subscription of the credential when none is configured', async () => {
    const arm = emptyCloud();
    const facts = await factsOf(arm, {}, azure, configOf('uid2-vn2'));
    expect(facts.subscription?.state).toBe('Enabled');
    expect(arm.asked.some((path) => path.startsWith('/subscriptions/'))).toBe(false);
  });

  it('changes nothing', async () => {
    const arm = emptyCloud();
    const port = arm.port();
    // The fake has no write, remove or deployments at all: a call would throw and leave a note.
    expect(['write', 'remove', 'deployments'].filter((name) => name in port)).toEqual([]);
    await factsOf(arm);
  });

  it('asks only what the chosen checks look at', async () => {
    const arm = emptyCloud();
    await gatherFacts(config, ports(arm), { needs: azure, only: new Set(['KV-01']) });
    expect(arm.asked).toEqual(['/providers/microsoft.containerservice/locations/eastus/kubernetesversions']);
  });

  it('asks nobody when neither Azure nor the cluster is wanted', async () => {
    const arm = emptyCloud();
    expect(await gatherFacts(config, ports(arm), { needs: new Set<Need>(['config']) })).toEqual({});
    expect(arm.asked).toEqual([]);
  });
});

describe('gatherFacts in a subscription with the deployment', () => {
  it('tells what is ours from what is not', async () => {
    const { group } = await factsOf(deployedCloud());
    expect(group).toMatchObject({
      exists: true,
      foreignResources: ['Microsoft.Web/sites other'],
      locks: [{ name: 'keep', level: 'CanNotDelete' }],
      nodeGroup: { exists: true, managedBy: `${AT}${CLUSTER}` },
    });
  });

  it('describes the network with its peerings', async () => {
    const { network } = await factsOf(deployedCloud());
    expect(network?.connected).toEqual([{ name: 'office', cidr: '10.4.0.0/24' }]);
    expect(network?.subnets).toEqual([
      {
        name: 'cg',
        delegations: ['Microsoft.ContainerInstance/containerGroups'],
        nat: true,
        members: 1,
        otherEgress: false,
        foreignResources: [],
        defaultOutboundAccess: false,
      },
      expect.objectContaining({ name: 'aks', nat: false, members: 1, otherEgress: true }),
    ]);
  });

  it('finds a vault that is ours although its name is taken, and its key', async () => {
    const version = {
      version: '1',
      enabled: true,
      tags: { keyFingerprint: keyFingerprint(`${AT}${VAULT}`, new Secret('a')) },
      createdAt: NOW,
    };
    const vault = { ...noVault, secretVersions: () => Promise.resolve([version]) };
    const same = await factsOf(deployedCloud(), { vault, operatorKey: new Secret('a') });
    expect(same.vault?.nameAvailable).toEqual({ available: false, reason: 'AlreadyExists', ours: true });
    expect(same.vault?.live?.sameKey).toBe(true);
    const other = await factsOf(deployedCloud(), { vault, operatorKey: new Secret('b') });
    expect(other.vault?.live?.sameKey).toBe(false);
  });

  it('says since when a role on the vault does not work', async () => {
    const arm = deployedCloud().set(`${VAULT}/providers/Microsoft.Authorization/roleAssignments`, [
      {
        properties: { scope: `${AT}${VAULT}`, principalId: ME, createdOn: new Date(NOW - 5 * 60_000).toISOString() },
      },
    ]);
    const vault = { ...noVault, secretVersions: () => Promise.reject(azureError(403, 'ForbiddenByRbac')) };
    expect((await factsOf(arm, { vault })).vault?.denied).toEqual({ code: 'ForbiddenByRbac', assignedMinutesAgo: 5 });
  });

  it('names everybody whom the firewall of the vault keeps out', async () => {
    const arm = deployedCloud().set(VAULT, { properties: { networkAcls: { defaultAction: 'Deny' } } });
    const vault = { ...noVault, secretVersions: () => Promise.reject(azureError(403, 'ForbiddenByFirewall')) };
    const facts = await factsOf(arm, { vault });
    expect(facts.vault?.live?.blocked).toEqual(['the subnet cg of the container groups', 'this machine']);
  });

  it('finds a deleted vault that keeps the name', async () => {
    const arm = emptyCloud().set('/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/my-vn-aks-vault', {
      properties: { purgeProtectionEnabled: true, scheduledPurgeDate: '2026-12-24T00:00:00Z' },
    });
    const facts = await factsOf(arm);
    expect(facts.vault?.deleted).toEqual({ purgeProtected: true, purgeDate: '2026-12-24' });
    expect(verdicts(facts)['NM-14']).toBe('failed');
  });

  it('compares the roles of the nodes with those they need', async () => {
    const { assignments } = await factsOf(deployedCloud());
    expect(assignments).toEqual({ kubeletMissingAt: [`${AT}${NODES}`], clientIdAssignments: ['wrong'] });
  });

  it('describes the cluster from outside without opening it', async () => {
    const arm = deployedCloud();
    const facts = await factsOf(arm);
    expect(facts.cluster).toMatchObject({
      minor: 34,
      authorizedIpRanges: ['203.0.113.0/24'],
      networkPlugin: 'azure',
      networkPolicy: 'calico',
      insideAsked: false,
    });
    expect(arm.asked.some((path) => path.includes('credential'))).toBe(false);
    expect(verdicts(facts)['CL-01']).toBe('not-checked');
  });
});

describe('the permissions of the caller', () => {
  const CONTRIBUTOR = `${AT}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c`;
  const withoutRoles = {
    actions: ['*'],
    notActions: ['Microsoft.Authorization/*/Write', 'Microsoft.Authorization/*/Delete'],
  };

  it('of a Contributor lack the assignment of roles everywhere', async () => {
    const facts = await factsOf(grant(emptyCloud(), CONTRIBUTOR, withoutRoles));
    expect(facts.permissions).toMatchObject({ createGroup: true, missingActions: [], writeSecret: true });
    expect(facts.permissions?.noAssignmentsAt).toContain(`${AT}${GROUP}`);
    expect(verdicts(facts)).toMatchObject({ 'PM-02': 'passed', 'PM-03': 'failed', 'PM-08': 'failed' });
  });

  it('with a condition are judged role by role', async () => {
    const condition = `@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {4633458b-17de-408a-b874-0445c86b69e6}`;
    const facts = await factsOf(grant(emptyCloud(), OWNER, { actions: ['*'], notActions: [] }, { condition }));
    const refused = facts.permissions?.conditional.flatMap(({ refused: names }) => names);
    expect([...new Set(refused)].sort()).toEqual(['contributor', 'networkContributor']);
  });

  it('without any grant in sight leave open whether the group may be created', async () => {
    const arm = emptyCloud().set('/providers/Microsoft.Authorization/roleAssignments', []);
    expect((await factsOf(arm)).permissions?.createGroup).toBeUndefined();
  });

  it('on a group that exists come from what Azure says about the group', async () => {
    const arm = deployedCloud()
      .set('/providers/Microsoft.Authorization/roleAssignments', [])
      .set(`${GROUP}/providers/Microsoft.Authorization/permissions`, [{ actions: ['*'], notActions: [] }]);
    expect((await factsOf(arm)).permissions).toMatchObject({ missingActions: [], writeSecret: true });
  });

  it('come with the policies that are likely to be in the way', async () => {
    const policy = (displayName: string, enforcementMode = 'Default') => ({
      properties: { displayName, enforcementMode },
    });
    const arm = emptyCloud().set('/providers/Microsoft.Authorization/policyAssignments', [
      policy('Allowed locations'),
      policy('Audit tags'),
      policy('Deny public IP', 'DoNotEnforce'),
    ]);
    expect((await factsOf(arm)).permissions?.denyingPolicies).toEqual(['Allowed locations']);
  });

  it('are known although the policies may not be read', async () => {
    const facts = await factsOf(emptyCloud().refuse('/policyAssignments'));
    expect(facts.permissions).toMatchObject({ createGroup: true, denyingPolicies: undefined });
    expect(verdicts(facts)).toMatchObject({ 'PM-02': 'passed', 'PM-07': 'not-checked' });
  });
});

describe('the inside of the cluster', () => {
  const object = (kind: string, name: string, more: object = {}): KubernetesObject => ({
    apiVersion: 'v1',
    kind,
    ...more,
    metadata: { name, ...(more as { metadata?: object }).metadata },
  });
  const opened = (objects: readonly KubernetesObject[]) => ({
    openCluster: () => Promise.resolve(fakeCluster(objects)),
  });

  it('is healthy when nothing is in the way', async () => {
    const facts = await factsOf(deployedCloud(), opened([]), everything);
    expect(facts.cluster?.inside).toEqual({
      namespaceUsable: true,
      denyingPolicies: [],
      quotaProblems: [],
      foreignObjects: [],
      otherInstallations: [],
      orphanNodes: [],
      admissionControllers: 0,
      authorizationFailures: [],
    });
    expect(verdicts(facts)['CL-01']).toBe('passed');
  });

  it('shows what is in the way', async () => {
    const arm = deployedCloud().set(`${CLUSTER}/providers/Microsoft.KubernetesConfiguration/extensions`, [
      { name: 'vn', properties: { extensionType: 'Microsoft.VirtualNodes' } },
    ]);
    const inside = [
      object('Namespace', 'default', { status: { phase: 'Terminating' } }),
      object('Namespace', 'vn2', { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } }),
      object('ResourceQuota', 'small', {
        metadata: { namespace: 'default' },
        status: { hard: { 'requests.cpu': '8', pods: '10' }, used: { 'requests.cpu': '2500m', pods: '3' } },
      }),
      object('LimitRange', 'limits', {
        metadata: { namespace: 'default' },
        spec: { limits: [{ type: 'Container', max: { cpu: '4' } }] },
      }),
      object('Service', 'operator-svc', {
        metadata: { namespace: 'default', managedFields: [{ manager: 'kubectl-create' }] },
      }),
      object('Secret', 'sh.helm.release.v1.virtualnode.v1', {
        metadata: { labels: { owner: 'helm', status: 'deployed', name: 'virtualnode' } },
      }),
      object('Node', 'virtualnode-1', { metadata: { labels: { virtualization: 'virtualnode2' } } }),
      object('Deployment', 'virtual-node-admission-controller', { spec: { replicas: 1 } }),
      object('Event', 'e', {
        metadata: { namespace: 'default' },
        message: 'code AuthorizationFailed',
        involvedObject: { name: 'operator-1' },
      }),
    ];
    const facts = await factsOf(arm, opened(inside), everything);
    expect(facts.cluster?.inside).toEqual({
      namespaceUsable: false,
      denyingPolicies: ['pod security level restricted of namespace vn2'],
      quotaProblems: [
        'the quota small leaves too little requests.cpu for an operator pod',
        'the limits limits do not let a Container be that large',
      ],
      foreignObjects: ['Service operator-svc'],
      otherInstallations: ['the Helm release virtualnode', 'the cluster extension vn'],
      orphanNodes: ['virtualnode-1'],
      admissionControllers: 1,
      authorizationFailures: ['operator-1 waits: Azure answers AuthorizationFailed'],
    });
  });

  it('that does not answer is a finding and no failure', async () => {
    const openCluster = () => Promise.reject(new Error('connect ECONNREFUSED'));
    const facts = await factsOf(deployedCloud(), { openCluster }, everything);
    expect(facts.cluster?.insideAsked).toBe(true);
    expect(verdicts(facts)['CL-01']).toBe('failed');
  });
});

describe('what cannot be asked', () => {
  const parts: readonly (readonly [member: keyof AzureFacts, path: string])[] = [
    ['subscription', 'subscription'],
    ['permissions', '/roleAssignments'],
    ['group', '/locks'],
    ['providers', '/providers/Microsoft.Network'],
    ['regions', '/locations'],
    ['kubernetes', '/kubernetesVersions'],
    ['capacity', '/skus'],
    ['vault', '/checkNameAvailability'],
    ['network', '/virtualNetworks/'],
    ['cluster', '/managedClusters/'],
    ['assignments', '/userAssignedIdentities'],
  ];

  it('is a group that Azure does not find, for the roles in it', async () => {
    const facts = await factsOf(
      emptyCloud().refuse('/userAssignedIdentities', azureError(404, 'ResourceGroupNotFound')),
    );
    expect(facts.notes).toContainEqual({
      subject: 'the role assignments',
      checks: ['RA-01', 'RA-02'],
      reason: 'the resource group does not exist yet',
    });
  });

  it.each(parts)('leaves %s open with the reason when it is refused', async (member, path) => {
    const facts = await factsOf(deployedCloud().refuse(path));
    expect(facts[member]).toBeUndefined();
    expect(facts.notes?.map(({ reason }) => reason)).toContain('could not check: Azure answers AuthorizationFailed');
    // The others stand.
    expect(facts.credential?.token).toBeDefined();
  });

  it('is over after the deadline', async () => {
    const arm = deployedCloud().set(VAULT, 'never');
    const facts = await factsOf(arm, { sleep: () => Promise.resolve() });
    // All gatherers race a clock that is over at once; the one that never answers has lost, whatever the others did.
    expect(facts.vault).toBeUndefined();
    expect(facts.notes?.find(({ subject }) => subject === 'the vault')?.reason).toBe(
      'could not check: no answer within 20 s',
    );
  });

  it('is told for the credential as the check wants it', async () => {
    const arm = emptyCloud();
    arm.callerError = new Error('not signed in');
    const facts = await factsOf(arm);
    expect(facts.credential).toEqual({
      tried: [{ name: 'the configured credential', problem: 'not signed in' }],
      subscriptions: [],
    });
    expect(verdicts(facts)['CR-01']).toBe('failed');
  });

  it('is nothing when even the subscription is unknown', async () => {
    const facts = await factsOf(new FakeArm(), {}, azure, configOf('uid2-vn2'));
    expect(facts).toEqual({
      notes: [{ subject: 'the subscription', checks: [], reason: 'Azure answers SubscriptionNotFound' }],
    });
  });

  it('is a quota of a provider that is not registered', async () => {
    const arm = emptyCloud().set(
      '/providers/Microsoft.ContainerInstance/locations/eastus/usages',
      azureError(409, 'MissingSubscriptionRegistration'),
    );
    const facts = await factsOf(arm);
    expect(facts.capacity).toMatchObject({ containerGroupsFree: undefined, regionalCoresFree: 100 });
    expect(verdicts(facts)).toMatchObject({ 'QT-02': 'passed', 'QT-03': 'not-checked' });
  });
});

describe('hosts that must be reached', () => {
  it('are those that do not answer at all', async () => {
    const http: NonNullable<GatherPorts['http']> = {
      get: (url) =>
        url.includes('ghcr.io') ? Promise.reject(new Error('refused')) : Promise.resolve({ status: 403, body: '' }),
    };
    expect((await factsOf(emptyCloud(), { http })).network?.blockedHosts).toEqual(['ghcr.io']);
  });
});

describe('the other profiles', () => {
  it('look at the attestation provider of confidential containers', async () => {
    const kata = configOf('kata-cc', `subscriptionId: ${SUBSCRIPTION}`);
    const path =
      '/resourceGroups/MyResourceGroup/providers/Microsoft.Attestation/attestationProviders/myattestationprovider';
    const there = emptyCloud().set(path, { id: path, properties: { status: 'Ready' } });
    expect((await factsOf(there, {}, azure, kata)).attestationProvider).toEqual({ exists: true, status: 'Ready' });
    expect((await factsOf(emptyCloud(), {}, azure, kata)).attestationProvider).toEqual({ exists: false });
  });

  it('look at features, and at what else a vault holds', async () => {
    const kata = configOf('kata-cc', `subscriptionId: ${SUBSCRIPTION}`);
    const vault = '/resourceGroups/myResourceGroup/providers/Microsoft.KeyVault/vaults/kafka-vault';
    const arm = emptyCloud()
      .set(vault, { properties: { enableRbacAuthorization: true } })
      .set(`${vault}/keys`, [{ name: 'kafka-encryption-demo' }, { name: 'theirs' }]);
    const facts = await factsOf(arm, {}, azure, kata);
    expect(facts.features).toEqual({ 'Microsoft.ContainerService/KataCcIsolationPreview': 'NotRegistered' });
    expect(facts.vault?.live?.foreignContents).toEqual(['theirs']);
  });

  it('find the rule that closes a port between workers and pod VMs', async () => {
    const peer = configOf('peer-pods', `subscriptionId: ${SUBSCRIPTION}`);
    const group = '/providers/Microsoft.Network/networkSecurityGroups/';
    const deny = {
      name: 'no-agents',
      properties: {
        priority: 100,
        access: 'Deny',
        direction: 'Inbound',
        protocol: '*',
        sourceAddressPrefix: '*',
        destinationAddressPrefix: '*',
        destinationPortRange: '15150',
      },
    };
    const arm = emptyCloud()
      .set(`/resourceGroups/openshift${group}openshift-nsg`, { properties: { securityRules: [] } })
      .set(`/resourceGroups/peer-pods${group}peer-pods-nsg`, { properties: { securityRules: [deny] } });
    expect((await factsOf(arm, {}, azure, peer)).network?.closedPorts).toEqual([
      { port: 15_150, direction: 'from workers to pod VMs', rule: 'no-agents' },
    ]);
    expect((await factsOf(emptyCloud(), {}, azure, peer)).network?.closedPorts).toBeUndefined();
  });

  it('ask the private zones what names resolve to', async () => {
    const link = configOf('private-link', `subscriptionId: ${SUBSCRIPTION}`);
    const base = '/resourceGroups/pod-identity/providers/Microsoft.Network';
    const zone = `${base}/privateDnsZones/privatelink.vaultcore.azure.net`;
    const arm = emptyCloud()
      .set(`${base}/virtualNetworks/pod-identity-vnet`, { id: `${AT}${base}/virtualNetworks/pod-identity-vnet` })
      .set(`${zone}/A/azure-vote`, { properties: { aRecords: [{ ipv4Address: '10.241.0.4' }] } })
      .set(`${zone}/virtualNetworkLinks`, [
        { properties: { virtualNetwork: { id: `${AT}${base}/virtualNetworks/pod-identity-vnet` } } },
      ]);
    expect((await factsOf(arm, {}, azure, link)).network?.privateNames).toEqual([
      { name: 'azure-vote.privatelink.vaultcore.azure.net', address: '10.241.0.4', linked: true },
    ]);
  });
});
