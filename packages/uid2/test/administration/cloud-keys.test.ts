import { createSecretKey } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { createOperator, rotateCloudKeys } from '../../src/administration/index.ts';
import type { World } from '../../src/administration/index.ts';
import type { CloudEncryptionKey } from '../../src/index.ts';
import { NAMING, NOW_SECONDS, testContext, withSite, worldWithSite } from './world-fixture.ts';

function withOperator(world: World, siteId: number): World {
  const fields = {
    name: `operator ${siteId}`,
    protocol: 'azure-cc' as const,
    siteId,
    operatorType: 'PRIVATE' as const,
    roles: [],
  };
  return createOperator(world, fields, NAMING, testContext()).world;
}

function key(id: number, siteId: number, activates: number): CloudEncryptionKey {
  return { id, siteId, activates, created: activates, secret: createSecretKey(new Uint8Array(32).fill(id)) };
}

describe('a rotation of cloud encryption keys', () => {
  it('adds one per site that activates in an hour, with ids above all there are', () => {
    const world = withOperator(withOperator(withSite(worldWithSite(), 'Other'), 3), 4);
    const { result, world: next } = rotateCloudKeys(world, testContext());
    expect(result.added).toMatchObject([
      { id: 3, siteId: 3, activates: NOW_SECONDS + 3600, created: NOW_SECONDS },
      { id: 4, siteId: 4, activates: NOW_SECONDS + 3600 },
    ]);
    expect(next.cloudEncryptionKeys.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  });

  it('keeps the ten keys that activate last', () => {
    const keys = Array.from({ length: 12 }, (_, index) => key(index + 1, 3, 1000 - index));
    const world = { ...withOperator(worldWithSite(), 3), cloudEncryptionKeys: keys };
    const { result, world: next } = rotateCloudKeys(world, testContext());
    expect(result.removed.map(({ id }) => id)).toEqual([11, 12]);
    expect(next.cloudEncryptionKeys.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13]);
  });

  it('takes the keys of sites without operators, and counts disabled operators', () => {
    const base = withOperator(worldWithSite(), 3);
    const disabled = base.operators.map((operator) => ({ ...operator, disabled: true }));
    const world = { ...base, operators: disabled, cloudEncryptionKeys: [key(1, 3, 1), key(2, 9, 1)] };
    const { result } = rotateCloudKeys(world, testContext());
    expect([result.removed.map(({ siteId }) => siteId), result.added.map(({ siteId }) => siteId)]).toEqual([[9], [3]]);
  });

  it('gives a site without a key one that is active now as well', () => {
    const world = { ...withOperator(worldWithSite(), 3), cloudEncryptionKeys: [] };
    const { world: next } = rotateCloudKeys(world, testContext());
    expect(next.cloudEncryptionKeys.map(({ activates }) => activates - NOW_SECONDS)).toEqual([0, 3600]);
  });

  it('is refused while an operator belongs to no site', () => {
    const base = withOperator(worldWithSite(), 3);
    const world = { ...base, operators: base.operators.map((operator) => ({ ...operator, siteId: undefined })) };
    expect(() => rotateCloudKeys(world, testContext())).toThrow(
      expect.objectContaining({ code: 'ADMIN_OPERATOR_SITE_MISSING' }),
    );
  });
});
