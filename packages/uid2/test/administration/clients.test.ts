import { toBase64 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import {
  createClient,
  createService,
  disableSite,
  rotateClient,
  setClientEnabled,
  updateClient,
} from '../../src/administration/index.ts';
import type { ClientFields, World } from '../../src/administration/index.ts';
import { AuthorizableStore } from '../../src/index.ts';
import { fixedBytes } from '../fixed-random.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';
import { NAMING, NOW, NOW_SECONDS, testContext, withSite, worldWithSite } from './world-fixture.ts';

const FIELDS: ClientFields = { name: 'Backend', siteId: 3, roles: ['MAPPER'], serviceId: 0 };

function create(world: World, fields: Partial<ClientFields> = {}, seed = 'create') {
  return createClient(world, { ...FIELDS, ...fields }, NAMING, testContext(seed));
}

describe('a new client', () => {
  it('is found by its key, which no record holds', () => {
    const { world, result } = create(worldWithSite(['GENERATOR']));
    const store = new AuthorizableStore();
    store.replace(world.clients);
    expect(store.find(result.key)).toBe(result.client);
    expect(toBase64(result.client.secret.export())).toBe(result.secret);
    expect(JSON.stringify(world)).not.toContain(result.key);
  });

  it('is named after its site and key id, and is active', () => {
    const { client, key } = create(worldWithSite()).result;
    expect(client).toMatchObject({ siteId: 3, disabled: false, serviceId: 0, created: NOW_SECONDS, name: 'Backend' });
    expect(key).toMatch(/^UID2-C-I-3-.{6}\..{38}$/);
    expect(client.keyId).toBe(key.slice(0, 'UID2-C-I-3-'.length + 5));
    expect(client.contact).toBe(`Kelp Media_${client.keyId}`);
  });

  it('gets another key when the id of the first draw is taken', () => {
    const world = worldWithSite();
    const first = create(world, {}, 'same');
    const second = create(first.world, {}, 'same');
    expect(second.result.client.keyId).not.toBe(first.result.client.keyId);
  });

  it.each([
    [['GENERATOR', 'SHARER'], undefined],
    [['SHARER'], new Set()],
  ] as const)('with the roles %j gives its site a keyset with an active key', (roles, allowed) => {
    const { world, result } = create(worldWithSite(), { roles });
    expect(result.keyset).toMatchObject({ id: 4, siteId: 3, allowedSites: allowed, enabled: true, isDefault: true });
    expect(world.keysetKeys.at(-1)).toMatchObject({ id: 4, keysetId: 4, activatesSeconds: NOW_SECONDS });
  });

  it('makes no keyset where there is one, or where its roles need none', () => {
    expect(create(worldWithSite()).result.keyset).toBeUndefined();
    expect(create(worldWithSite(['GENERATOR']), { roles: ['GENERATOR'] }).result.keyset).toBeUndefined();
  });

  it('says that private operators of other sites do not get the keys of an open keyset', () => {
    expect(create(worldWithSite(), { roles: ['GENERATOR'] }).notes).toEqual([
      expect.stringContaining('private operators'),
    ]);
  });

  it.each([
    ['a site that does not exist', { siteId: 9 }, 'ADMIN_RECORD_UNKNOWN'],
    ['a service that does not exist', { serviceId: 7 }, 'ADMIN_RECORD_UNKNOWN'],
    ['no role', { roles: [] }, 'ADMIN_VALUE_INVALID'],
    ['a role of operators', { roles: ['OPERATOR'] }, 'ADMIN_VALUE_INVALID'],
    ['a blank name', { name: '' }, 'ADMIN_VALUE_INVALID'],
  ] as const)('is refused with %s', (_what, fields, code) => {
    expect(() => create(worldWithSite(), fields)).toThrow(expect.objectContaining({ code }));
  });

  it('is refused for a site that is disabled', () => {
    expect(() => create(disableSite(worldWithSite(), 3).world)).toThrow(
      expect.objectContaining({ code: 'ADMIN_SITE_DISABLED' }),
    );
  });
});

describe.skipIf(!hasVectors)('the key of a client', () => {
  const vector = coreVector<{ random_bytes_hex: string; client_key: string; client_key_id: string }>(
    'key-format-computed',
  );

  it('has the form of the reference', () => {
    const world = { ...worldWithSite(), sites: worldWithSite().sites.map((site) => ({ ...site, id: 42 })) };
    const randomBytes = fixedBytes(Buffer.from(vector.random_bytes_hex, 'hex'));
    const { result } = createClient(world, { ...FIELDS, siteId: 42 }, NAMING, { now: NOW, randomBytes });
    expect([result.key, result.client.keyId]).toEqual([vector.client_key, vector.client_key_id]);
  });
});

describe('disabling a client', () => {
  it('is no matter while its site has another active key', () => {
    const { consequences, result } = setClientEnabled(worldWithSite(['MAPPER'], ['MAPPER']), 'client 1', false);
    expect([consequences, result.disabled]).toEqual([[], true]);
  });

  it('says that the site is cut off when it was the last', () => {
    const world = setClientEnabled(worldWithSite(['MAPPER'], ['MAPPER']), 'client 1', false).world;
    expect(setClientEnabled(world, 'client 2', false).consequences).toEqual([expect.stringContaining('site 3')]);
    expect(setClientEnabled(world, 'client 1', false).consequences).toEqual([]);
  });

  it('takes a key id, a contact or a name, and refuses a name that several have', () => {
    const world = worldWithSite(['MAPPER'], ['GENERATOR']);
    const [first] = world.clients;
    for (const name of [first?.keyId, first?.contact, first?.name]) {
      expect(setClientEnabled(world, name ?? '', false).result.keyHash).toBe(first?.keyHash);
    }
    const twins = { ...world, clients: world.clients.map((client) => ({ ...client, name: 'twin' })) };
    expect(() => setClientEnabled(twins, 'twin', false)).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_AMBIGUOUS' }),
    );
    expect(() => setClientEnabled(world, 'nobody', false)).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_UNKNOWN' }),
    );
  });
});

