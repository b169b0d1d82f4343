import { Secret } from '@holdfast/base';
import { writeAllowAll } from '@holdfast/policy';

import type { Facts } from '../../../src/index.ts';
import { digestSetting, policyText, releaseOf } from '../../bundle/release.ts';
import { bundleOf, withFiles, withLive } from '../facts.ts';
import type { Cases } from './case.ts';

const key = (text: string): Facts => withFiles({ operatorKey: new Secret(text) });
const KEY = 'UID2-O-I-1234-abc';
const allowAll = writeAllowAll();
const manyBytes = policyText() + '#'.repeat(300_000);

export const operatorCases: Cases = {
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
};
