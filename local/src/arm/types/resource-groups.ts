import { ArmFault } from '../arm-fault.ts';
import { textAt } from '../json.ts';
import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { ResourceKind } from './kind.ts';

export const RESOURCE_GROUP = 'Microsoft.Resources/resourceGroups';

export const resourceGroups: ResourceKind = {
  type: RESOURCE_GROUP,
  apiVersions: ['2020-10-01', '2021-04-01', '2022-09-01', '2024-03-01', '2024-07-01', '2024-11-01', '2025-04-01'],
  shape: { ...commonShape, ...anyOf('managedBy'), properties: readOnly('provisioningState') },
  name: 'group',
  ends: 'at-once',
  write: ({ before, body, id }) => {
    const [was, is] = [textAt(before?.body, 'location'), textAt(body, 'location')];
    if (was !== undefined && is !== undefined && regionName(was) !== regionName(is)) {
      const text = `Invalid resource group location '${is}'. The Resource group '${id.name}' already exists in location '${was}'.`;
      throw new ArmFault(409, 'InvalidResourceGroupLocation', text);
    }
    return { ...body, properties: { provisioningState: 'Succeeded' } };
  },
};

/** `eastus` of `East US`. */
export function regionName(location: string): string {
  return location.toLowerCase().replaceAll(' ', '');
}
