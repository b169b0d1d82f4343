import { Secret, toUtf8 } from '@holdfast/base';
import { writeAllowAll } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';

import { allChecks, runDoctor } from '../../src/index.ts';
import type { Facts, ProfileName } from '../../src/index.ts';
import { digestSetting, policyText, releaseOf } from '../bundle/release.ts';
import { configOf } from '../configs.ts';
import {
  bundleOf,
  withAzure,
  withCapacity,
  withCluster,
  withCredential,
  withFiles,
  withGroup,
  withInside,
  withLive,
  withNetwork,
  withOffer,
  withPermissions,
  withProviders,
  withSubnet,
  withSubscription,
  withTools,
  withVault,
} from './facts.ts';

type Input = readonly [more: string, facts: Facts];
/** Profile, what passes, what fails, and what the message says. */
type Case = readonly [profile: ProfileName, pass: Input, fail: Input, message: string];

const key = (text: string): Facts => withFiles({ operatorKey: new Secret(text) });
const KEY = 'UID2-O-I-1234-abc';
const resources = (fact: Facts, more: Facts): Facts => ({ azure: { ...fact.azure, ...more.azure } });
const kataVault = (more: string): string => `vault: {name: kafka-vault}\n${more}`;
const version = (text: string): string => `aks: {kubernetesVersion: "${text}"}\n`;
const vaultName = (name: string): string => `vault: {name: ${name}}\n`;
const allowAll = writeAllowAll();
const manyBytes = policyText() + '#'.repeat(300_000);

