import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { Shape } from '../shape.ts';

/** Fields of a node pool: inside the cluster beside `name`, alone inside `properties`. */
const poolFields: Record<string, Shape> = {
  ...anyOf('count', 'vmSize', 'osDiskSizeGB', 'osDiskType', 'kubeletDiskType', 'workloadRuntime', 'vnetSubnetID'),
  ...anyOf('podSubnetID', 'maxPods', 'osType', 'osSKU', 'maxCount', 'minCount', 'enableAutoScaling', 'scaleDownMode'),
  ...anyOf('mode', 'orchestratorVersion', 'upgradeSettings', 'availabilityZones', 'enableNodePublicIP'),
  ...anyOf('nodePublicIPPrefixID', 'scaleSetPriority', 'scaleSetEvictionPolicy', 'spotMaxPrice', 'tags', 'nodeLabels'),
  ...anyOf('nodeTaints', 'proximityPlacementGroupID', 'kubeletConfig', 'linuxOSConfig', 'enableEncryptionAtHost'),
  ...anyOf('enableUltraSSD', 'enableFIPS', 'gpuInstanceProfile', 'creationData', 'capacityReservationGroupID'),
  ...anyOf('hostGroupID', 'networkProfile', 'windowsProfile', 'securityProfile', 'gpuProfile', 'powerState'),
  ...anyOf('virtualMachinesProfile', 'messageOfTheDay', 'type', 'podIPAllocationMode', 'gatewayProfile'),
  ...readOnly('currentOrchestratorVersion', 'nodeImageVersion', 'provisioningState', 'eTag', 'status'),
  ...readOnly('virtualMachineNodesStatus'),
};

export const poolShape: Shape = { ...commonShape, properties: poolFields };

export const clusterShape: Shape = {
  ...commonShape,
  ...anyOf('sku', 'identity', 'extendedLocation', 'kind'),
  ...readOnly('eTag'),
  properties: {
    ...anyOf('kubernetesVersion', 'dnsPrefix', 'fqdnSubdomain', 'linuxProfile', 'windowsProfile', 'addonProfiles'),
    agentPoolProfiles: { name: 'any', id: 'read', ...poolFields },
    ...anyOf('servicePrincipalProfile', 'podIdentityProfile', 'oidcIssuerProfile', 'nodeResourceGroup'),
    ...anyOf('nodeResourceGroupProfile', 'enableRBAC', 'supportPlan', 'networkProfile', 'aadProfile'),
    ...anyOf('autoUpgradeProfile', 'upgradeSettings', 'autoScalerProfile', 'apiServerAccessProfile'),
    ...anyOf('diskEncryptionSetID', 'identityProfile', 'privateLinkResources', 'disableLocalAccounts'),
    ...anyOf('httpProxyConfig', 'securityProfile', 'storageProfile', 'ingressProfile', 'publicNetworkAccess'),
    ...anyOf('workloadAutoScalerProfile', 'azureMonitorProfile', 'serviceMeshProfile', 'metricsProfile'),
    ...anyOf('nodeProvisioningProfile', 'bootstrapProfile', 'aiToolchainOperatorProfile', 'staticEgressGatewayProfile'),
    ...readOnly('provisioningState', 'powerState', 'currentKubernetesVersion', 'fqdn', 'privateFQDN'),
    ...readOnly('azurePortalFQDN', 'maxAgentPools', 'resourceUID', 'status'),
  },
};

export const clusterVersions: readonly string[] = [
  '2024-02-01',
  '2024-05-01',
  '2024-09-01',
  '2024-09-02-preview',
  '2025-01-01',
  '2025-05-01',
  '2025-10-01',
  '2026-01-01',
  '2026-04-01',
  '2026-06-01',
];
