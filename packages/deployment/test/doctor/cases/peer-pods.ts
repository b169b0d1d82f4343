import { encodeInitdata } from '@holdfast/initdata';

import type { Facts, PeerPodClusterFacts, SubnetFacts } from '../../../src/index.ts';
import { withNetwork } from '../facts.ts';
import type { Cases } from './case.ts';

const healthy: PeerPodClusterFacts = {
  openShift: { version: '4.19.3', updates: [] },
  kubernetes: 'v1.32.6',
  runtimeClass: { handler: 'kata-remote', cpuCores: 0.25, memoryBytes: 120 * 2 ** 20 },
  workers: [{ name: 'worker-0', cpuCores: 7.5, memoryBytes: 30 * 2 ** 30, offered: 10 }],
  namespaces: ['red'],
  namespacePolicy: true,
  keyBrokers: [],
};
const subnet: SubnetFacts = {
  name: 'peer-pods',
  delegations: [],
  nat: true,
  members: 2,
  otherEgress: false,
  foreignResources: [],
  defaultOutboundAccess: false,
};

const withCluster = (part: Partial<PeerPodClusterFacts> = {}): Facts => ({ peerPodCluster: { ...healthy, ...part } });
const withPodVmSubnet = (part: Partial<SubnetFacts> = {}): Facts => withNetwork({ subnets: [{ ...subnet, ...part }] });

/** A configuration of the machines with a change. */
export const podVms = (more = ''): string =>
  `podVms:
  imageId: /CommunityGalleries/cococommunity/Images/peerpod/Versions/1.2.3
  clientId: 11111111-1111-1111-1111-111111111111
  allowedNamespaces: [red]
${more}`;

const initdataFor = (url: string): string =>
  podVms(
    `  initdata: ${encodeInitdata(`algorithm = "sha256"\nversion = "0.1.0"\n\n[data]\n"aa.toml" = '''\n[token_configs.kbs]\nurl = "${url}"\n'''\n`)}\n`,
  );

export const peerPodsCases: Cases = {
  'PP-01': ['peer-pods', [podVms(), {}], [podVms('  size: Standard_D4s_v5\n'), {}], 'is no confidential size'],
  'PP-02': [
    'peer-pods',
    [podVms(), withCluster()],
    [podVms(), withCluster({ openShift: { version: '4.18.1', updates: ['4.18.9', '4.19.3'] } })],
    'OpenShift 4.18.1; there is 4.18.9, 4.19.3',
  ],
  'PP-03': [
    'peer-pods',
    [initdataFor('https://kbs.trusted.example'), withCluster()],
    [initdataFor('https://kbs.trustee-operator-system.svc:8080'), withCluster()],
    'a Service of the cluster',
  ],
  'PP-04': [
    'peer-pods',
    [podVms(), withCluster()],
    [podVms(), withCluster({ namespaces: ['red', 'blue'] })],
    'there are peer pods in blue',
  ],
  'PP-05': ['peer-pods', ['', withPodVmSubnet()], ['', withPodVmSubnet({ nat: false })], 'peer-pods has neither'],
  'PP-06': [
    'peer-pods',
    ['', withNetwork({ podVmPeerings: [{ direction: 'to the cluster', state: 'Connected', access: true }] })],
    ['', withNetwork({ podVmPeerings: [{ direction: 'to the cluster', state: 'Initiated', access: true }] })],
    'the peering to the cluster is Initiated',
  ],
  'PP-07': [
    'peer-pods',
    [podVms(), withCluster()],
    [podVms(), withCluster({ runtimeClass: undefined })],
    'there is no runtime class kata-remote',
  ],
  'PP-08': [
    'peer-pods',
    [podVms(), withCluster()],
    [podVms(), withCluster({ workers: [{ name: 'small', cpuCores: 2, memoryBytes: 30 * 2 ** 30, offered: 10 }] })],
    'small offers 10 pod VMs, and its processors suffice for 8',
  ],
};

/** Further ways to fail, by check: configuration, facts, message. */
export const morePeerPodsCases: readonly (readonly [id: string, more: string, facts: Facts, message: string])[] = [
  ['PP-01', podVms('  initdata: nonsense\n'), {}, 'INITDATA: cannot be decoded'],
  ['PP-01', podVms('  sizes: [Standard_DC4as_v5]\n'), {}, 'not among AZURE_INSTANCE_SIZES'],
  ['PP-01', podVms('  limitPerNode: 300\n'), withCluster(), '1 nodes with 300 machines each need 300 addresses'],
  ['PP-02', podVms(), withCluster({ openShift: undefined }), 'without the interface of OpenShift'],
  ['PP-03', initdataFor('http://10.0.33.7:8080'), {}, 'an address of the network of the cluster'],
  ['PP-03', initdataFor('http://172.30.5.5:8080'), {}, 'an address of the Services of the cluster'],
  ['PP-03', initdataFor('http://localhost:8080'), {}, 'no address of a broker'],
  [
    'PP-03',
    podVms(),
    withCluster({ keyBrokers: ['kbs/kbs-0'] }),
    'the pod kbs/kbs-0 of this cluster looks like a key broker',
  ],
  ['PP-04', podVms().replace('[red]', '[]'), {}, 'every namespace may hold peer pods'],
  [
    'PP-04',
    podVms().replace('[red]', '[kube-system]'),
    {},
    'kube-system is a namespace whose pods the webhook does not count',
  ],
  ['PP-04', podVms(), withCluster({ namespacePolicy: false }), 'the cluster has no policy'],
  [
    'PP-06',
    '',
    withNetwork({ podVmPeerings: [{ direction: 'from the cluster', state: undefined, access: true }] }),
    'is missing',
  ],
  [
    'PP-06',
    '',
    withNetwork({ podVmPeerings: [{ direction: 'from the cluster', state: 'Connected', access: false }] }),
    'allows no access',
  ],
  [
    'PP-07',
    podVms(),
    withCluster({ runtimeClass: { handler: 'kata', cpuCores: 1, memoryBytes: 1 } }),
    'is kata, not kata-remote',
  ],
  [
    'PP-07',
    podVms(),
    withCluster({ runtimeClass: { handler: 'kata-remote', cpuCores: 0, memoryBytes: 0 } }),
    'has no overhead',
  ],
  ['PP-08', podVms(), withCluster({ workers: [] }), 'no node is labelled for peer pods'],
  [
    'PP-08',
    podVms(),
    withCluster({ workers: [{ name: 'w', cpuCores: 8, memoryBytes: 2 ** 34, offered: undefined }] }),
    'Insufficient kata.peerpods.io/vm',
  ],
];
