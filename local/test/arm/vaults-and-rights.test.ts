import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { vaultProperties } from '../../src/arm/index.ts';
import { failureOf, fast, openArmCloud, SUBSCRIPTION, TENANT } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg`;
const VAULT = `${GROUP}/providers/Microsoft.KeyVault/vaults/vault-1`;
const SECRETS_USER = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6`;
const ONE = '11111111-1111-4111-8111-111111111111';
const TWO = '22222222-2222-4222-8222-222222222222';
const PRINCIPAL = '99999999-9999-4999-8999-999999999999';

describe('vaults, identities and rights', () => {
  let cloud: ArmCloud;
  beforeEach(async () => {
    cloud = await openArmCloud();
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
  });
  afterEach(async () => cloud.close());

  const makeVault = (properties: object = {}, name = 'vault-1') =>
    cloud.vaults.vaults.createOrUpdate(
      'rg',
      name,
      {
        location: 'eastus',
        properties: {
          tenantId: TENANT,
          sku: { family: 'A', name: 'standard' },
          enableRbacAuthorization: true,
          ...properties,
        },
      },
      fast,
    );
  const assign = (name = ONE, principalId = PRINCIPAL, scope = VAULT) =>
    cloud.authorization.roleAssignments.create(scope, name, {
      roleDefinitionId: SECRETS_USER,
      principalId,
      principalType: 'ServicePrincipal',
    });

  describe('vaults', () => {
    it('say their address, and are being registered until somebody looks', async () => {
      cloud.world.settings.pace = { polls: 1 };
      const states: unknown[] = [];
      const onResponse = (raw: { parsedBody?: unknown }): void => {
        states.push((raw.parsedBody as { properties: { provisioningState: string } }).properties.provisioningState);
      };
      const parameters = {
        location: 'eastus',
        properties: { tenantId: TENANT, sku: { family: 'A' as const, name: 'standard' as const } },
      };
      const made = await cloud.vaults.vaults.createOrUpdate('rg', 'vault-1', parameters, { ...fast, onResponse });
      expect(states[0]).toBe('RegisteringDns');
      expect(made.properties.provisioningState).toBe('Succeeded');
      expect(made.properties.vaultUri).toBe('https://vault-1.vault.azure.net/');
      expect(made.properties.networkAcls).toMatchObject({ defaultAction: 'Allow', bypass: 'AzureServices' });
    });

    it('come back from deletion only when asked to, and hold their name meanwhile', async () => {
      await makeVault({ softDeleteRetentionInDays: 7 });
      await cloud.vaults.vaults.delete('rg', 'vault-1');
      expect(
        (await cloud.vaults.vaults.checkNameAvailability({ name: 'vault-1', type: 'Microsoft.KeyVault/vaults' }))
          .reason,
      ).toBe('AlreadyExists');
      expect(await failureOf(makeVault())).toMatchObject({ code: 'ConflictError', statusCode: 409 });
      const deleted = await cloud.vaults.vaults.getDeleted('vault-1', 'eastus');
      expect(deleted.properties?.vaultId).toBe(VAULT);
      expect(Number(deleted.properties?.scheduledPurgeDate) - Number(deleted.properties?.deletionDate)).toBe(
        7 * 86_400_000,
      );
      const back = await makeVault({ createMode: 'recover' });
      expect(back.properties.softDeleteRetentionInDays).toBe(7);
    });

    it('are purged, unless they are protected against that', async () => {
      await makeVault();
      await cloud.vaults.vaults.delete('rg', 'vault-1');
      await cloud.vaults.vaults.purgeDeleted('vault-1', 'eastus', fast);
      await makeVault({ enablePurgeProtection: true });
      await cloud.vaults.vaults.delete('rg', 'vault-1');
      expect((await failureOf(cloud.vaults.vaults.purgeDeleted('vault-1', 'eastus', fast))).statusCode).toBe(405);
    });

    it('keep what cannot be undone, and refuse names that are taken or wrong', async () => {
      await makeVault({ enablePurgeProtection: true });
      expect((await failureOf(makeVault({ enablePurgeProtection: false }))).code).toBe('BadRequest');
      expect((await makeVault()).properties.enablePurgeProtection).toBe(true);
      expect((await failureOf(makeVault({ softDeleteRetentionInDays: 8 }))).code).toBe('BadRequest');
      cloud.world.settings.takenVaultNames = ['taken'];
      expect((await failureOf(makeVault({}, 'Taken'))).code).toBe('VaultAlreadyExists');
      expect((await failureOf(makeVault({}, 'double--hyphen'))).code).toBe('VaultNameNotValid');
    });

    it('go into soft deletion with their group, and their assignments with them', async () => {
      await makeVault();
      await assign();
      await cloud.resources.resourceGroups.delete('rg', fast);
      expect((await cloud.vaults.vaults.getDeleted('vault-1', 'eastus')).name).toBe('vault-1');
      expect(cloud.world.store.ofType('Microsoft.Authorization/roleAssignments')).toEqual([]);
    });

    it('show secrets and keys as the vault has them, whoever wrote them there', async () => {
      await cloud.close();
      const version = '0123456789abcdef0123456789abcdef';
      cloud = await openArmCloud({
        effects: {
          vaultSecret: (vault, name) =>
            name === 'key'
              ? { version, contentType: vault, enabled: false, tags: { keyFingerprint: 'ff' } }
              : undefined,
          vaultKey: (_vault, name) => (name === 'rsa' ? { version, kty: 'RSA-HSM', enabled: true } : undefined),
        },
      });
      await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
      await makeVault();
      const secret = await cloud.vaults.secrets.get('rg', 'vault-1', 'key');
      expect(secret).toMatchObject({ tags: { keyFingerprint: 'ff' }, properties: { attributes: { enabled: false } } });
      expect(secret.properties?.secretUriWithVersion).toBe(`https://vault-1.vault.azure.net/secrets/key/${version}`);
      expect((await failureOf(cloud.vaults.secrets.get('rg', 'vault-1', 'other'))).code).toBe('ResourceNotFound');
      expect((await cloud.vaults.keys.get('rg', 'vault-1', 'rsa')).kty).toBe('RSA-HSM');
      expect((await failureOf(cloud.vaults.keys.get('rg', 'vault-1', 'other'))).code).toBe('ResourceNotFound');
    });

    it('tell their data plane who may do what, once a role has spread', async () => {
      cloud.world.settings.roleDelayMs = 60_000;
      await makeVault({ publicNetworkAccess: 'Disabled' });
      await assign(ONE, PRINCIPAL, GROUP);
      expect(vaultProperties(cloud.world, 'vault-1')?.roleAssignments).toEqual([]);
      cloud.now += 60_000;
      expect(vaultProperties(cloud.world, 'VAULT-1')).toMatchObject({
        enableRbacAuthorization: true,
        publicNetworkAccess: 'Disabled',
        roleAssignments: [{ principalId: PRINCIPAL, role: 'Key Vault Secrets User' }],
      });
      expect(vaultProperties(cloud.world, 'other')).toBeUndefined();
    });
  });

  describe('role assignments', () => {
    it('can be repeated, listed by principal and scope, and removed', async () => {
      await makeVault();
      await assign();
      await assign();
      await assign(TWO, PRINCIPAL, GROUP);
      const at = async (scope: string, filter: string): Promise<(string | undefined)[]> => {
        const names: (string | undefined)[] = [];
        for await (const { name } of cloud.authorization.roleAssignments.listForScope(scope, { filter }))
          names.push(name);
        return names;
      };
      expect(await at(VAULT, `assignedTo('${PRINCIPAL}')`)).toEqual([ONE, TWO]);
      expect(await at(GROUP, 'atScope()')).toEqual([TWO]);
      expect(await at(VAULT, `assignedTo('${ONE}')`)).toEqual([]);
      await cloud.authorization.roleAssignments.delete(VAULT, ONE);
      await cloud.authorization.roleAssignments.delete(VAULT, ONE);
      expect((await failureOf(cloud.authorization.roleAssignments.get(VAULT, ONE))).code).toBe(
        'RoleAssignmentNotFound',
      );
    });

    it('exist once, and cannot be given to somebody else', async () => {
      await makeVault();
      await assign();
      expect(await failureOf(assign(TWO))).toMatchObject({ code: 'RoleAssignmentExists', statusCode: 409 });
      expect((await failureOf(assign(ONE, ONE))).code).toBe('RoleAssignmentUpdateNotPermitted');
      expect((await failureOf(assign(TWO, ONE, `${VAULT}-none`))).code).toBe('ResourceNotFound');
    });

    it('fail while the directory does not know the principal yet', async () => {
      cloud.world.settings.principalNotFoundCalls = 2;
      const { principalId = '' } = await cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'id-1', {
        location: 'eastus',
      });
      await makeVault();
      for (let call = 0; call < 2; call += 1) {
        expect((await failureOf(assign(ONE, principalId))).code).toBe('PrincipalNotFound');
      }
      expect((await assign(ONE, principalId)).principalId).toBe(principalId);
    });

    it('need a right that the caller may lack', async () => {
      await makeVault();
      cloud.world.settings.permissions = [{ actions: ['*'], notActions: ['Microsoft.Authorization/*/Write'] }];
      expect(await failureOf(assign())).toMatchObject({ code: 'AuthorizationFailed', statusCode: 403 });
      const permissions = [];
      for await (const one of cloud.authorization.permissions.listForResourceGroup('rg')) permissions.push(one);
      expect(permissions).toMatchObject([{ actions: ['*'], notActions: ['Microsoft.Authorization/*/Write'] }]);
    });
  });

  it('identities keep their ids, and trust an issuer and subject once', async () => {
    const make = () => cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'id-1', { location: 'eastus' });
    const [first, second] = [await make(), await make()];
    expect(second.principalId).toBe(first.principalId);
    expect(first.tenantId).toBe(TENANT);
    const trust = (name: string) =>
      cloud.identities.federatedIdentityCredentials.createOrUpdate('rg', 'id-1', name, {
        issuer: 'https://issuer.example/',
        subject: 'system:serviceaccount:kafka:workload',
        audiences: ['api://AzureADTokenExchange'],
      });
    await trust('one');
    await trust('one');
    expect((await failureOf(trust('two'))).statusCode).toBe(409);
    const names: (string | undefined)[] = [];
    for await (const { name } of cloud.identities.federatedIdentityCredentials.list('rg', 'id-1')) names.push(name);
    expect(names).toEqual(['one']);
  });

  it('locks stand in the way of removals, or of every write', async () => {
    await makeVault();
    const lock = `${GROUP}/providers/Microsoft.Authorization/locks/keep`;
    const put = async (level: string): Promise<void> => {
      await cloud.raw('PUT', `${lock}?api-version=2020-05-01`, { properties: { level } });
    };
    await put('CanNotDelete');
    expect(await failureOf(cloud.vaults.vaults.delete('rg', 'vault-1'))).toMatchObject({ code: 'ScopeLocked' });
    expect((await failureOf(cloud.resources.resourceGroups.delete('rg', fast))).code).toBe('ScopeLocked');
    await makeVault();
    await put('ReadOnly');
    expect((await failureOf(makeVault())).code).toBe('ScopeLocked');
    expect((await cloud.raw('DELETE', `${lock}?api-version=2020-05-01`)).status).toBe(200);
    await cloud.vaults.vaults.delete('rg', 'vault-1');
  });
});
