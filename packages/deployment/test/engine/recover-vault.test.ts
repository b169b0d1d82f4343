import { Secret } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { apply, idOf } from '../../src/index.ts';
import type { AzureProblem, JsonObject } from '../../src/index.ts';
import type { FakeWorld } from '../../testing/index.ts';
import { configOf, resolved } from '../configs.ts';
import { endState, marker, runOf, scenarios, worldFor } from './worlds.ts';
import type { Scenario } from './worlds.ts';

const uid2 = scenarios[0] as Scenario;
const scope = { subscriptionId: resolved.subscriptionId, resourceGroup: 'my-vn-aks' };
const vaultId = idOf({ scope, type: 'Microsoft.KeyVault/vaults', name: 'my-vn-aks-vault' });

/** A world whose vault was deleted softly after an apply. */
async function withoutVault(): Promise<FakeWorld> {
  const world = worldFor(uid2);
  await apply(await runOf(world, uid2));
  world.azure.drop(vaultId);
  world.requests.revive();
  return world;
}

const rolesAt = (world: FakeWorld): readonly JsonObject[] =>
  [...world.azure.resources].flatMap(([id, resource]) =>
    id.startsWith(`${vaultId.toLowerCase()}/providers/microsoft.authorization/`) ? [resource] : [],
  );

describe('acceptance 9: a vault that was deleted softly', () => {
  it('stops an apply, which says how it can be brought back', async () => {
    const world = await withoutVault();
    await expect(apply(await runOf(world, uid2))).rejects.toMatchObject({
      code: 'DEPLOYMENT_FAILED',
      details: { azureCode: 'ConflictError' },
      action: expect.stringContaining('--recover-vault') as string,
    });
    expect(world.azure.get(vaultId)).toBeUndefined();
  });

  it('comes back on request with its secret, and its roles are made again', async () => {
    const world = await withoutVault();
    expect(rolesAt(world)).toEqual([]);
    await apply(await runOf(world, uid2, { recoverVault: true }));
    expect(rolesAt(world)).toHaveLength(1);
    expect([...world.azure.secrets.values()].flat().map(({ value }) => value)).toEqual([marker]);
    const fresh = worldFor(uid2);
    await apply(await runOf(fresh, uid2));
    expect(endState(world)).toEqual(endState(fresh));
  });

  it('gets another key when it comes back with an old one', async () => {
    const world = await withoutVault();
    await apply(await runOf(world, uid2, { recoverVault: true, operatorKey: new Secret('another') }));
    expect([...world.azure.secrets.values()].flat().map(({ value }) => value)).toEqual([marker, 'another']);
  });

  it('is not brought back into another group', async () => {
    const world = await withoutVault();
    const other: Scenario = { ...uid2, config: configOf('uid2-vn2', 'resourceGroup: {name: other}\n') };
    const failed = apply(await runOf(world, other, { recoverVault: true }));
    await expect(failed).rejects.toMatchObject({ code: 'VAULT_ELSEWHERE', details: { resourceId: vaultId } });
  });

  it('changes nothing about the request when none was deleted', async () => {
    const world = worldFor(uid2);
    await apply(await runOf(world, uid2, { recoverVault: true }));
    expect(world.requests.writes().some((write) => write.startsWith(`PUT ${vaultId}`))).toBe(false);
  });

  it('is something else than a name that a stranger has taken', async () => {
    const world = worldFor(uid2);
    const problem: AzureProblem = { code: 'VaultAlreadyExists', message: 'it is in use', path: ['DeploymentFailed'] };
    world.azure.failures.set('uid2-integ-s3', problem);
    await expect(apply(await runOf(world, uid2, { recoverVault: true }))).rejects.toMatchObject({
      details: { azureCode: 'VaultAlreadyExists' },
      action: expect.stringContaining('Choose another vault.name') as string,
    });
  });
});
