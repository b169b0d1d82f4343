import { withCluster, withNetwork, withSubnet } from '../facts.ts';
import type { Cases } from './case.ts';

export const networkCases: Cases = {
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
};
