import { bundleOf, withCapacity, withFiles } from '../facts.ts';
import type { Cases } from './case.ts';

export const quotaCases: Cases = {
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
};
