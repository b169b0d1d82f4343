import { describe, expect, it } from 'vitest';

import { checkVaultAccess } from '../../src/azure/vault-access.ts';
import type { VaultProperties } from '../../src/azure/vault-access.ts';
import { vaultRights } from '../../src/up/vault-rights.ts';

const reads = (principalId: string): VaultProperties => ({
  enableRbacAuthorization: true,
  roleAssignments: [{ principalId, role: 'Key Vault Secrets User' }],
});
const vaults: Readonly<Record<string, VaultProperties>> = {
  own: reads('reader-of-own'),
  first: reads('reader-of-first'),
  policies: {
    enableRbacAuthorization: false,
    accessPolicies: [{ objectId: 'reader-of-policies', permissions: { secrets: ['get'] } }],
  },
};
const rights = vaultRights({
  known: () => ({
    vault: (name) => vaults[name],
    vaultsWithSecret: (name) => (name === 'shared' ? ['first', 'policies'] : []),
    identities: () => [{ principalId: 'any-identity' }],
  }),
  roleAssignments: [{ principalId: 'administrator', role: 'Key Vault Administrator' }],
  ownVault: 'own',
});

/** Whether somebody may read a secret, by the name of a vault or by the address of this machine. */
function mayRead(objectId: string, objectName: string, vaultName?: string): boolean {
  const caller = { objectId, clientId: objectId, issuer: 'https://issuer' };
  return rights({ vaultName, objectName }).some(
    (properties) => checkVaultAccess(properties, caller, 'secrets/get') === undefined,
  );
}

describe('rights in the vaults of a local cloud', () => {
  it('are those of the vault that is named, and of no other', () => {
    expect(mayRead('reader-of-first', 'shared', 'first')).toBe(true);
    expect(mayRead('reader-of-first', 'shared', 'own')).toBe(false);
    expect(mayRead('reader-of-first', 'shared', 'policies')).toBe(false);
    expect(mayRead('reader-of-policies', 'shared', 'policies')).toBe(true);
    expect(mayRead('administrator', 'shared', 'first')).toBe(true);
    expect(mayRead('administrator', 'shared', 'policies')).toBe(false);
  });

  it('are nobody’s in a vault that does not exist', () => {
    expect(mayRead('administrator', 'shared', 'missing')).toBe(false);
  });

  it('by the address of this machine are those of the vaults that a secret was written to, else of the home’s own', () => {
    expect([mayRead('reader-of-first', 'shared'), mayRead('reader-of-policies', 'shared')]).toEqual([true, true]);
    expect(mayRead('reader-of-own', 'shared')).toBe(false);
    expect([mayRead('reader-of-own', 'other'), mayRead('reader-of-first', 'other')]).toEqual([true, false]);
    expect(mayRead('administrator', 'shared')).toBe(true);
    expect(mayRead('any-identity', 'shared')).toBe(false);
  });

  it('let any identity ask for a release in vaults with roles: the policy of the key decides', () => {
    const caller = { objectId: 'any-identity', clientId: 'c', issuer: 'https://issuer' };
    const [first] = rights({ vaultName: 'first', objectName: 'key' });
    expect(checkVaultAccess(first, caller, 'keys/release')).toBeUndefined();
  });
});
