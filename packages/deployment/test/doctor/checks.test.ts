import { Secret, toUtf8 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { allChecks, runDoctor } from '../../src/index.ts';
import type { Facts } from '../../src/index.ts';
import { releaseOf } from '../bundle/release.ts';
import { configOf } from '../configs.ts';
import { accessCases } from './cases/access.ts';
import { subscriptionCases } from './cases/subscription.ts';
import { regionCases } from './cases/region.ts';
import { quotaCases } from './cases/quota.ts';
import { namesCases } from './cases/names.ts';
import { networkCases } from './cases/network.ts';
import { morePeerPodsCases, peerPodsCases } from './cases/peer-pods.ts';
import { rightsCases } from './cases/rights.ts';
import { operatorCases } from './cases/operator.ts';
import { clusterCases } from './cases/cluster.ts';
import { withFiles, withGroup, withProviders } from './facts.ts';

const resources = (fact: Facts, more: Facts): Facts => ({ azure: { ...fact.azure, ...more.azure } });
const kataVault = (more: string): string => `vault: {name: kafka-vault}\n${more}`;

const cases = [
  accessCases,
  subscriptionCases,
  regionCases,
  quotaCases,
  namesCases,
  networkCases,
  rightsCases,
  operatorCases,
  clusterCases,
  peerPodsCases,
].flatMap((group) => Object.entries(group));

describe('acceptance 11: the list of checks', () => {
  it('has a case for each, and no id twice', () => {
    expect(cases.map(([id]) => id).sort()).toEqual(allChecks.map(({ id }) => id).sort());
  });

  it('explains each and says what to do', () => {
    for (const { explanation, remedy, title } of allChecks) {
      expect(explanation).toMatch(/\.$/);
      expect(remedy).toMatch(/\.$/);
      expect(title).not.toMatch(/\.$/);
    }
  });
});

describe.each(cases)('acceptance 11: %s', (id, [profile, pass, fail, message]) => {
  const only = new Set([id]);

  it('passes', () => {
    // Only KC-01 can never pass: its profile is retired. It passes where it does not apply.
    const [result] = runDoctor(configOf(profile, pass[0]), pass[1], only);
    expect(result?.findings ?? []).toEqual([]);
    expect(result?.verdict ?? 'passed').toBe('passed');
  });

  it('fails with a message that names the value', () => {
    const [result] = runDoctor(configOf(id === 'KC-01' ? 'kata-cc' : profile, fail[0]), fail[1], only);
    expect(result?.verdict).toBe('failed');
    expect(result?.findings.map((finding) => finding.message).join('\n')).toContain(message);
  });
});

describe('a deployment of peer pods', () => {
  it.each(morePeerPodsCases)('fails %s, case %#', (id, more, facts, message) => {
    const [result] = runDoctor(configOf('peer-pods', more), facts, new Set([id]));
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
