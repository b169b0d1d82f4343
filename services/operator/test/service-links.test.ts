import type { ServiceLinkRecord, ServiceRecord } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { bodyOf, errorText, sample, World } from './world.ts';
import type { Reply, TestClient } from './world.ts';

const V2 = '/v2/identity/map';
const V3 = '/v3/identity/map';
const REFUSED = [401, errorText('unauthorized', 'Invalid link_id')];

const service: ServiceRecord = {
  serviceId: 7,
  siteId: 1,
  name: 'Warehouse',
  roles: ['MAPPER'],
  linkIdRegex: '',
  disabled: false,
};
const link: ServiceLinkRecord = {
  linkId: 'AB1',
  serviceId: 7,
  siteId: 1,
  name: 'the link',
  roles: ['MAPPER'],
  disabled: false,
};

/** A world in which one client is service 7 and one participant gave it a link. */
function linkedWorld(overrides: Partial<ServiceLinkRecord> = {}): {
  readonly world: World;
  readonly client: TestClient;
} {
  const world = new World({ serviceLinks: true });
  world.services = [service];
  world.serviceLinks = [{ ...link, ...overrides }];
  return { world, client: world.addClient({ serviceId: 7, name: 'the client' }) };
}

const answerOf = ({ status, text }: Reply): readonly [number, string] => [status, text];

describe('service links', () => {
  it('a service maps with a valid link, and log and metrics say for whom', async () => {
    const { world, client } = linkedWorld();
    const email = ['user@example.com', 'nonsense', 'optout@example.com'];
    const answer = await world.call(V2, { email, link_id: 'AB1' }, { client });
    expect(bodyOf(answer)['mapped']).toHaveLength(1);
    const tags = { service_name: 'the client', service_link_name: 'the link', path: V2 };
    const unmapped = 'uid2_operator_identity_map_services_unmapped_total';
    expect(await sample(world, 'uid2_operator_identity_map_services_inputs_sum', { ...tags, dii_type: 'email' })).toBe(
      3,
    );
    expect(await sample(world, unmapped, { ...tags, reason: 'invalid' })).toBe(1);
    expect(await sample(world, unmapped, { ...tags, reason: 'optout' })).toBe(1);
  });

  it('the error log names link and service', async () => {
    const { world, client } = linkedWorld();
    world.services = [];
    await world.call(V2, { email: ['user@example.com'], link_id: 'AB1' }, { client });
    expect(JSON.parse(world.logLines.at(-1) ?? '{}')).toMatchObject({
      service_name: 'the client',
      service_link_name: 'the link',
    });
  });

  it.for<[string, Partial<ServiceLinkRecord>]>([
    ['is unknown', { linkId: 'other' }],
    ['belongs to another service', { serviceId: 8 }],
    ['is disabled', { disabled: true }],
    ['does not allow mapping', { roles: ['SHARER'] }],
  ])('a link that %s is refused, as an error in the log', async ([, overrides]) => {
    const { world, client } = linkedWorld(overrides);
    const answer = await world.call(V2, { email: ['user@example.com'], link_id: 'AB1' }, { client });
    expect(answerOf(answer)).toEqual(REFUSED);
    expect(JSON.parse(world.logLines.at(-1) ?? '{}')).toMatchObject({ level: 'error', message: 'Invalid link_id' });
  });

  it('a link of null is refused, no link at all is not', async () => {
    const { world, client } = linkedWorld();
    const email = ['user@example.com'];
    expect(answerOf(await world.call(V2, { email, link_id: null }, { client }))).toEqual(REFUSED);
    expect((await world.call(V2, { email }, { client })).status).toBe(200);
    expect((await world.call(V3, { email }, { client })).status).toBe(200);
    expect(await world.metricsText()).not.toContain('uid2_operator_identity_map_services_inputs_sum{');
  });

  it('version 3 cannot name a link', async () => {
    const { world, client } = linkedWorld();
    const answer = await world.call(V3, { email: [], link_id: 'AB1' }, { client });
    expect(answerOf(answer)).toEqual([400, errorText('client_error', 'Incorrect request format')]);
  });

  it('a valid link of a service that does not exist is a failure of the server, a disabled service is none', async () => {
    const { world, client } = linkedWorld();
    const payload = { email: ['user@example.com'], link_id: 'AB1' };
    world.services = [{ ...service, disabled: true }];
    expect((await world.call(V2, payload, { client })).status).toBe(200);
    world.services = [];
    expect(answerOf(await world.call(V2, payload, { client }))).toEqual([
      500,
      errorText('unknown', 'Unknown error while mapping identity v2'),
    ]);
  });

  it.for([V2, V3])('without links no service may use %s', async (path) => {
    const world = new World();
    const client = world.addClient({ serviceId: 7 });
    expect(answerOf(await world.call(path, { email: ['user@example.com'] }, { client }))).toEqual(REFUSED);
  });

  it('clients that are no service need no link', async () => {
    const { world } = linkedWorld();
    expect((await world.call(V2, { email: ['user@example.com'], link_id: 'nonsense' })).status).toBe(200);
  });
});
