import { digestSetting } from '../../bundle/release.ts';
import { withAzure, withCluster, withFiles, withInside, withLive, withNetwork } from '../facts.ts';
import type { Cases } from './case.ts';

const vaultName = (name: string): string => `vault: {name: ${name}}\n`;

export const clusterCases: Cases = {
  'VT-05': ['kata-cc', ['', {}], [vaultName('myKeyVault'), {}], 'placeholder of the guide'],
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
