import { describe, expect, it } from 'vitest';

import { parseServiceLinks, serviceLinkKey, writeServiceLinks } from '../../src/seed-files/service-links.ts';
import { parseServices, writeServices } from '../../src/seed-files/services.ts';
import { thrownBy } from '../operator-vectors.ts';

const service = {
  service_id: 7,
  site_id: 123,
  name: 'Warehouse',
  roles: ['MAPPER', 'SHARER'],
  link_id_regex: '^[A-Z]{2}[0-9]+$',
  disabled: false,
};
const link = { link_id: 'AB1', service_id: 7, site_id: 124, name: 'a link', roles: ['MAPPER'], disabled: true };

describe('services and service links', () => {
  it('are written as they are read', () => {
    expect(JSON.parse(writeServices(parseServices(JSON.stringify([service]))))).toEqual([service]);
    expect(JSON.parse(writeServiceLinks(parseServiceLinks(JSON.stringify([link]))))).toEqual([link]);
  });

  it('are enabled unless they say otherwise', () => {
    expect(parseServices('[{"service_id":1}]')).toMatchObject([{ disabled: false, roles: [] }]);
    expect(parseServiceLinks('[{"service_id":1,"link_id":"x"}]')).toMatchObject([{ disabled: false, roles: [] }]);
  });

  it('role names of services count exactly, those of links in any case', () => {
    for (const roles of [['mapper'], ['NO_SUCH_ROLE']]) {
      const error = thrownBy(() => parseServices(JSON.stringify([{ ...service, roles }])));
      expect(error).toMatchObject({ code: 'SEED_FILE_MALFORMED', details: { field: 'roles' } });
    }
    expect(parseServiceLinks(JSON.stringify([{ ...link, roles: ['Mapper', 'NO_SUCH_ROLE'] }]))[0]?.roles).toEqual([
      'MAPPER',
      'UNKNOWN',
    ]);
  });

  it('links are found by service and link id together', () => {
    expect(serviceLinkKey(7, 'AB1')).toBe('7_AB1');
  });
});
