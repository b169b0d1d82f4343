import { Secret } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
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
export const configSchema = z.object({
  host: z.string().default('0.0.0.0').meta({ description: 'Address to listen on.' }),
  port: port.min(0).default(8081).meta({ description: 'Port of the API; 0 takes any free port.' }),
  metrics_port: port.default(9081).meta({ description: 'Port of GET /metrics; 0 any free port, -1 no listener.' }),

  core_attest_url: url.meta({ description: 'Full URL of POST /attest at Core.' }),
  core_api_token: secret.meta({ description: 'Key of this service at Core; its record has the role OPTOUT_SERVICE.' }),
  operators_metadata_path: url.meta({ description: 'Full URL of /operators/refresh at Core.' }),
  operators_refresh_ms: z
    .number()
    .int()
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .meta({ description: 'How often the operators are asked for again, in milliseconds.' }),
  uid_instance_id_prefix: z.string().min(1).default('local-optout').meta({ description: 'Begins UID-Instance-Id.' }),

  storage_folder: z.string().min(1).meta({ description: 'The bucket: a folder that receives the opt-out log.' }),
  link_signing_key_file: z.string().min(1).meta({ description: 'File with 32 or more bytes in hexadecimal.' }),
  link_base_url: url.optional().meta({ description: 'Where download links lead; optout_url when missing.' }),
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

  optout_producer_replica_id: z
    .number()
    .int()
    .min(0)
    .max(998)
    .default(0)
    .meta({ description: 'Number in the names of the files this instance writes.' }),
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
});

export type OptOutConfig = z.output<typeof configSchema>;

/**
 * Reads and checks the whole configuration of the opt-out service.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE
 */
export function loadOptOutConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): OptOutConfig {
  return loadConfig({
    schema: configSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
}