const cases: Readonly<Record<string, Case>> = {
  'TL-01': ['uid2-vn2', ['', withTools()], ['', withTools({ node: '20.1.0' })], '20.1.0 is older'],
  'TL-02': [
    'kata-cc',
    ['', withTools({ azureCli: { version: '2.60.0', extensions: {} } })],
    ['', withTools({ azureCli: { version: '2.40.0', extensions: {} } })],
    '2.40.0 is older',
  ],
  'TL-03': [
    'uid2-vn2',
    ['', withTools()],
    ['', withTools({ azureCli: { version: '2.62.0', extensions: {} } })],
    '2.62.0 cannot',
  ],
  'TL-04': [
    'kata-cc',
    ['', withTools({ azureCli: { version: '2.60.0', extensions: { 'aks-preview': '1.0.0', confcom: '1.0.0' } } })],
    ['', withTools({ azureCli: { version: '2.60.0', extensions: { confcom: '0.3.1' } } })],
    'aks-preview is missing',
  ],
  'TL-05': [
    'uid2-vn2',
    ['', withTools({ kubectl: '1.33.1' })],
    ['', withTools({ kubectl: '1.29.0' })],
    '1.29.0 is older',
  ],
  'TM-01': [
    'uid2-vn2',
    ['', withTools({ clockSkewSeconds: -90 })],
    ['', withTools({ clockSkewSeconds: -300 })],
    '-300 s off',
  ],
  'CR-01': [
    'uid2-vn2',
    ['', withCredential()],
    ['', withAzure({ credential: { tried: [{ name: 'environment', problem: 'not set' }], subscriptions: [] } })],
    'environment (not set)',
  ],
  'CR-02': [
    'uid2-vn2',
    ['', withCredential()],
    ['', withCredential({ token: { tenantId: 'x', minutesLeft: 9, refreshable: true } })],
    'directory x',
  ],
  'CR-03': [
    'uid2-vn2',
    ['', withCredential()],
    ['', withCredential({ token: { tenantId: 't', minutesLeft: 9, refreshable: false } })],
    '9 minutes',
  ],
  'CR-04': [
    'uid2-vn2',
    ['subscriptionId: 00000000-0000-0000-0000-000000000001\n', {}],
    [
      '',
      withCredential({
        subscriptions: [
          { id: 'a', name: 'A' },
          { id: 'b', name: 'B' },
        ],
      }),
    ],
    'A (a), B (b)',
  ],
  'SB-01': ['uid2-vn2', ['', withSubscription()], ['', withSubscription({ state: 'Disabled' })], 'is Disabled'],
  'SB-02': ['uid2-vn2', ['', withSubscription()], ['', withSubscription({ spendingLimit: true })], 'spending limit'],
  'PM-01': ['uid2-vn2', ['', withPermissions()], ['', withPermissions({ createGroup: false })], 'may not create it'],
  'PM-02': ['uid2-vn2', ['', withPermissions()], ['', withPermissions({ missingActions: ['a/write'] })], 'a/write'],
  'PM-03': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ noAssignmentsAt: ['the vault'] })],
    'at the vault',
  ],
  'PM-04': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ conditional: [{ scope: 'g', refused: ['Contributor'] }] })],
    'Contributor',
  ],
  'PM-05': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ writeSecret: false })],
    'may not write secrets',
  ],
  'PM-06': [
    'uid2-vn2',
    ['', withGroup()],
    ['', withGroup({ locks: [{ name: 'keep', level: 'ReadOnly' }] })],
    'keep is ReadOnly',
  ],
  'PM-07': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ denyingPolicies: ['no public addresses'] })],
    'no public addresses',
  ],
  'PM-08': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ noAssignmentRemovalAt: ['g'] })],
    'may not remove roles at g',
  ],
  'PV-01': [
    'uid2-vn2',
    ['', withProviders()],
    ['', withProviders('NotRegistered')],
    'Microsoft.ContainerService is NotRegistered',
  ],
  'PV-02': ['uid2-vn2', ['', withProviders()], ['', withProviders('NotRegistered')], 'may not register'],
  'PV-03': [
    'uid2-vn2',
    ['', withProviders()],
    ['', withProviders('Registered', { types: { vaults: { apiVersions: ['2030-01-01'], locations: [] } } })],
    'does not offer version 2023-07-01',
  ],
  'PV-04': [
    'kata-cc',
    ['', withAzure({ features: { 'Microsoft.ContainerService/KataCcIsolationPreview': 'Registered' } })],
    ['', withAzure({ features: {} })],
    'NotRegistered',
  ],
  'RG-01': ['uid2-vn2', ['', withGroup()], ['', withGroup({ location: 'westus' })], 'is in westus'],
  'RG-02': ['uid2-vn2', ['', withGroup()], ['', withGroup({ foreignResources: ['db'] })], 'db'],
  'RG-03': [
    'uid2-vn2',
    ['', withGroup()],
    ['', withGroup({ nodeGroup: { exists: true, managedBy: 'another' } })],
    'MC_my-vn-aks_myvncluster_eastus exists',
  ],
  'RG-04': ['uid2-vn2', ['', withGroup()], ['', withGroup({ otherVirtualNodes: ['other'] })], 'other puts'],
  'LO-01': ['uid2-vn2', ['', {}], ['location: westeurope\n', {}], 'is in Europe'],
  'LO-02': ['uid2-vn2', ['', {}], ['location: eastasia\n', {}], 'Hong Kong'],
  'LO-03': ['uid2-vn2', ['', {}], ['location: eastus22\n', {}], 'did you mean eastus2?'],
  'LO-04': ['uid2-vn2', ['', {}], ['location: usgovvirginia\n', {}], 'not in the public cloud'],
  'LO-05': ['uid2-vn2', ['', {}], ['location: brazilsouth\n', {}], 'not documented'],
  'KV-01': ['uid2-vn2', [version('1.34'), withOffer()], [version('1.31'), withOffer()], 'there are 1.34'],
  'KV-02': [
    'uid2-vn2',
    [version('1.34'), withOffer()],
    [version('1.34'), withOffer({ supportPlans: ['AKSLongTermSupport'] })],
    'long-term support only',
  ],
  'KV-03': [
    'uid2-vn2',
    [version('1.34'), withOffer()],
    [version('1.34'), withOffer({ daysLeft: 30 })],
    'ends in 30 days',
  ],
  'KV-04': ['uid2-vn2', [version('1.34'), {}], [version('1.29'), {}], 'does not work with 1.29'],
  'KV-05': ['uid2-vn2', [version('1.33'), {}], [version('1.29.13'), {}], 'write "1.29"'],
  'KV-06': [
    'uid2-vn2',
    [version('1.34'), withOffer()],
    [version('1.34'), withOffer({ preview: true })],
    'is a preview',
  ],
  'QT-01': [
    'uid2-vn2',
    ['', withCapacity()],
    ['', withCapacity({ sku: { offered: false, vcpus: 4, memoryGb: 16 } })],
    'not available',
  ],
  'QT-02': [
    'uid2-vn2',
    ['', withCapacity()],
    ['', withCapacity({ familyCoresFree: 20 })],
    'need 24 cores of their family, 20 are free',
  ],
  'QT-03': ['uid2-vn2', ['', withCapacity()], ['', withCapacity({ containerCoresFree: 20 })], 'need 37 cores'],
  'QT-04': [
    'uid2-vn2',
    ['', withFiles({ bundle: bundleOf() })],
    ['', withFiles({ bundle: bundleOf((text) => text.replaceAll('24Gi', '200Gi')) })],
    'GB',
  ],
  'QT-05': ['uid2-vn2', ['', withCapacity()], ['', withCapacity({ publicIpsFree: 2 })], '3 addresses'],
  'QT-06': ['uid2-vn2', ['', {}], ['aks: {pool: {vmSize: Standard_D2d_v5}}\n', {}], 'has 2 cores'],
  'QT-07': ['uid2-vn2', ['', {}], ['virtualNode: {replicas: 6}\n', {}], 'room for 5 virtual nodes, not for 6'],
  'QT-08': ['kata-cc', ['', withCapacity()], ['', withCapacity({ familyCoresFree: 0 })], '0 are free'],
  'QT-09': ['uid2-vn2', ['', {}], ['aks: {pool: {min: 3}}\n', {}], '2 nodes are not between 3 and 5'],
  'NM-01': ['uid2-vn2', ['', {}], ['resourceGroup: {name: "a b"}\n', {}], 'position 2'],
  'NM-02': ['uid2-vn2', ['', {}], ['network: {vnet: {name: "my vnet"}}\n', {}], 'position 3'],
  'NM-03': ['uid2-vn2', ['', {}], ['network: {nat: {name: "-nat"}}\n', {}], 'is not'],
  'NM-04': ['uid2-vn2', ['', {}], [`aks: {name: ${'c'.repeat(62)}}\n`, {}], '80 are allowed'],
  'NM-05': ['uid2-vn2', ['', {}], ['aks: {pool: {name: Pool}}\n', {}], 'position 1'],
  'NM-06': ['uid2-vn2', ['', {}], ['aks: {dnsPrefix: my_cluster}\n', {}], 'position 3'],
  'NM-07': ['uid2-vn2', ['', {}], ['operator: {identityName: ab}\n', {}], 'has 2 characters'],
  'NM-08': ['private-link', ['', {}], ['identity: {federatedCredential: "a.b.c"}\n', {}], 'position 2'],
  'NM-09': ['uid2-vn2', ['', {}], [vaultName('my_vault'), {}], 'position 3'],
  'NM-10': ['uid2-vn2', ['', {}], ['vault: {secretName: a.b}\n', {}], 'position 2'],
  'NM-11': ['private-link', ['', {}], ['redis: {name: a--b}\n', {}], 'is not'],
  'NM-12': ['uid2-vn2', ['', {}], ['operator: {namespace: Default}\n', {}], 'position 1'],
  'NM-13': [
    'uid2-vn2',
    ['', withVault({ nameAvailable: { available: true, ours: false } })],
    ['', withVault({ nameAvailable: { available: false, ours: false } })],
    'is taken',
  ],
  'NM-14': [
    'uid2-vn2',
    ['', withVault({ deleted: 'none' })],
    ['', withVault({ deleted: { purgeProtected: true, purgeDate: '2027-01-01' } })],
    '2027-01-01',
  ],
  'NM-15': [
    'uid2-vn2',
    ['', withVault({ deletedSecret: false })],
    ['', withVault({ deletedSecret: true })],
    'deleted secret',
  ],
  'NM-16': [
    'uid2-vn2',
    ['', withGroup({ existingNames: ['my-vnet'] })],
    ['', withGroup({ existingNames: ['My-VNet'] })],
    'exists as My-VNet',
  ],
  'NW-01': ['uid2-vn2', ['', {}], ['network: {vnet: {cidr: 10.0.0.1/8}}\n', {}], 'the range is 10.0.0.0/8'],
  'NW-02': ['uid2-vn2', ['', {}], ['network: {subnets: {aks: 10.2.0.0/16}}\n', {}], 'overlap'],
  'NW-03': ['uid2-vn2', ['', {}], ['network: {subnets: {default: 10.0.0.0/30}}\n', {}], 'between /2 and /29'],
  'NW-04': [
    'uid2-vn2',
    ['', {}],
    ['aks: {serviceCidr: 172.30.0.0/16, dnsServiceIp: 172.30.0.10}\n', {}],
    'which AKS keeps',
  ],
  'NW-05': ['uid2-vn2', ['', {}], ['aks: {dnsServiceIp: 10.4.0.1}\n', {}], 'kubernetes.default'],
  'NW-06': [
    'uid2-vn2',
    ['aks: {serviceCidr: 172.16.0.0/16, dnsServiceIp: 172.16.0.10}\n', {}],
    ['aks: {serviceCidr: 10.1.0.0/16, dnsServiceIp: 10.1.0.10}\n', {}],
    '172.16.0.0/16 is free',
  ],
  'NW-07': ['uid2-vn2', ['', {}], ['network: {subnets: {aks: 10.1.0.0/25}}\n', {}], 'need 186 addresses'],
  'NW-08': [
    'uid2-vn2',
    ['', withNetwork()],
    ['network: {connected: [{name: office, cidr: 10.9.0.0/16}]}\n', {}],
    'office',
  ],
  'NW-09': ['uid2-vn2', ['', withSubnet()], ['', withSubnet({ nat: false })], 'cg has no NAT gateway'],
  'NW-10': ['uid2-vn2', ['', {}], ['virtualNode: {aciSubnetName: aci}\n', {}], 'looks for aci'],
  'NW-11': [
    'peer-pods',
    ['', withNetwork({ closedPorts: [] })],
    ['', withNetwork({ closedPorts: [{ port: 15_150, direction: 'to the pod VMs', rule: 'deny-all' }] })],
    'TCP 15150',
  ],
  'NW-12': ['uid2-vn2', ['', {}], ['aks: {authorizedIpRanges: [1.2.3.4/32]}\n', {}], '1.2.3.4/32'],
  'NW-13': ['uid2-vn2', ['', withNetwork()], ['', withNetwork({ blockedHosts: ['ghcr.io'] })], 'ghcr.io'],
  'NW-14': ['uid2-vn2', ['', withCluster()], ['', withCluster({ networkPluginMode: 'overlay' })], 'azure overlay'],
  'NW-15': ['uid2-vn2', ['', withSubnet()], ['', withSubnet({ nat: false })], 'default way out'],
  'RP-01': [
    'uid2-vn2',
    ['', withVault()],
    ['', withVault({ denied: { code: 'ForbiddenByRbac', assignedMinutesAgo: 5 } })],
    '5 minutes ago',
  ],
  'RP-02': [
    'uid2-vn2',
    ['', withInside()],
    ['', withInside({ authorizationFailures: ['AuthorizationFailed on containerGroups/write'] })],
    'containerGroups',
  ],
  'RA-01': [
    'uid2-vn2',
    ['', withAzure({ assignments: { kubeletMissingAt: [], clientIdAssignments: [] } })],
    ['', withAzure({ assignments: { kubeletMissingAt: ['MC_x'], clientIdAssignments: [] } })],
    'MC_x',
  ],
  'RA-02': [
    'uid2-vn2',
    ['', withAzure({ assignments: { kubeletMissingAt: [], clientIdAssignments: [] } })],
    ['', withAzure({ assignments: { kubeletMissingAt: [], clientIdAssignments: ['a1'] } })],
    'a1',
  ],
  'VT-01': ['uid2-vn2', ['', withLive()], ['', withLive({ rbac: false })], 'access policies'],
  'VT-02': ['uid2-vn2', ['', {}], ['vault: {purgeProtection: false}\n', {}], 'purged at once'],
  'VT-03': ['uid2-vn2', ['', withLive()], ['', withLive({ blocked: ['the subnet cg'] })], 'the subnet cg'],
  'VT-04': ['uid2-vn2', ['', withLive()], ['', withLive({ location: 'westus' })], 'westus'],
  'VT-05': ['kata-cc', ['', {}], [vaultName('myKeyVault'), {}], 'placeholder of the guide'],
  'OK-01': ['uid2-vn2', ['', key(KEY)], ['', key('<some value>')], 'placeholder of the guide'],
  'OK-02': ['uid2-vn2', ['', key(KEY)], ['', key('secret')], 'does not look like'],
  'OK-03': [
    'uid2-vn2',
    ['', key(KEY)],
    ['operator: {environment: prod}\n', key(KEY)],
    'is for integ, the environment is prod',
  ],
  'OK-04': ['uid2-vn2', ['', key(KEY)], ['', key(KEY.replace('UID2', 'EUID'))], 'EUID'],
  'OK-05': ['uid2-vn2', ['', withLive()], ['', withLive({ sameKey: false })], 'another operator key'],
  'OE-01': ['uid2-vn2', ['', {}], ['operator: {environment: Prod}\n', {}], '"Prod" is neither'],
  'OE-02': [
    'uid2-vn2',
    ['operator: {environment: prod}\n', withFiles({ bundle: bundleOf() })],
    [
      'operator: {environment: prod}\n',
      withFiles({ bundle: bundleOf((text) => text.replace('"name":"Port"', '"name":"DEBUG_MODE"')) }),
    ],
    'DEBUG_MODE',
  ],
  'OE-03': [
    'uid2-vn2',
    ['operator: {environment: prod}\n', withFiles({ integRecord: true })],
    ['operator: {environment: prod}\n', withFiles({ integRecord: false })],
    'no record',
  ],
  'OE-04': [
    'uid2-vn2',
    ['operator: {environment: prod}\n', {}],
    ['operator: {environment: prod, replicas: 1}\n', {}],
    '1 replica in prod',
  ],
  'OB-01': [
    'uid2-vn2',
    [digestSetting(), withFiles({ bundle: releaseOf() })],
    ['', withFiles({ bundle: bundleOf((text) => text.replace('"name":"VAULT_NAME"', '"name":"SKIP_VALIDATIONS"')) })],
    'SKIP_VALIDATIONS',
  ],
  'OB-02': [
    'uid2-vn2',
    [digestSetting(), withFiles({ bundle: releaseOf() })],
    ['', withFiles({ bundle: bundleOf() })],
    'never released',
  ],
  'OB-03': [
    'uid2-vn2',
    [digestSetting(), withFiles({ bundle: releaseOf() })],
    [digestSetting('package policy'), withFiles({ bundle: releaseOf() })],
    'the published one is',
  ],
  'OB-04': [
    'uid2-vn2',
    [digestSetting(), withFiles({ bundle: releaseOf() })],
    [digestSetting(allowAll), withFiles({ bundle: releaseOf(allowAll) })],
    'always allows',
  ],
  'OB-05': [
    'uid2-vn2',
    [digestSetting(), withFiles({ bundle: releaseOf() })],
    ['', withFiles({ bundle: releaseOf(policyText({ skrCommand: ['/other'] })) })],
    'its command is ["/skr.sh"]',
  ],
  'OB-06': ['uid2-vn2', ['', withFiles({ bundleAgeDays: 10 })], ['', withFiles({ bundleAgeDays: 300 })], '300 days'],
  'OB-07': [
    'uid2-vn2',
    [digestSetting(), withFiles({ bundle: releaseOf() })],
    ['', withFiles({ bundle: releaseOf(manyBytes) })],
    'Kubernetes takes 262144',
  ],
  'OB-08': [
    'uid2-vn2',
    ['', withFiles({ droppedFields: [] })],
    ['', withFiles({ droppedFields: ['spec.new'] })],
    'spec.new',
  ],
  'NS-01': ['uid2-vn2', ['', {}], ['operator: {namespace: kube-system}\n', {}], 'not for workloads'],
  'NS-02': ['uid2-vn2', ['', withInside()], ['', withInside({ denyingPolicies: ['restricted'] })], 'restricted'],
  'NS-03': [
    'uid2-vn2',
    ['', withInside()],
    ['', withInside({ quotaProblems: ['the quota leaves 2 cores'] })],
    '2 cores',
  ],
  'NS-04': [
    'uid2-vn2',
    ['', withInside()],
    ['', withInside({ foreignObjects: ['Service/operator-svc'] })],
    'operator-svc',
  ],
  'CL-01': [
    'uid2-vn2',
    ['', withCluster()],
    [
      '',
      withAzure({
        cluster: {
          minor: 34,
          authorizedIpRanges: [],
          networkPlugin: 'azure',
          podIdentity: false,
          workloadIdentity: true,
        },
      }),
    ],
    'does not answer',
  ],
  'CL-02': ['uid2-vn2', ['', withInside()], ['', withInside({ otherInstallations: ['helm'] })], 'helm'],
  'CL-03': ['uid2-vn2', ['', withInside()], ['', withInside({ orphanNodes: ['virtualnode-1'] })], 'virtualnode-1'],
  'CL-04': ['uid2-vn2', ['', withInside()], ['', withInside({ admissionControllers: 2 })], 'there are 2'],
  'MA-01': [
    'kata-cc',
    ['attestation: {endpoint: a.eus.attest.azure.net}\n', {}],
    ['attestation: {endpoint: "https://a.eus.attest.azure.net/"}\n', {}],
    'write a.eus.attest.azure.net',
  ],
  'MA-02': [
    'kata-cc',
    ['attestation: {endpoint: sharedeus.eus.attest.azure.net}\n', {}],
    ['attestation: {endpoint: sharedweu.weu.attest.azure.net}\n', {}],
    'sharedweu',
  ],
  'MA-03': [
    'kata-cc',
    ['', withAzure({ attestationProvider: { exists: true, status: 'Ready' } })],
    ['', withAzure({ attestationProvider: { exists: false } })],
    'no attestation provider myattestationprovider',
  ],
  'KC-01': ['uid2-vn2', ['', {}], ['', {}], 'retired'],
  'KC-02': ['kata-cc', ['', {}], ['consumer: {image: "example.com/consumer:latest"}\n', {}], 'names no version'],
  'KC-03': ['kata-cc', ['', {}], ['cluster: {pool: {osSku: Ubuntu}}\n', {}], 'Ubuntu cannot'],
  'KC-04': ['kata-cc', ['', {}], ['cluster: {mode: adopt}\n', withCluster({ minor: 24 })], '1.24 is older'],
  'KC-05': ['kata-cc', ['', withLive()], ['', withLive({ foreignContents: ['db-password'] })], 'db-password'],
  'PI-01': ['private-link', ['', {}], ['aks: {podIdentity: true}\n', {}], 'asked for'],
  'PI-02': ['private-link', ['', {}], ['aks: {networkPlugin: kubenet}\n', {}], 'kubenet'],
  'RD-01': ['private-link', ['', withAzure({ hadRedis: true })], ['', {}], 'ends in 2028'],
  'PL-01': [
    'private-link',
    ['', withNetwork({ privateNames: [{ name: 'v', address: '10.241.0.4', linked: true }] })],
    ['', withNetwork({ privateNames: [{ name: 'v', address: '20.1.2.3', linked: true }] })],
    '20.1.2.3',
  ],
  'CO-01': ['uid2-vn2', [digestSetting(), {}], ['', {}], 'current release'],
  'JR-01': [
    'uid2-vn2',
    ['', withFiles({ journal: { otherConfig: false } })],
    ['', withFiles({ journal: { otherConfig: true } })],
    'another configuration',
  ],
};

