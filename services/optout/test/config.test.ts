import { hostname } from 'node:os';

import { replicaIdOfHostName } from '@holdfast/uid2';
import { expect, it } from 'vitest';

import { loadOptOutConfig } from '../src/config.ts';

const BASE = {
  core_attest_url: 'http://core.test/attest',
  core_api_token: 'canary-key',
  operators_metadata_path: 'http://core.test/operators/refresh',
  core_public_url: 'http://core.test',
  optout_url: 'http://optout.test',
  storage_folder: '/bucket',
  link_signing_key_file: '/link.key',
  att_token_enc_key: 'canary-passphrase',
  att_token_enc_salt: 'canary-salt',
};

const load = (env: Readonly<Record<string, string>> = {}) =>
  loadOptOutConfig({ env: { ...BASE, ...env }, configFile: undefined });

it('the defaults are those of the reference, but for the window', () => {
  expect(load()).toMatchObject({
    port: 8081,
    metrics_port: 9081,
    enforceJwt: true,
    optout_producer_max_replicas: 3,
    optout_delta_rotate_interval: 300,
    optout_partition_interval: 86_400,
    optout_max_partitions: 90,
    optout_delete_expired: true,
    optout_max_messages_per_file: 10_000,
    optout_sqs_max_queue_size: 0,
    optout_delta_job_timeout_seconds: 10_800,
    optout_observe_only: false,
    optout_partner_endpoint_mock: false,
    optout_sqs_delta_window_seconds: 0,
    cloud_refresh_interval: 60,
  });
  expect(JSON.stringify(load({ optout_internal_api_token: 'canary-token' }))).not.toContain('canary');
});

it('the replica number is the configured one, else the one the host name ends in where there are replicas', () => {
  const replica = (env: Readonly<Record<string, string>>): number => load(env).optout_producer_replica_id;
  const kubernetes = { KUBERNETES_SERVICE_HOST: '10.0.0.1', HOSTNAME: 'uid2-optout-2.uid2-optout.uid' };
  expect(replica({})).toBe(0);
  expect(replica(kubernetes)).toBe(2);
  expect(replica({ ...kubernetes, optout_producer_replica_id_offset: '10' })).toBe(12);
  expect(replica({ ...kubernetes, optout_producer_replica_id: '7' })).toBe(7);
  expect(replica({ HOSTNAME: 'uid2-optout-2' })).toBe(0);
  expect(replica({ KUBERNETES_SERVICE_HOST: 'x' })).toBe(replicaIdOfHostName(hostname()) ?? 0);
});

it('port_offset of the environment shifts all ports', () => {
  expect(load({ port_offset: '100' })).toMatchObject({ port: 8181, metrics_port: 9181 });
  expect(() => load({ port_offset: '99999' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

it('a traffic limit needs the object that stops production', () => {
  expect(() => load({ traffic_calc_config_path: '/limit.json' })).toThrow(
    expect.objectContaining({ problems: [expect.stringContaining('manual_override_s3_path')] }),
  );
  const both = { traffic_calc_config_path: '/limit.json', manual_override_s3_path: 'stop.json' };
  expect(load(both)).toMatchObject(both);
});
