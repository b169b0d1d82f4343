import { describe, expect, it } from 'vitest';

import { createKeypair, setKeypairEnabled } from '../../src/administration/index.ts';
import { parseClientSideKeypairs, writeClientSideKeypairs } from '../../src/index.ts';
import { emptyWorld, NAMING, testContext, withSite, worldWithSite } from './world-fixture.ts';

const FIELDS = { siteId: 3, name: 'web', contact: 'it@kelp.example' };

describe('a new client-side key pair', () => {
  it('has an id of ten Base58 characters and keys that read back', () => {
    const { result, world } = createKeypair(worldWithSite(), FIELDS, NAMING, testContext());
    expect(result.subscriptionId).toMatch(/^[1-9A-HJ-NP-Za-km-z]{10}$/);
    expect(result.publicKey.startsWith('UID2-X-I-')).toBe(true);
    const [read] = parseClientSideKeypairs(writeClientSideKeypairs(world.clientSideKeypairs));
    expect(read?.publicKey).toBe(result.publicKey);
    expect(read?.privateKey.equals(result.privateKey)).toBe(true);
  });

  it('gives its site a keyset if it has none', () => {
    expect(createKeypair(worldWithSite(), FIELDS, NAMING, testContext()).world.keysets).toHaveLength(4);
    const equipped = worldWithSite(['GENERATOR']);
    expect(createKeypair(equipped, FIELDS, NAMING, testContext()).world.keysets).toBe(equipped.keysets);
  });

  it('says that nobody may use it while the site names no domains', () => {
    const world = withSite(emptyWorld(), 'Bare');
    expect(createKeypair(world, FIELDS, NAMING, testContext()).notes).toEqual([
      expect.stringContaining('ID_READER'),
      expect.stringContaining('no domains or apps'),
    ]);
  });

  it('gets another id when the first draw is taken', () => {
    const first = createKeypair(worldWithSite(), FIELDS, NAMING, testContext());
    const second = createKeypair(first.world, FIELDS, NAMING, testContext());
    expect(second.result.subscriptionId).not.toBe(first.result.subscriptionId);
  });
});

describe('disabling a key pair', () => {
  it('says whose pages get no tokens any more', () => {
    const { world, result } = createKeypair(worldWithSite(), FIELDS, NAMING, testContext());
    const disabled = setKeypairEnabled(world, result.subscriptionId, false);
    expect(disabled).toMatchObject({ result: { disabled: true }, consequences: [expect.stringContaining('site 3')] });
    expect(setKeypairEnabled(disabled.world, result.subscriptionId, true).consequences).toEqual([]);
    expect(() => setKeypairEnabled(world, 'nobody', false)).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_UNKNOWN' }),
    );
  });
});
