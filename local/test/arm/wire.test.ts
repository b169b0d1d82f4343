import { rm } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { listen } from '@holdfast/http';
import { afterEach, describe, expect, it } from 'vitest';

import { buildArmApp, createArmWorld } from '../../src/arm/index.ts';
import { openCertificateAuthority } from '../../src/azure/index.ts';
import { clientsFor, failureOf, fast, idIn, openArmCloud, SUBSCRIPTION, TENANT } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

const GROUP_URL = `/subscriptions/${SUBSCRIPTION}/resourcegroups/rg?api-version=2025-04-01`;

async function errorOf(response: Response): Promise<{ code: string; message: string; target?: string }> {
  return ((await response.json()) as { error: { code: string; message: string; target?: string } }).error;
}

describe('the wire of Azure Resource Manager', () => {
  let cloud: ArmCloud;
  afterEach(async () => cloud.close());

  it('answers with the headers that Azure sends and echoes the id of the client', async () => {
    cloud = await openArmCloud();
    const response = await cloud.raw('PUT', GROUP_URL, { location: 'eastus' }, { 'x-ms-client-request-id': 'mine' });
    expect(response.status).toBe(201);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('x-ms-client-request-id')).toBe('mine');
    expect(response.headers.get('x-ms-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('x-ms-correlation-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('x-ms-ratelimit-remaining-subscription-writes')).toBe('11999');
    expect(response.headers.get('date')).toBe(new Date(cloud.now).toUTCString());
  });

  it('routes without regard to case, doubled and trailing slashes, and an encoded key of the query', async () => {
    cloud = await openArmCloud();
    await cloud.raw('PUT', GROUP_URL, { location: 'eastus' });
    for (const path of [
      `/SUBSCRIPTIONS/${SUBSCRIPTION}/ResourceGroups/RG?api-version=2025-04-01`,
      `//subscriptions/${SUBSCRIPTION}/resourceGroups/rg?api-version=2025-04-01`,
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/?api%2Dversion=2025-04-01`,
    ]) {
      const response = await cloud.raw('GET', path);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg`,
        name: 'rg',
      });
    }
  });

  it('refuses a request without a version, with one that is none, and with one that the type does not have', async () => {
    cloud = await openArmCloud();
    const group = `/subscriptions/${SUBSCRIPTION}/resourcegroups/rg`;
    expect(await errorOf(await cloud.raw('GET', group))).toMatchObject({ code: 'MissingApiVersionParameter' });
    const none = await cloud.raw('GET', `${group}?api-version=newest`);
    expect([none.status, (await errorOf(none)).code]).toEqual([400, 'InvalidApiVersionParameter']);
    const old = await cloud.raw('GET', `${idIn('rg', 'Microsoft.KeyVault/vaults/v')}?api-version=2001-01-01`);
    expect([old.status, (await errorOf(old)).code]).toEqual([400, 'NoRegisteredProviderFound']);
  });

  it('refuses a property that the type does not have and names where it stands', async () => {
    cloud = await openArmCloud();
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
    const url = `${idIn('rg', 'Microsoft.Network/virtualNetworks/vnet')}?api-version=2024-05-01`;
    const response = await cloud.raw('PUT', url, {
      location: 'eastus',
      properties: { addressSpace: { addressPrefixes: ['10.0.0.0/8'] }, subnets: [{ name: 'a', adressPrefix: 'typo' }] },
    });
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({
      code: 'InvalidRequestContent',
      target: 'properties.subnets[0].adressPrefix',
    });
  });

  it('links the pages of a list on the host that the client sees, and clients follow', async () => {
    cloud = await openArmCloud({ settings: { pageSize: 2 } });
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await cloud.resources.resourceGroups.createOrUpdate(name, { location: 'eastus' });
    }
    const names: (string | undefined)[] = [];
    for await (const group of cloud.resources.resourceGroups.list()) names.push(group.name);
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
    const first = await cloud.raw('GET', `/subscriptions/${SUBSCRIPTION}/resourcegroups?api-version=2025-04-01`);
    expect(((await first.json()) as { nextLink: string }).nextLink).toMatch(/^https:\/\/management\.azure\.com\//);
  });

  it('refuses a bearer token that the authority does not vouch for, with a challenge', async () => {
    cloud = await openArmCloud({
      authorize: (header) =>
        header === 'Bearer good' ? { objectId: 'me' } : { refused: 'The access token is invalid.' },
    });
    const none = await cloud.raw('GET', GROUP_URL);
    expect([none.status, (await errorOf(none)).code]).toEqual([401, 'AuthenticationFailed']);
    expect(none.headers.get('www-authenticate')).toContain(`authorization_uri="https://login.windows.net/${TENANT}"`);
    const bad = await cloud.raw('GET', GROUP_URL, undefined, { authorization: 'Bearer bad' });
    expect((await errorOf(bad)).code).toBe('InvalidAuthenticationToken');
    const good = await cloud.raw('GET', GROUP_URL, undefined, { authorization: 'Bearer good' });
    expect((await errorOf(good)).code).toBe('ResourceGroupNotFound');
  });

  it('refuses a body that is no JSON object, and an unknown subscription, namespace and type', async () => {
    cloud = await openArmCloud();
    expect((await errorOf(await cloud.raw('PUT', GROUP_URL, ['list']))).code).toBe('InvalidRequestContent');
    const other = '/subscriptions/00000000-0000-0000-0000-00000000ffff/resourcegroups/rg?api-version=2025-04-01';
    expect((await errorOf(await cloud.raw('GET', other))).code).toBe('SubscriptionNotFound');
    await cloud.close();
    cloud = await openArmCloud({ anySubscription: true });
    expect((await errorOf(await cloud.raw('GET', other))).code).toBe('ResourceGroupNotFound');
    const at = (rest: string): string => `${idIn('rg', rest)}?api-version=2024-05-01`;
    expect((await errorOf(await cloud.raw('GET', at('Microsoft.Nothing/things/a')))).code).toBe(
      'InvalidResourceNamespace',
    );
    expect((await errorOf(await cloud.raw('GET', at('Microsoft.Network/things/a')))).code).toBe('InvalidResourceType');
  });
});

describe('over TLS with the local certificate authority', () => {
  it('the unmodified clients follow links and operations to the local address', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-arm-'));
    const authority = await openCertificateAuthority(folder);
    const { keyPem, certificatePem } = await authority.issueServerCertificate({ hosts: ['127.0.0.1'] });
    const world = createArmWorld({ subscriptions: [{ subscriptionId: SUBSCRIPTION, tenantId: TENANT }] });
    const app = buildArmApp(world, { tls: { key: keyPem, cert: certificatePem } });
    try {
      const endpoint = await listen(app, { host: '127.0.0.1', port: 0 });
      const clients = clientsFor({ endpoint, ca: authority.caPem });
      await clients.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
      expect((await clients.resources.resourceGroups.get('rg')).location).toBe('eastus');
      await clients.resources.resourceGroups.delete('rg', fast);
      expect((await failureOf(clients.resources.resourceGroups.get('rg'))).code).toBe('ResourceGroupNotFound');
    } finally {
      await app.close();
      await rm(folder, { recursive: true });
    }
  });
});