/** Preconditions that come from elsewhere. */
function configFor(profile: ProfileName, more: string): ReturnType<typeof configOf> {
  return configOf(profile, more);
}

describe('the list of checks', () => {
  it('has a case for each, and no id twice', () => {
    expect(Object.keys(cases).sort()).toEqual(allChecks.map(({ id }) => id).sort());
  });

  it('explains each and says what to do', () => {
    for (const { explanation, remedy, title } of allChecks) {
      expect(explanation).toMatch(/\.$/);
      expect(remedy).toMatch(/\.$/);
      expect(title).not.toMatch(/\.$/);
    }
  });
});

describe.each(Object.entries(cases))('%s', (id, [profile, pass, fail, message]) => {
  const only = new Set([id]);

  it('passes', () => {
    // Only KC-01 can never pass: its profile is retired. It passes where it does not apply.
    const [result] = runDoctor(configFor(profile, pass[0]), pass[1], only);
    expect(result?.findings ?? []).toEqual([]);
    expect(result?.verdict ?? 'passed').toBe('passed');
  });

  it('fails with a message that names the value', () => {
    const [result] = runDoctor(configFor(id === 'KC-01' ? 'kata-cc' : profile, fail[0]), fail[1], only);
    expect(result?.verdict).toBe('failed');
    expect(result?.findings.map((finding) => finding.message).join('\n')).toContain(message);
  });
});

