import { expect, it } from 'vitest';

import { deletedVaultId } from '../../src/graph/ids.ts';

it('a deleted vault is found in its region, however a configuration writes that', () => {
  const place = '/subscriptions/s/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/v';
  expect(['eastus', 'East US'].map((location) => deletedVaultId('s', location, 'v'))).toEqual([place, place]);
});
