import { describe, expect, it } from 'vitest';

import { bodyOf, keysetSnapshot, sample, SITE, textOf, World } from './world.ts';

describe('request metrics', () => {
  it('requests are counted by caller, route and status', async () => {
    const world = new World();
    await world.call('/v2/token/generate', { email: 'a@b.c' });
    await world.post('/v2/token/generate', 'x', { client: null });
    await world.post('/nowhere', 'x');
    const name = 'uid2_http_requests_total';
    const known = { api_contact: 'contact-0', site_id: String(SITE), status: '200', path: '/v2/token/generate' };
    expect(await sample(world, name, known)).toBe(1);
    expect(await sample(world, name, { site_id: 'null', status: '401', path: '/v2/token/generate' })).toBe(1);
    expect(await sample(world, name, { site_id: 'null', status: '404', path: 'unknown' })).toBe(1);
  });

  it('the addresses of load balancers are masked, and hosts that callers invent cannot fill memory', async () => {
    const world = new World();
    await world.app.inject({ url: '/ops/healthcheck', headers: { host: '10.1.2.3' } });
    for (let index = 0; index < 150; index += 1) {
      await world.app.inject({ url: '/ops/healthcheck', headers: { host: `host-${index}.example` } });
    }
    expect(await sample(world, 'uid2_http_requests_total', { host: '10.x.x.x' })).toBe(1);
    expect(await sample(world, 'uid2_http_requests_total', { host: 'other' })).toBe(51);
  });

  it('token outcomes carry endpoint, status and platform', async () => {
    const world = new World();
    const name = 'uid2_token_response_status_count_total';
    await world.call('/v2/token/generate', { email: 'a@b.c' }, { headers: { 'x-uid2-client-version': 'Android-1' } });
    await world.call('/v2/token/generate', { email: 'optout@example.com' }, { headers: { origin: 'https://a.b' } });
    await world.call('/v2/token/generate', { email: 'nonsense' });
    world.keysets = keysetSnapshot([], [], (id) => id !== 101);
    await world.call('/v2/token/generate', { email: 'a@b.c' });
    world.salts = [];
    await world.call('/v2/token/generate', { email: 'a@b.c' });
    const generate = { token_endpoint: 'GenerateV2', site_id: String(SITE), site_name: 'unknown', cstg: 'false' };
    const success = { token_response_status: 'Success', advertising_token_version: 'V4', platform_type: 'InApp' };
    expect(await sample(world, name, { ...generate, ...success })).toBe(1);
    const optOut = {
      token_response_status: 'OptOut',
      advertising_token_version: 'null',
      platform_type: 'HasOriginHeader',
    };
    expect(await sample(world, name, { ...generate, ...optOut })).toBe(1);
    expect(await sample(world, name, { ...generate, token_response_status: 'NoActiveKey' })).toBe(1);
    expect(await sample(world, name, { ...generate, token_response_status: 'MissingParams' })).toBe(1);
    expect(await sample(world, 'uid2_site_keyset_status_total', { status: 'site_keyset_found' })).toBe(2);
  });

  it('refreshes count tokens in and out, age and expiry', async () => {
    const world = new World();
    const wrapped = textOf(bodyOf(await world.call('/v2/token/generate', { email: 'a@b.c' })), 'refresh_token');
    world.nowMs += 4_000_000;
    const headers = { 'x-uid2-client-version': 'uid2-sdk-4' };
    expect((await world.post('/v2/token/refresh', wrapped, { headers })).statusCode).toBe(200);
    const site = { site_id: String(SITE) };
    expect(
      await sample(world, 'uid2_refresh_token_received_count_total', { ...site, refresh_token_version: 'v3' }),
    ).toBe(1);
    expect(await sample(world, 'uid2_refresh_token_served_count_total', site)).toBe(2);
    expect(await sample(world, 'uid2_token_refresh_duration_seconds_sum', site)).toBe(4000);
    expect(
      await sample(world, 'uid2_advertising_token_expired_on_refresh_total', { ...site, is_expired: 'true' }),
    ).toBe(1);
    expect(await sample(world, 'uid2_client_sdk_versions_total', { ...site, client_version: 'uid2-sdk-4' })).toBe(1);
  });

  it('maps count inputs by kind, what was left out, and raw UIDs by version', async () => {
    const world = new World();
    await world.call('/v2/identity/map', { email: ['test@uid2.com', 'x', 'y', 'optout@example.com'] });
    const labels = { api_contact: 'contact-0', path: '/v2/identity/map' };
    expect(await sample(world, 'uid2_operator_identity_map_inputs_sum', { ...labels, dii_type: 'email' })).toBe(4);
    const unmapped = 'uid2_operator_identity_map_unmapped_total';
    expect(await sample(world, unmapped, { ...labels, reason: 'invalid' })).toBe(2);
    expect(await sample(world, unmapped, { ...labels, reason: 'optout' })).toBe(1);
    expect(await sample(world, 'uid2_operator_identity_map_unmapped_requests_total', labels)).toBe(1);
    expect(await sample(world, 'uid2_raw_uid_version_total', { version: 'v4' })).toBe(1);
  });

  it('token validation is counted by result', async () => {
    const world = new World();
    const token = textOf(bodyOf(await world.call('/v2/token/generate', { email: 'a@b.c' })), 'advertising_token');
    await world.call('/v2/token/validate', { email: 'a@b.c', token });
    await world.call('/v2/token/validate', { email: 'x@b.c', token });
    await world.call('/v2/token/validate', { email: 'a@b.c' });
    await world.call('/v2/token/validate', {});
    for (const result of ['match', 'mismatch', 'invalid_token', 'invalid_input']) {
      expect(await sample(world, 'uid2_token_validate_total', { site_id: String(SITE), result })).toBe(1);
    }
  });
});
