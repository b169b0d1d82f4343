import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { failureOf, fast, idIn, openArmCloud } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

const VERSION = '2024-05-01';
const VNET = idIn('rg', 'Microsoft.Network/virtualNetworks/vnet');
const NAT = idIn('rg', 'Microsoft.Network/natGateways/nat');
const delegation = {
  name: 'aci',
  properties: { serviceName: 'Microsoft.ContainerInstance/containerGroups' },
};
const subnet = (name: string, addressPrefix: string, more: object = {}) => ({
  name,
  properties: { addressPrefix, ...more },
});

describe('network resources', () => {
  let cloud: ArmCloud;
  beforeEach(async () => {
    cloud = await openArmCloud();
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
  });
  afterEach(async () => cloud.close());

  const put = (id: string, body: object, version = VERSION) =>
    cloud.resources.resources.createOrUpdateById(id.slice(1), version, body, fast);
  const get = (id: string) => cloud.resources.resources.getById(id.slice(1), VERSION);
  const remove = (id: string) => cloud.resources.resources.deleteById(id.slice(1), VERSION, fast);
  const network = (subnets: readonly object[] | undefined, version?: string) =>
    put(
      VNET,
      {
        location: 'eastus',
        properties: {
          addressSpace: { addressPrefixes: ['10.0.0.0/8'] },
          ...(subnets === undefined ? {} : { subnets }),
        },
      },
      version,
    );
  const subnetNames = async (): Promise<readonly unknown[]> => {
    const { subnets } = (await get(VNET)).properties as { subnets: { name: string }[] };
    return subnets.map(({ name }) => name);
  };
  const containerGroup = async (): Promise<void> => {
    const id = idIn('rg', 'Microsoft.ContainerInstance/containerGroups/pod');
    const body = { location: 'eastus', properties: { subnetIds: [{ id: `${VNET}/subnets/cg` }] } };
    await cloud.resources.resources.createOrUpdateById(id.slice(1), '2023-05-01', body, fast);
  };

  it('a list of subnets is the whole list: one that is not in it is deleted', async () => {
    await network([subnet('a', '10.1.0.0/16'), subnet('b', '10.2.0.0/16')]);
    await network([subnet('b', '10.2.0.0/16')]);
    expect(await subnetNames()).toEqual(['b']);
  });

  it('a write without subnets keeps them from version 2023-11-01 on, and deletes them before', async () => {
    await network([subnet('a', '10.1.0.0/16')]);
    await network(undefined, '2023-11-01');
    expect(await subnetNames()).toEqual(['a']);
    await network(undefined, '2023-09-01');
    expect(await subnetNames()).toEqual([]);
  });

  it('a subnet that something lies in cannot be deleted, nor its network', async () => {
    await network([subnet('cg', '10.2.0.0/16', { delegations: [delegation] })]);
    await containerGroup();
    for (const attempt of [network([]), remove(`${VNET}/subnets/cg`), remove(VNET)]) {
      expect(await failureOf(attempt)).toMatchObject({ code: 'InUseSubnetCannotBeDeleted', statusCode: 400 });
    }
    await cloud.resources.resources.deleteById(
      idIn('rg', 'Microsoft.ContainerInstance/containerGroups/pod').slice(1),
      '2023-05-01',
      fast,
    );
    await remove(VNET);
  });

  it('container groups lock the delegation and the range of their subnet, and leave a link on it', async () => {
    await network([subnet('cg', '10.2.0.0/16', { delegations: [delegation] })]);
    await containerGroup();
    expect((await failureOf(network([subnet('cg', '10.2.0.0/16')]))).code).toBe(
      'SubnetDelegationsCannotChangeWhenSubnetUsedByResource',
    );
    expect((await failureOf(network([subnet('cg', '10.3.0.0/16', { delegations: [delegation] })]))).code).toBe(
      'InUsePrefixCannotBeDeleted',
    );
    const links = await cloud.raw('GET', `${VNET}/subnets/cg/serviceAssociationLinks?api-version=${VERSION}`);
    expect(await links.json()).toMatchObject({ value: [{ name: 'acisal', properties: { allowDelete: false } }] });
  });

  it('the link stays for some looks after the last container group, and the subnet with it', async () => {
    cloud.world.settings.serviceLinkLooks = 2;
    await network([subnet('cg', '10.2.0.0/16', { delegations: [delegation] })]);
    await containerGroup();
    const group = idIn('rg', 'Microsoft.ContainerInstance/containerGroups/pod').slice(1);
    await cloud.resources.resources.deleteById(group, '2023-05-01', fast);
    const links = async (): Promise<number> => {
      const response = await cloud.raw('GET', `${VNET}/subnets/cg/serviceAssociationLinks?api-version=${VERSION}`);
      return ((await response.json()) as { value: readonly object[] }).value.length;
    };
    expect(await links()).toBe(1);
    expect((await failureOf(remove(VNET))).code).toBe('InUseSubnetCannotBeDeleted');
    expect([await links(), await links()]).toEqual([1, 0]);
    await remove(VNET);
  });

  it('a subnet lies in its network and beside its neighbours, and names only what exists', async () => {
    expect((await failureOf(network([subnet('a', '192.168.0.0/24')]))).code).toBe('NetcfgInvalidSubnet');
    const both = [subnet('a', '10.1.0.0/16'), subnet('b', '10.1.2.0/24')];
    expect((await failureOf(network(both))).code).toBe('NetcfgSubnetRangesOverlap');
    expect((await failureOf(network([subnet('a', '10.1.0.0/16', { natGateway: { id: NAT } })]))).code).toBe(
      'InvalidResourceReference',
    );
    expect((await failureOf(put(`${VNET}/subnets/a`, { properties: { addressPrefix: '10.1.0.0/16' } }))).code).toBe(
      'ParentResourceNotFound',
    );
  });

  it('addresses and gateways that are in use cannot be deleted', async () => {
    const address = idIn('rg', 'Microsoft.Network/publicIPAddresses/ip');
    await put(address, {
      location: 'East US',
      sku: { name: 'Standard' },
      properties: { publicIPAllocationMethod: 'Static' },
    });
    expect((await get(address)).location).toBe('eastus');
    await put(NAT, {
      location: 'eastus',
      sku: { name: 'Standard' },
      properties: { publicIpAddresses: [{ id: address }] },
    });
    await network([subnet('cg', '10.2.0.0/16', { natGateway: { id: NAT } })]);
    expect((await failureOf(remove(address))).code).toBe('PublicIPAddressCannotBeDeleted');
    expect((await failureOf(remove(NAT))).code).toBe('InUseNatGatewayCannotBeDeleted');
    expect((await get(NAT)).properties).toMatchObject({ subnets: [{ id: `${VNET}/subnets/cg` }] });
  });

  it('a peering is Initiated until the other direction exists, and Disconnected when that goes', async () => {
    const other = idIn('rg', 'Microsoft.Network/virtualNetworks/other');
    await network([]);
    await put(other, { location: 'eastus', properties: { addressSpace: { addressPrefixes: ['192.168.0.0/16'] } } });
    const [there, back] = [`${VNET}/virtualNetworkPeerings/there`, `${other}/virtualNetworkPeerings/back`];
    const stateOf = async (id: string): Promise<unknown> =>
      ((await get(id)).properties as { peeringState: string }).peeringState;
    await put(there, { properties: { remoteVirtualNetwork: { id: other } } });
    expect(await stateOf(there)).toBe('Initiated');
    await put(back, { properties: { remoteVirtualNetwork: { id: VNET } } });
    expect([await stateOf(there), await stateOf(back)]).toEqual(['Connected', 'Connected']);
    await remove(back);
    expect(await stateOf(there)).toBe('Disconnected');
  });

  it('two security rules of one direction cannot have one priority', async () => {
    const group = idIn('rg', 'Microsoft.Network/networkSecurityGroups/nsg');
    const rule = (name: string) => ({ name, properties: { direction: 'Inbound', priority: 100, access: 'Allow' } });
    await put(group, { location: 'eastus', properties: { securityRules: [rule('one')] } });
    const clash = put(`${group}/securityRules/two`, { properties: rule('two').properties });
    expect((await failureOf(clash)).code).toBe('SecurityRuleConflict');
  });

  it('a write with an old ETag is refused', async () => {
    await network([]);
    const url = `${VNET}?api-version=${VERSION}`;
    const { headers } = await cloud.raw('GET', url);
    const body = { location: 'eastus', properties: { addressSpace: { addressPrefixes: ['10.0.0.0/8'] } } };
    const etag = headers.get('etag') ?? '';
    expect((await cloud.raw('PUT', url, body, { 'if-match': etag })).status).toBe(200);
    await cloud.world.settle();
    expect((await cloud.raw('PUT', url, body, { 'if-match': etag })).status).toBe(412);
  });

  it('a zone with links stays', async () => {
    const zone = idIn('rg', 'Microsoft.Network/privateDnsZones/privatelink.vaultcore.azure.net');
    await network([]);
    const at = (id: string, body: object) =>
      cloud.resources.resources.createOrUpdateById(id.slice(1), '2020-06-01', body, fast);
    await at(zone, { location: 'global' });
    await at(`${zone}/virtualNetworkLinks/vnet`, {
      location: 'global',
      properties: { virtualNetwork: { id: VNET }, registrationEnabled: false },
    });
    const removal = cloud.resources.resources.deleteById(zone.slice(1), '2020-06-01', fast);
    expect((await failureOf(removal)).code).toBe('CannotDeleteResource');
  });
});
