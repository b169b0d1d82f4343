import { describe, expect, it } from 'vitest';

import {
  createService,
  createServiceLink,
  disableService,
  enableService,
  setServiceLinkEnabled,
} from '../../src/administration/index.ts';
import type { ServiceFields, ServiceLinkFields } from '../../src/administration/index.ts';
import { withSite, worldWithSite } from './world-fixture.ts';

const SERVICE: ServiceFields = { siteId: 3, name: 'Clean room', roles: ['MAPPER', 'SHARER'], linkIdRegex: 'acct-\\d+' };
const LINK: ServiceLinkFields = { serviceId: 1, linkId: 'acct-7', siteId: 4, name: 'Limpet', roles: ['MAPPER'] };

function withService() {
  return createService(withSite(worldWithSite(), 'Limpet'), SERVICE).world;
}

function withLink() {
  return createServiceLink(withService(), LINK).world;
}

describe('a new service', () => {
  it('gets the next id from 1 on', () => {
    const world = withService();
    expect(world.services).toMatchObject([{ serviceId: 1, disabled: false, linkIdRegex: 'acct-\\d+' }]);
    expect(createService(world, { ...SERVICE, linkIdRegex: '' }).result.serviceId).toBe(2);
  });

  it.each([
    ['a site that does not exist', { siteId: 9 }, 'ADMIN_RECORD_UNKNOWN'],
    ['a role of operators', { roles: ['OPERATOR'] }, 'ADMIN_VALUE_INVALID'],
    ['a broken expression', { linkIdRegex: '(' }, 'ADMIN_VALUE_INVALID'],
  ] as const)('is refused with %s', (_what, fields, code) => {
    expect(() => createService(worldWithSite(), { ...SERVICE, ...fields })).toThrow(expect.objectContaining({ code }));
  });
});

describe('a new service link', () => {
  it('is there', () => {
    expect(withLink().serviceLinks).toEqual([{ ...LINK, disabled: false }]);
  });

  it.each([
    ['a service that does not exist', { serviceId: 9 }, 'ADMIN_RECORD_UNKNOWN'],
    ['a site that does not exist', { siteId: 9 }, 'ADMIN_RECORD_UNKNOWN'],
    ['a link id that fits the expression in part only', { linkId: 'x acct-7' }, 'ADMIN_VALUE_INVALID'],
    ['a role that the service has not', { linkId: 'acct-8', roles: ['GENERATOR'] }, 'ADMIN_VALUE_INVALID'],
    ['a link id that is taken', {}, 'ADMIN_RECORD_EXISTS'],
  ] as const)('is refused with %s', (_what, fields, code) => {
    expect(() => createServiceLink(withLink(), { ...LINK, ...fields })).toThrow(expect.objectContaining({ code }));
  });

  it('may have any id where the service says nothing about it', () => {
    const { world } = createService(withService(), { ...SERVICE, linkIdRegex: '' });
    expect(createServiceLink(world, { ...LINK, serviceId: 2, linkId: 'anything' }).result.linkId).toBe('anything');
  });

  it('is disabled and enabled by service and link id', () => {
    const disabled = setServiceLinkEnabled(withLink(), 1, 'acct-7', false);
    expect(disabled).toMatchObject({ result: { disabled: true }, consequences: [expect.stringContaining('Limpet')] });
    expect(setServiceLinkEnabled(disabled.world, 1, 'acct-7', true).consequences).toEqual([]);
    expect(() => setServiceLinkEnabled(withLink(), 2, 'acct-7', false)).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_UNKNOWN' }),
    );
  });
});

describe('disabling a service', () => {
  it('disables its links with it, and says so', () => {
    const { world, consequences, result } = disableService(withLink(), 1);
    expect([world.services[0]?.disabled, world.serviceLinks[0]?.disabled]).toEqual([true, true]);
    expect([consequences, result.links]).toEqual([[expect.stringContaining('acct-7')], ['acct-7']]);
    expect(enableService(world, 1)).toMatchObject({
      result: { disabled: false },
      notes: [expect.stringContaining('acct-7')],
    });
  });

  it('without links cuts nobody off', () => {
    expect(disableService(withService(), 1).consequences).toEqual([]);
  });
});
