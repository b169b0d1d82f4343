import { withOffer } from '../facts.ts';
import type { Cases } from './case.ts';

const version = (text: string): string => `aks: {kubernetesVersion: "${text}"}\n`;

export const regionCases: Cases = {
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
};
