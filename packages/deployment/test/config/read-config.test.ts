import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { allProblems, problemLines, readConfig } from '../../src/index.ts';

function lines(text: string): readonly string[] {
  return problemLines(allProblems(readConfig(text)), 'holdfast.yaml');
}

describe('reading a configuration', () => {
  it('fills in the values of the guides', () => {
    const { config, problems } = readConfig('profile: uid2-vn2\n');
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      location: 'eastus',
      resourceGroup: { name: 'my-vn-aks' },
      network: {
        vnet: { name: 'my-vnet', cidr: '10.0.0.0/8' },
        subnets: { default: '10.0.0.0/24', aks: '10.1.0.0/16', cg: { name: 'cg', cidr: '10.2.0.0/16' } },
        publicIp: { name: 'my-public-ip' },
        nat: { name: 'my-nat-gateway', idleTimeoutMinutes: 4 },
      },
      aks: { name: 'myvncluster', serviceCidr: '10.4.0.0/16', dnsServiceIp: '10.4.0.10', identityMode: 'guide' },
      vault: { name: 'my-vn-aks-vault', secretName: 'my-vn-aks-opr-key-name', purgeProtection: true },
      operator: { identityName: 'my-vn-aks-opr-id', environment: 'integ', keySource: 'stdin', replicas: 3 },
    });
  });

  it('reports everything at once, each with its line and what to do', () => {
    const text = `profile: uid2-vn2
locaton: eastus
location: uksouth
resourceGroup: { name: "bad name" }
network:
  vnet: { cidr: 10.0.0.1/8 }
  subnets:
    aks: 10.0.0.0/24
  nat:
    idleTimeoutMinutes: 2
aks:
  kubernetesVersion: "1.29.13"
operator:
  environment: test
`;
    const found = lines(text);
    const expected = [
      'holdfast.yaml:2: locaton: is not a setting. Did you mean location?',
      'holdfast.yaml:3: location: UID2 private operators are not supported in Europe or China: uksouth is in Europe (LO-01). Choose a region outside',
      'holdfast.yaml:4: resourceGroup.name: "bad name" holds " " at position 4; the name of a resource group is letters, digits and - . _ ( )',
      'holdfast.yaml:6: network.vnet.cidr: "10.0.0.1/8" has host bits that are not zero; the range is 10.0.0.0/8 (NW-01)',
      'holdfast.yaml:8: network.subnets.aks: the subnet aks 10.0.0.0/24 and the subnet default 10.0.0.0/24 overlap (NW-02)',
      'holdfast.yaml:10: network.nat.idleTimeoutMinutes: 2 is less than 4.',
      'holdfast.yaml:12: aks.kubernetesVersion: 1.29.13 names a patch version; write "1.29" (KV-05)',
      'holdfast.yaml:14: operator.environment: "test" is neither integ nor prod (OE-01)',
    ];
    for (const line of expected) expect(found.some((one) => one.startsWith(line))).toBe(true);
  });

  it('shows no key that somebody has written into the file', () => {
    const found = lines('profile: uid2-vn2\noperator: {keySource: UID2-O-I-1234-verysecret}\n');
    expect(found).toHaveLength(1);
    expect(found[0]).toContain('operator.keySource');
    expect(found[0]).not.toContain('verysecret');
  });

  it('suggests a profile', () => {
    expect(lines('profile: uid2vn2\n')[0]).toContain('Did you mean uid2-vn2?');
    expect(lines('location: eastus\n')[0]).toContain('profile: is missing');
  });

  it('asks for what has no default', () => {
    expect(lines('profile: kata-cc\nallowRetired: true\n')).toEqual([
      'holdfast.yaml:1: vault: is missing and has no default.',
    ]);
  });

  it('says where the YAML is wrong', () => {
    expect(lines('profile: uid2-vn2\nprofile: kata-cc\n')[0]).toMatch(/^holdfast\.yaml:2: .*unique/);
    expect(lines('- a\n')[0]).toContain('does not hold settings');
  });

  it('refuses aliases that multiply', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...'bcdefg'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(10).fill(`*${'abcdefg'[index]}`).join(', ')}]`),
    ];
    expect(lines(bomb.join('\n'))[0]).toContain('aliases');
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('', 'profile: uid2-vn2\n', 'profile: kata-cc\n'), (text, head) => {
        expect(Array.isArray(allProblems(readConfig(head + text)))).toBe(true);
      }),
    );
  });
});
