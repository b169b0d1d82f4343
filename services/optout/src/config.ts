import { hostname } from 'node:os';

import { Secret } from '@holdfast/base';
import { loadConfig, shiftPort } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { oneBucket, storageSettings } from '@holdfast/storage';
import { replicaIdOfHostName } from '@holdfast/uid2';
import { z } from 'zod';

const port = z.number().int().min(-1).max(65_535);
const seconds = z.number().int().positive().max(86_400);
const url = z.url({ protocol: /^https?$/ });
const secret = z
  .string()
  .min(1)
  .transform((text) => new Secret(text))
  .meta({ secret: true });

/** Every setting, under the name it has in the environment and in the configuration file. */
export const configSchema = z
  .object({
    host: z.string().default('0.0.0.0').meta({ description: 'Address to listen on.' }),
    port: port.min(0).default(8081).meta({ description: 'Port of the API; 0 takes any free port.' }),
    metrics_port: port.default(9081).meta({ description: 'Port of GET /metrics; 0 any free port, -1 no listener.' }),

    core_attest_url: url.meta({ description: 'Full URL of POST /attest at Core.' }),
    core_api_token: secret.meta({
      description: 'Key of this service at Core; its record has the role OPTOUT_SERVICE.',
    }),
    operators_metadata_path: url.meta({ description: 'Full URL of /operators/refresh at Core.' }),
    operators_refresh_ms: z
      .number()
      .int()
      .min(100)
      .max(3_600_000)
      .default(10_000)
      .meta({ description: 'How often the operators are asked for again, in milliseconds.' }),
    partners_metadata_path: url
      .optional()
      .meta({ description: 'Full URL of /partners/refresh at Core; without it no partner is told of opt-outs.' }),
    uid_instance_id_prefix: z.string().min(1).default('local-optout').meta({ description: 'Begins UID-Instance-Id.' }),

    ...storageSettings,
    link_base_url: url
      .optional()
      .meta({ description: 'Where download links to a folder lead; optout_url when missing.' }),
    optout_s3_folder: z
      .string()
      .regex(/^[\w.-]+(?:\/[\w.-]+)*\/?$/, 'must be a path without a leading slash')
      .default('optout-v2/')
      .meta({ description: 'Folder of the log inside the bucket; operators must be told the same.' }),
    optout_data_dir: z
      .string()
      .min(1)
      .default('/opt/uid2/optout/')
      .meta({ description: 'Folder of accepted opt-outs that are not in the log yet. Must survive restarts.' }),

    optout_producer_replica_id: z.number().int().min(-1).max(998).default(-1).meta({
      description:
        'Number in the names of the files this instance writes. -1: in Kubernetes the number its host name ends in, plus the offset; elsewhere 0.',
    }),
    optout_producer_replica_id_offset: z
      .number()
      .int()
      .min(0)
      .max(998)
      .default(0)
      .meta({ description: 'Added to the number of the host name.' }),
    optout_producer_max_replicas: z
      .number()
      .int()
      .positive()
      .max(998)
      .default(3)
      .meta({ description: 'Instances that write the log; they take turns at making partitions.' }),
    optout_sender_replica_id: z
      .number()
      .int()
      .min(0)
      .max(998)
      .default(0)
      .meta({ description: 'The one instance that tells partners of opt-outs.' }),
    optout_delta_backtrack_in_days: z
      .number()
      .int()
      .min(0)
      .max(365)
      .default(1)
      .meta({ description: 'How far back a partner that is new is told of opt-outs.' }),
    optout_observe_only: z
      .boolean()
      .default(false)
      .meta({ description: 'Only list the log: take no opt-outs, write no files.' }),
    optout_delta_rotate_interval: seconds.default(300).meta({ description: 'Seconds between two delta files.' }),
    optout_max_messages_per_file: z
      .number()
      .int()
      .positive()
      .max(1_000_000)
      .default(10_000)
      .meta({ description: 'Most opt-outs in one delta file.' }),
    optout_sqs_max_queue_size: z
      .number()
      .int()
      .nonnegative()
      .default(0)
      .meta({ description: 'Most opt-outs waiting for a delta; more are refused with 500. 0: no limit.' }),
    optout_sqs_delta_window_seconds: z.number().int().nonnegative().max(86_400).default(0).meta({
      description: 'Opt-outs wait until they are this old, and one delta holds at most this span. 0: neither.',
    }),
    optout_delta_job_timeout_seconds: seconds
      .default(10_800)
      .meta({ description: 'A run that writes deltas stops after this long; the rest waits for the next one.' }),
    optout_partition_interval: seconds
      .default(86_400)
      .meta({ description: 'With optout_max_partitions, the age limit.' }),
    optout_max_partitions: z
      .number()
      .int()
      .positive()
      .max(3650)
      .default(90)
      .meta({ description: 'Files older than this many intervals are merged into the newest partition and removed.' }),
    optout_delete_expired: z
      .boolean()
      .default(true)
      .meta({ description: 'Merge and remove old files. false keeps every file for good.' }),
    optout_internal_api_token: secret.optional().meta({
      secret: true,
      description:
        'Bearer token of POST /optout/deltaproduce, which is served at port + 1; without it that port is closed.',
    }),
    traffic_filter_config_path: z.string().min(1).optional().meta({
      description: 'File with the deny-list. With it the IP address of an opt-out is kept until it is published.',
    }),
    traffic_calc_config_path: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'File that says how many opt-outs are too many; needs manual_override_s3_path.' }),
    manual_override_s3_path: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Object in the bucket that stops the production of deltas while it says so.' }),
    optout_partner_endpoint_mock: z
      .boolean()
      .default(false)
      .meta({ description: 'Adds /optout/partner_mock, an endpoint that accepts everything, for tests.' }),
    pod_termination_check_interval: z
      .number()
      .int()
      .nonnegative()
      .max(60_000)
      .default(3000)
      .meta({ description: 'How often to look for the file that announces the end of the pod, in milliseconds.' }),
    cloud_refresh_interval: seconds.default(60).meta({ description: 'Seconds between two looks at the bucket.' }),

    enforceJwt: z.boolean().default(true).meta({ description: 'Refuse /optout/refresh without a valid JWT of Core.' }),
    att_token_enc_key: secret.meta({ description: 'Passphrase of attestation tokens, as Core has it.' }),
    att_token_enc_salt: secret.meta({ description: 'Salt of attestation tokens, as Core has it.' }),
    optout_url: url.meta({ description: 'Audience of the JWTs presented here, and base of download links.' }),
    core_public_url: url.meta({ description: 'Issuer of the JWTs presented here.' }),
    aws_kms_jwt_signing_public_keys: z
      .string()
      .default('')
      .meta({ description: 'Comma list of RSA public keys of Core, each SPKI in PEM or bare Base64.' }),
    jwt_public_key_files: z
      .array(z.string().min(1))
      .default([])
      .meta({ description: 'Files with further RSA public keys of Core (SPKI, PEM).' }),
  })
  .refine(...oneBucket)
  .refine(
    (settings) => settings.traffic_calc_config_path === undefined || settings.manual_override_s3_path !== undefined,
    {
      path: ['manual_override_s3_path'],
      error: 'traffic_calc_config_path needs the object that stops production',
    },
  );

export type OptOutConfig = z.output<typeof configSchema>;

/**
 * Reads and checks the whole configuration of the opt-out service. Ports are shifted by `port_offset`, which only the
 * environment can set, and the replica number is settled.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE
 */
export function loadOptOutConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): OptOutConfig {
  const { env, configFile } = host;
  const config = loadConfig({ schema: configSchema, env, ...(configFile === undefined ? {} : { file: configFile }) });
  return Object.freeze({
    ...config,
    port: shiftPort(config.port, env),
    metrics_port: shiftPort(config.metrics_port, env),
    optout_producer_replica_id: replicaId(config, env),
  });
}

function replicaId(
  config: Pick<OptOutConfig, 'optout_producer_replica_id' | 'optout_producer_replica_id_offset'>,
  env: ServiceHost['env'],
): number {
  const { optout_producer_replica_id: configured, optout_producer_replica_id_offset: offset } = config;
  if (configured >= 0) return configured;
  const inKubernetes = env['KUBERNETES_SERVICE_HOST'] !== undefined;
  return inKubernetes ? offset + (replicaIdOfHostName(env['HOSTNAME'] ?? hostname()) ?? 0) : 0;
}
