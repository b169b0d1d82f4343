import { objectAt, overlay, textAt } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';

/** Fields that the services add by themselves, and that forecasts of Azure report although nobody changes them. */
const additions: Readonly<Record<string, JsonObject>> = {
  'Microsoft.ContainerService/managedClusters': {
    properties: {
      windowsProfile: { adminUsername: 'azureuser', enableCSIProxy: true },
      networkProfile: { podCidrs: ['10.244.0.0/16'], ipFamilies: ['IPv4'] },
      autoUpgradeProfile: { nodeOSUpgradeChannel: 'NodeImage' },
      metricsProfile: { costAnalysis: { enabled: false } },
    },
  },
  'Microsoft.KeyVault/vaults': { properties: { accessPolicies: [], provisioningState: 'Succeeded' } },
};

/** The live state of a resource as a forecast shows it: with more fields, other spellings, and full versions. */
export function noisy(type: string, live: JsonObject): JsonObject {
  const added = overlay(additions[type] ?? {}, live);
  const location = textAt(added, 'location');
  const spelled: JsonObject = location === 'eastus' ? { ...added, location: 'East US' } : added;
  const withOtherCase = otherCase(spelled) as JsonObject;
  const version = textAt(withOtherCase, 'properties.currentKubernetesVersion');
  if (version === undefined) return withOtherCase;
  return { ...withOtherCase, properties: { ...objectAt(withOtherCase, 'properties'), kubernetesVersion: version } };
}

/** Ids in the case that one of Azure's services likes: `resourcegroups` instead of `resourceGroups`. */
function otherCase(value: JsonValue): JsonValue {
  if (typeof value === 'string') {
    return value.startsWith('/subscriptions/') ? value.replace('/resourceGroups/', '/resourcegroups/') : value;
  }
  if (Array.isArray(value)) return value.map(otherCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, otherCase(member)]));
}