describe('updating a client', () => {
  it('says which requests it loses with a role', () => {
    const { consequences, result } = updateClient(
      worldWithSite(['MAPPER', 'GENERATOR']),
      'client 1',
      { roles: ['GENERATOR'] },
      testContext(),
    );
    expect([result.roles, consequences]).toEqual([['GENERATOR'], [expect.stringContaining('MAPPER')]]);
  });

  it('makes the keyset that a new role needs', () => {
    const { world } = updateClient(
      worldWithSite(['MAPPER']),
      'client 1',
      { roles: ['MAPPER', 'SHARER'] },
      testContext(),
    );
    expect(world.keysets.at(-1)).toMatchObject({ siteId: 3, allowedSites: new Set() });
  });

  it('refuses a contact that another client has', () => {
    const world = worldWithSite(['MAPPER'], ['MAPPER']);
    const contact = world.clients[1]?.contact ?? '';
    expect(() => updateClient(world, 'client 1', { contact }, testContext())).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_EXISTS' }),
    );
  });

  it('may make it act as a service', () => {
    const { world, result } = createService(worldWithSite(['MAPPER']), {
      siteId: 3,
      name: 'S',
      roles: ['MAPPER'],
      linkIdRegex: '',
    });
    const updated = updateClient(world, 'client 1', { serviceId: result.serviceId }, testContext());
    expect(updated.result.serviceId).toBe(1);
  });
});

describe('rotating a client key', () => {
  it('gives a second key like the first, which keeps working', () => {
    const world = worldWithSite(['MAPPER', 'SHARER']);
    const { result, world: next, consequences, notes } = rotateClient(world, 'client 1', false, NAMING, testContext());
    expect(result.client).toMatchObject({ name: 'client 1', siteId: 3, roles: ['MAPPER', 'SHARER'], disabled: false });
    expect(next.clients.map(({ disabled }) => disabled)).toEqual([false, false]);
    expect(consequences).toEqual([]);
    expect(notes).toEqual([expect.stringContaining('works until it is disabled')]);
  });

  it('stops the old key at once when told to, which cuts its holder off', () => {
    const { world, result, consequences } = rotateClient(
      withSite(worldWithSite(['MAPPER']), 'Other'),
      'client 1',
      true,
      NAMING,
      testContext(),
    );
    expect(world.clients.map(({ disabled }) => disabled)).toEqual([true, false]);
    expect(result.previous.disabled).toBe(true);
    expect(consequences).toHaveLength(1);
  });
});
