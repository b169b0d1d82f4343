import { describe, expect, it } from 'vitest';

import { checkVaultAccess } from '../../src/azure/vault-access.ts';
import type { VaultPermission, VaultProperties, VaultRequestSource } from '../../src/azure/vault-access.ts';

const CALLER = { objectId: 'o', clientId: 'c', issuer: 'https://sts.windows.net/t/' };
const ENDPOINT = '/subscriptions/s/privateEndpoints/e';
const OPEN: VaultProperties = {
  enableRbacAuthorization: true,
  roleAssignments: [{ principalId: 'o', role: 'Key Vault Administrator' }],
  name: 'azure-vote',
  location: 'eastus',
};

function check(
  properties: Partial<VaultProperties>,
  source: Partial<VaultRequestSource> = {},
  permission: VaultPermission = 'secrets/get',
) {
  return checkVaultAccess({ ...OPEN, ...properties }, CALLER, permission, { address: '203.0.113.7', ...source });
}

describe('checkVaultAccess', () => {
  it('lets through an approved private endpoint and nobody else when public access is disabled', () => {
    const closed: Partial<VaultProperties> = {
      publicNetworkAccess: 'Disabled',
      privateEndpointConnections: [{ id: ENDPOINT, status: 'Approved' }],
      // Even who is on the list of the firewall does not pass then.
      networkAcls: { defaultAction: 'Deny', ipRules: ['203.0.113.7'] },
    };
    expect(check(closed)?.innerCode).toBe('ForbiddenByConnection');
    expect(check(closed, { privateEndpointId: '/subscriptions/s/privateEndpoints/other' })?.innerCode).toBe(
      'ForbiddenByConnection',
    );
    expect(check(closed, { privateEndpointId: ENDPOINT.toUpperCase() })).toBeUndefined();
    const pending = { ...closed, privateEndpointConnections: [{ id: ENDPOINT, status: 'Pending' }] } as const;
    expect(check(pending, { privateEndpointId: ENDPOINT })?.innerCode).toBe('ForbiddenByConnection');
  });

  it('a private endpoint by itself closes nothing for others', () => {
    expect(check({ privateEndpointConnections: [{ id: ENDPOINT, status: 'Approved' }] })).toBeUndefined();
  });

  it('refuses an address that the firewall does not list, and names address, caller and vault', () => {
    const refusal = check({ networkAcls: { defaultAction: 'Deny' } });
    expect(refusal).toEqual({
      innerCode: 'ForbiddenByFirewall',
      message:
        'Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.7\r\n' +
        'Caller: appid=c;oid=o;iss=https://sts.windows.net/t/\r\nVault: azure-vote;location=eastus',
    });
  });

  it.each([
    ['its address', { ipRules: ['203.0.113.7'] }, {}],
    ['its address as IPv6 writes it', { ipRules: ['203.0.113.7'] }, { address: '::ffff:203.0.113.7' }],
    ['a range around it', { ipRules: ['198.51.100.1', '203.0.113.0/24'] }, {}],
    ['its subnet', { virtualNetworkRules: ['/subnets/nodes'] }, { subnetId: '/subnets/Nodes' }],
  ])('lets through who is listed by %s', (_, rules, source) => {
    expect(check({ networkAcls: { defaultAction: 'Deny', ...rules } }, source)).toBeUndefined();
  });

  it('lets nobody in by a rule that is no address', () => {
    const networkAcls = { defaultAction: 'Deny', ipRules: ['everybody', '203.0.113.0/99'] } as const;
    expect(check({ networkAcls })?.innerCode).toBe('ForbiddenByFirewall');
  });

  it('lets everybody through when the firewall allows by default', () => {
    expect(check({ networkAcls: { defaultAction: 'Allow' } })).toBeUndefined();
  });

  it('judges the network before the permission', () => {
    const refusal = check({ roleAssignments: [], networkAcls: { defaultAction: 'Deny' } });
    expect(refusal?.innerCode).toBe('ForbiddenByFirewall');
  });

  it('knows the roles and the access policies of certificates', () => {
    const role = (name: string) => ({ roleAssignments: [{ principalId: 'o', role: name }] });
    expect(check(role('Key Vault Certificate User'), {}, 'certificates/get')).toBeUndefined();
    expect(check(role('Key Vault Certificate User'), {}, 'certificates/create')).toMatchObject({
      innerCode: 'ForbiddenByRbac',
      message: expect.stringContaining("Action: 'Microsoft.KeyVault/vaults/certificates/create/action'") as string,
    });
    const policies = (certificates: readonly string[]): Partial<VaultProperties> => ({
      enableRbacAuthorization: false,
      accessPolicies: [{ objectId: 'o', permissions: { certificates } }],
    });
    expect(check(policies(['Get']), {}, 'certificates/get')).toBeUndefined();
    expect(check(policies(['list']), {}, 'certificates/get')).toMatchObject({
      innerCode: 'AccessDenied',
      message: expect.stringContaining('certificates get permission') as string,
    });
  });
});
