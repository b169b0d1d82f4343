import { describe, expect, it } from 'vitest';

import { closingRule } from '../../../src/doctor/gather/nsg-rules.ts';
import { cidrOf } from '../../../src/network/cidr.ts';

const range = (text: string) => {
  const found = cidrOf(text);
  if (found === undefined) throw new Error(text);
  return found;
};
const flow = { direction: 'Inbound', port: 15_150, from: range('10.0.32.0/19'), to: range('10.20.0.0/24') } as const;
const rule = (name: string, priority: number, access: string, more: Record<string, unknown> = {}) => ({
  name,
  properties: {
    priority,
    access,
    direction: 'Inbound',
    protocol: 'Tcp',
    sourceAddressPrefix: '*',
    destinationAddressPrefix: '*',
    destinationPortRange: '*',
    ...more,
  },
});
const group = (...securityRules: readonly unknown[]) => ({ properties: { securityRules } });

describe('closingRule', () => {
  it('names the rule of the smallest number that denies', () => {
    expect(closingRule(group(rule('late', 200, 'Allow'), rule('early', 100, 'Deny')), flow)).toBe('early');
    expect(closingRule(group(rule('late', 200, 'Deny'), rule('early', 100, 'Allow')), flow)).toBeUndefined();
  });

  it('looks at rules of the protocol that is asked about', () => {
    const udp = group(rule('udp', 100, 'Deny', { protocol: 'Udp' }));
    expect(closingRule(udp, { ...flow, protocol: 'udp' })).toBe('udp');
    expect(closingRule(group(rule('tcp', 100, 'Deny')), { ...flow, protocol: 'udp' })).toBeUndefined();
    expect(closingRule(group(rule('all', 100, 'Deny', { protocol: '*' })), { ...flow, protocol: 'udp' })).toBe('all');
  });

  it('passes over rules that mean other traffic', () => {
    const others = [
      rule('udp', 100, 'Deny', { protocol: 'Udp' }),
      rule('port', 101, 'Deny', { destinationPortRange: '15100-15149' }),
      rule('out', 102, 'Deny', { direction: 'Outbound' }),
      rule('from', 103, 'Deny', { sourceAddressPrefix: '192.168.0.0/16' }),
      rule('internet', 104, 'Deny', { sourceAddressPrefix: 'Internet' }),
    ];
    expect(closingRule(group(...others), flow)).toBeUndefined();
  });

  it('reads lists of ranges and prefixes', () => {
    const listed = rule('listed', 100, 'Deny', {
      destinationPortRange: '',
      destinationPortRanges: ['80', '15000-16000'],
      sourceAddressPrefix: undefined,
      sourceAddressPrefixes: ['10.0.0.0/16'],
    });
    expect(closingRule(group(listed), flow)).toBe('listed');
  });

  it('lets traffic through that no rule means, and is closed by the last rule of Azure where there is one', () => {
    expect(closingRule(group(), flow)).toBeUndefined();
    const last = { properties: { securityRules: [], defaultSecurityRules: [rule('DenyAllInBound', 65_500, 'Deny')] } };
    expect(closingRule(last, flow)).toBe('DenyAllInBound');
  });
});
