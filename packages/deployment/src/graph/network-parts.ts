import { resource } from './parts.ts';
import type { ArmResource, ResourceObject, Scope } from './types.ts';

interface PublicIpInput {
  readonly id: string;
  readonly scope: Scope;
  readonly name: string;
  readonly location: string;
  readonly dependsOn: readonly string[];
}

/** A standard, static IPv4 address, as a NAT gateway needs it. */
export function publicIp({ id, scope, name, location, dependsOn }: PublicIpInput): ArmResource {
  return resource({
    id,
    stage: 'S3',
    scope,
    type: 'Microsoft.Network/publicIPAddresses',
    name,
    body: {
      location,
      sku: { name: 'Standard', tier: 'Regional' },
      properties: { publicIPAllocationMethod: 'Static', publicIPAddressVersion: 'IPv4', idleTimeoutInMinutes: 4 },
    },
    dependsOn,
    purpose: 'Outbound address of the NAT gateway',
    rules: {
      immutable: ['sku', 'properties.publicIPAddressVersion'],
      carryOver: ['tags', 'zones', 'properties.ipTags', 'properties.dnsSettings'],
    },
  });
}

export function natGateway(
  input: PublicIpInput & { readonly addressId: string; readonly idleTimeoutMinutes: number },
): ArmResource {
  return resource({
    id: input.id,
    stage: 'S3',
    scope: input.scope,
    type: 'Microsoft.Network/natGateways',
    name: input.name,
    body: {
      location: input.location,
      sku: { name: 'Standard' },
      properties: { idleTimeoutInMinutes: input.idleTimeoutMinutes, publicIpAddresses: [{ id: input.addressId }] },
    },
    dependsOn: input.dependsOn,
    purpose: 'Way out to the internet',
    rules: {
      carryOver: ['tags', 'zones', 'properties.publicIpAddresses'],
      consequences: {
        'properties.publicIpAddresses': 'the egress address changes: allow-lists elsewhere need the new one',
      },
    },
  });
}

interface VirtualNetworkInput {
  readonly id: string;
  readonly scope: Scope;
  readonly network: { readonly name: string; readonly cidr: string };
  readonly location: string;
  /** All of them, with their names: one that is left out is deleted. */
  readonly subnets: readonly (readonly [name: string, properties: ResourceObject])[];
  /** What cannot change beside the location. */
  readonly immutable?: readonly string[];
  readonly dependsOn: readonly string[];
  readonly purpose: string;
}

export function virtualNetwork(input: VirtualNetworkInput): ArmResource {
  return resource({
    id: input.id,
    stage: 'S3',
    scope: input.scope,
    type: 'Microsoft.Network/virtualNetworks',
    name: input.network.name,
    body: {
      location: input.location,
      properties: {
        addressSpace: { addressPrefixes: [input.network.cidr] },
        subnets: input.subnets.map(([name, properties]) => ({ name, properties })),
      },
    },
    dependsOn: input.dependsOn,
    purpose: input.purpose,
    rules: {
      carryOver: ['tags', 'properties.subnets', 'properties.virtualNetworkPeerings', 'properties.dhcpOptions'],
      immutable: ['location', ...(input.immutable ?? [])],
    },
  });
}
