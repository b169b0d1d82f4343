/** The version of Azure's interface that each type of resource is written with. One table, so that one place can be checked. */
export const apiVersions = {
  'Microsoft.Resources/resourceGroups': '2024-03-01',
  'Microsoft.Network/publicIPAddresses': '2024-05-01',
  'Microsoft.Network/natGateways': '2024-05-01',
  'Microsoft.Network/virtualNetworks': '2024-05-01',
  'Microsoft.Network/virtualNetworks/subnets': '2024-05-01',
  'Microsoft.Network/virtualNetworks/virtualNetworkPeerings': '2024-05-01',
  'Microsoft.Network/networkSecurityGroups': '2024-05-01',
  'Microsoft.Network/networkSecurityGroups/securityRules': '2024-05-01',
  'Microsoft.Network/privateEndpoints': '2024-05-01',
  'Microsoft.Network/privateEndpoints/privateDnsZoneGroups': '2024-05-01',
  'Microsoft.Network/privateDnsZones': '2020-06-01',
  'Microsoft.Network/privateDnsZones/virtualNetworkLinks': '2020-06-01',
  'Microsoft.ManagedIdentity/userAssignedIdentities': '2023-01-31',
  'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials': '2023-01-31',
  'Microsoft.KeyVault/vaults': '2023-07-01',
  'Microsoft.KeyVault/vaults/secrets': '2023-07-01',
  'Microsoft.Authorization/roleAssignments': '2022-04-01',
  'Microsoft.ContainerService/managedClusters': '2025-05-01',
  'Microsoft.ContainerService/managedClusters/agentPools': '2025-05-01',
  'Microsoft.Cache/redis': '2024-11-01',
  'Microsoft.Attestation/attestationProviders': '2021-06-01',
} as const;

export type ResourceType = keyof typeof apiVersions;

/** `KataCcIsolation` is not a value of any released version, only of previews. */
export const kataApiVersion = '2024-09-02-preview';
