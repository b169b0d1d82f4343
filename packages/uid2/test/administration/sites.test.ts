import { describe, expect, it } from 'vitest';

import {
  createKeypair,
  createSite,
  disableSite,
  enableSite,
  setClientEnabled,
  updateSite,
} from '../../src/administration/index.ts';
import type { SiteFields } from '../../src/administration/index.ts';
import { emptyWorld, NAMING, NOW_SECONDS, testContext, withSite, worldWithSite } from './world-fixture.ts';

const FIELDS: SiteFields = { name: 'Kelp', clientTypes: [], domainNames: [], appNames: [] };

describe('a new site', () => {
  it('has id 3 in an empty world, then the highest plus one', () => {
    const { world, result } = createSite(emptyWorld(), FIELDS, testContext());
    expect(result).toMatchObject({ id: 3, enabled: true, visible: true, created: NOW_SECONDS });
    const far = { ...world, sites: [{ ...result, id: 999 }] };
    expect(createSite(far, { ...FIELDS, name: 'Other' }, testContext()).result.id).toBe(1000);
  });

  it('has its names trimmed, its domains in lower case and its types in order', () => {
    const { result } = createSite(
      emptyWorld(),
      {
        name: '  Kelp ',
        clientTypes: ['PUBLISHER', 'DSP'],
        domainNames: [' Kelp.Example. ', 'localhost'],
        appNames: [' app '],
      },
      testContext(),
    );
    expect(result).toMatchObject({
      name: 'Kelp',
      clientTypes: ['DSP', 'PUBLISHER'],
      domainNames: ['kelp.example', 'localhost'],
      appNames: ['app'],
    });
  });

  it.each([
    ['a taken name', { name: 'Kelp Media' }, 'ADMIN_RECORD_EXISTS'],
    ['a blank name', { name: ' ' }, 'ADMIN_VALUE_INVALID'],
    ['an address for a domain', { domainNames: ['https://kelp.example'] }, 'ADMIN_VALUE_INVALID'],
    ['an empty label', { domainNames: ['kelp..example'] }, 'ADMIN_VALUE_INVALID'],
    ['a domain given twice', { domainNames: ['kelp.example', 'KELP.example'] }, 'ADMIN_VALUE_INVALID'],
    ['an app given twice', { appNames: ['a', 'a'] }, 'ADMIN_VALUE_INVALID'],
    ['a blank app', { appNames: [''] }, 'ADMIN_VALUE_INVALID'],
  ])('is refused with %s', (_what, fields, code) => {
    expect(() => createSite(worldWithSite(), { ...FIELDS, ...fields }, testContext())).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

describe('an update of a site', () => {
  it('changes only what is given', () => {
    const { result, consequences } = updateSite(worldWithSite(), 3, { clientTypes: ['DSP'] });
    expect(result).toMatchObject({ name: 'Kelp Media', clientTypes: ['DSP'], domainNames: ['kelp.example'] });
    expect(consequences).toEqual([]);
  });

  it('may keep its own name, but not take that of another', () => {
    const world = withSite(worldWithSite(), 'Other');
    expect(updateSite(world, 3, { name: 'Kelp Media' }).result.name).toBe('Kelp Media');
    expect(() => updateSite(world, 3, { name: 'Other' })).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_EXISTS' }),
    );
  });

  it('that takes a domain away says whose pages lose their tokens, where a key pair is active', () => {
    const { world } = createKeypair(worldWithSite(), { siteId: 3, name: '', contact: '' }, NAMING, testContext());
    expect(updateSite(world, 3, { domainNames: [] }).consequences).toEqual([expect.stringContaining('kelp.example')]);
    expect(updateSite(worldWithSite(), 3, { domainNames: [] }).consequences).toEqual([]);
  });

  it('of a site that does not exist is refused', () => {
    expect(() => updateSite(emptyWorld(), 9, {})).toThrow(expect.objectContaining({ code: 'ADMIN_RECORD_UNKNOWN' }));
  });
});

describe('disabling a site', () => {
  it('disables its active client keys and key pairs with it, and says so', () => {
    const { world } = createKeypair(
      worldWithSite(['MAPPER'], ['GENERATOR']),
      { siteId: 3, name: '', contact: '' },
      NAMING,
      testContext(),
    );
    const change = disableSite(world, 3);
    expect(change.world.sites[0]?.enabled).toBe(false);
    expect(change.world.clients.every(({ disabled }) => disabled)).toBe(true);
    expect(change.world.clientSideKeypairs.every(({ disabled }) => disabled)).toBe(true);
    expect(change.consequences).toHaveLength(2);
    expect(change.consequences[0]).toContain('2 active client keys');
    expect(change.result.clients).toEqual(world.clients.map(({ keyId }) => keyId));
  });

  it('with no active key cuts nobody off and leaves the other stores untouched', () => {
    const world = setClientEnabled(worldWithSite(['MAPPER']), 'client 1', false).world;
    const change = disableSite(world, 3);
    expect(change.consequences).toEqual([]);
    expect(change.world.clients).toBe(world.clients);
    expect(change.world.clientSideKeypairs).toBe(world.clientSideKeypairs);
  });

  it('is undone for the site alone; its keys are named', () => {
    const { world } = disableSite(worldWithSite(['MAPPER']), 3);
    const change = enableSite(world, 3);
    expect(change.world.sites[0]?.enabled).toBe(true);
    expect(change.world.clients[0]?.disabled).toBe(true);
    expect(change.notes).toEqual([expect.stringContaining(world.clients[0]?.keyId ?? '?')]);
  });
});
