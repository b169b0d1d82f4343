import { randomBytes } from 'node:crypto';

import { encryptCloudFile, parseCloudEncryptionKeys } from '@holdfast/uid2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { keypairTexts, ORIGIN, sealAsClient, SUBSCRIPTION } from './client-side-world.ts';
import { OperatorProcess } from './operator-process.ts';

const HOUR = 3_600_000;
const RARE = {
  auth_refresh_ms: String(HOUR),
  keyset_refresh_ms: String(HOUR),
  keysetkey_refresh_ms: String(HOUR),
  salt_refresh_ms: String(HOUR),
  site_refresh_ms: String(HOUR),
  client_side_keypairs_refresh_ms: String(HOUR),
  service_refresh_ms: String(HOUR),
  service_link_refresh_ms: String(HOUR),
  config_scan_period_ms: String(HOUR),
  cloud_refresh_interval: '3600',
};
const PUBLIC = { ...RARE, operator_type: 'public', client_side_token_generate: 'true', validate_service_links: 'true' };

const CONTENT = {
  sites: [{ id: 2, name: 'Publisher', enabled: true, domain_names: ['example.com'] }],
  client_side_keypairs: [{ subscription_id: SUBSCRIPTION, ...keypairTexts, site_id: 2 }],
  services: [{ service_id: 7, site_id: 2, name: 'Warehouse', roles: ['MAPPER'], link_id_regex: '' }],
  service_links: [{ service_id: 7, link_id: 'AB1', site_id: 2, name: 'link', roles: ['MAPPER'] }],
};

const cloudKeys = [{ id: 7, siteId: 42, activates: 1, created: 1, secret: randomBytes(32).toString('base64') }];

let operator: OperatorProcess;

function publish(member: keyof typeof CONTENT, version = 1, content: unknown = CONTENT[member]): void {
  const { core } = operator;
  const path = `/${member}/refresh`;
  core.json(path, { version, generated: 1, [member]: { location: `${core.url}/files/${member}?sig=1` } });
  core.json(`/files/${member}`, content);
}

beforeEach(async () => {
  operator = await OperatorProcess.create();
  for (const member of Object.keys(CONTENT) as (keyof typeof CONTENT)[]) publish(member);
});

afterEach(async () => {
  await operator.stop();
});

async function clientGenerate(): Promise<number> {
  const { body } = sealAsClient(operator.time.now(), { email_hash: 'tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ=' });
  const url = `${operator.running.addresses['http']}/v2/token/client-generate`;
  return (await fetch(url, { method: 'POST', body, headers: { origin: ORIGIN } })).status;
}

describe('metrics of stores', () => {
  it('say which keys are in use, how long refreshes take, and which opt-out files came in', async () => {
    await operator.startServing(RARE);
    const { body } = await operator.get('/metrics', 'metrics');
    expect(body).toMatch(/uid2_encryption_key_activates\{site_id="-1".*\} 1/);
    expect(body).toMatch(/uid2_encryption_key_activates\{site_id="2".*\} 1/);
    expect(body).toMatch(/uid2_store_refresh_duration_seconds_count\{store_name="salt".*\} 1/);
    expect(body).toMatch(/uid2_optout_deltas_indexed_total(\{.*\})? 1/);
    expect(body).toMatch(/uid2_optout_partitions_indexed_total(\{.*\})? 0/);
    expect(body).toMatch(/uid2_optout_index_updated_total(\{.*\})? 1/);
  });
});

describe('a public operator', () => {
  it('loads sites, key pairs, services and links, and serves browsers', async () => {
    await operator.startServing(PUBLIC);
    expect(await operator.status()).toMatchObject({
      stores: {
        site: { loaded: true, entries: 1 },
        client_side_keypairs: { loaded: true, entries: 1 },
        service: { loaded: true, entries: 1 },
        service_link: { loaded: true, entries: 1 },
      },
    });
    expect(await clientGenerate()).toBe(200);
    expect((await operator.get('/metrics', 'metrics')).body).toMatch(
      /uid2_token_response_status_count_total\{[^}]*site_name="Publisher"[^}]*token_endpoint="ClientSideTokenGenerateV2"/,
    );
  });

  it('does not open its port while one of them is missing', async () => {
    operator.core.status('/files/client_side_keypairs', 500);
    await operator.start(PUBLIC);
    await operator.until(() => operator.log.some((line) => line.includes('Failed client_side_keypairs loading')));
    expect(operator.listening).toBe(false);
    expect((await operator.get('/ops/healthcheck', 'metrics')).body).toContain('client_side_keypairs-rotator: ');
    publish('client_side_keypairs');
    await operator.advance(HOUR);
    await operator.until(() => operator.listening);
  });

  it('takes changes while it runs, and keeps the old when the new are damaged', async () => {
    await operator.startServing(PUBLIC);
    publish('client_side_keypairs', 2, [{ subscription_id: SUBSCRIPTION, private_key: 'x' }]);
    await operator.advance(HOUR);
    expect(await clientGenerate()).toBe(200);
    publish('client_side_keypairs', 3, [{ ...CONTENT.client_side_keypairs[0], disabled: true }]);
    await operator.advance(HOUR);
    expect(await clientGenerate()).toBe(401);
  });

  it('reads encrypted sites and key pairs; services and links are never encrypted', async () => {
    const { core } = operator;
    const [key] = parseCloudEncryptionKeys(JSON.stringify(cloudKeys));
    if (key === undefined) throw new Error('no key');
    const encrypted = ['client_keys', 'keysets', 'keyset_keys', 'salts', 'sites', 'client_side_keypairs'];
    for (const path of encrypted.map((member) => `/files/${member}`)) {
      const clear = (await core.routes.get(path)?.(core.requests[0] as never))?.body ?? '';
      core.bytes(path, encryptCloudFile(Buffer.from(clear), key, randomBytes));
    }
    core.json('/cloud_encryption_keys/retrieve', { cloud_encryption_keys: cloudKeys });
    await operator.startServing({ ...PUBLIC, encrypted_files: 'true' });
    expect(await clientGenerate()).toBe(200);
    expect(await operator.status()).toMatchObject({ stores: { service_link: { entries: 1 } } });
    const metrics = (await operator.get('/metrics', 'metrics')).body;
    for (const store of ['sites', 'salts', 'client_keys']) {
      expect(metrics).toMatch(
        new RegExp(`uid2_cloud_decryption_runs_total\\{key_id="7",store="${store}",status="SUCCESS".*\\} 1`),
      );
    }
    expect(metrics).not.toMatch(/uid2_cloud_decryption_runs_total\{[^}]*service/);
  });

  it('without the switches asks for none of them', async () => {
    await operator.startServing({ ...RARE, operator_type: 'public' });
    const asked = operator.core.requests.map(({ path }) => path).filter((path) => /site|side|service/.test(path));
    expect(asked).toEqual([]);
    expect(await clientGenerate()).toBe(404);
  });
});