describe('facts that are missing', () => {
  it.each(['uid2-vn2', 'kata-cc', 'peer-pods', 'private-link'] as const)(
    'leave the checks of %s open and never fail them',
    (profile) => {
      const results = runDoctor(configOf(profile, profile === 'kata-cc' ? kataVault('allowRetired: true\n') : ''));
      const errors = results.filter(({ verdict, severity }) => verdict === 'failed' && severity === 'error');
      expect(errors.map(({ check }) => check.id)).toEqual([]);
      expect(results.some(({ verdict }) => verdict === 'not-checked')).toBe(true);
    },
  );

  it('combine: what is known is enough for the checks that need it', () => {
    const facts = resources(withProviders(), withGroup());
    const verdicts = new Map(runDoctor(configOf('uid2-vn2'), facts).map(({ check, verdict }) => [check.id, verdict]));
    expect(verdicts.get('PV-01')).toBe('passed');
    expect(verdicts.get('RG-01')).toBe('passed');
    expect(verdicts.get('KV-01')).toBe('not-checked');
  });
});

it('no message holds any part of an operator key', () => {
  const marker = 'UID2-O-P-9999-MARKER has blanks';
  const results = runDoctor(configOf('uid2-vn2'), withFiles({ operatorKey: new Secret(marker), bundle: releaseOf() }));
  const text = results.flatMap(({ findings }) => findings.map((finding) => finding.message)).join('\n');
  expect(text).toContain('blanks');
  expect(text).not.toContain('MARKER');
  expect(toUtf8(text).length).toBeGreaterThan(0);
});
