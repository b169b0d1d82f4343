import { ConfigError, Secret } from '@holdfast/base';
import { loadConfig, shiftPort } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { oneBucket, storageSettings } from '@holdfast/storage';
import { z } from 'zod';

const port = z.number().int().min(-1).max(65_535);
const seconds = z.number().int().positive();
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
    port: port.min(0).default(8088).meta({ description: 'Port of the API; 0 takes any free port.' }),
    metrics_port: port.default(9088).meta({ description: 'Port of GET /metrics; 0 any free port, -1 no listener.' }),
    environment: z
      .enum(['test', 'integ', 'prod'])
      .default('prod')
      .meta({ description: 'prod refuses everything that exists for tests and laptops only.' }),

    ...storageSettings,
    link_base_url: url
      .optional()
      .meta({ description: 'Where download links to a folder lead; core_public_url when missing.' }),
    pre_signed_url_expiry: seconds.default(1800).meta({ description: 'Seconds a download link is valid.' }),

    sites_metadata_path: z
      .string()
      .default('sites/metadata.json')
      .meta({ description: 'Object with the metadata of the sites.' }),
    clients_metadata_path: z
      .string()
      .default('clients/metadata.json')
      .meta({ description: 'Object with the metadata of the clients.' }),
    client_side_keypairs_metadata_path: z
      .string()
      .default('client_side_keypairs/metadata.json')
      .meta({ description: 'Object with the metadata of the client-side key pairs.' }),
    services_metadata_path: z
      .string()
      .default('services/metadata.json')
      .meta({ description: 'Object with the metadata of the services.' }),
    service_links_metadata_path: z
      .string()
      .default('service_links/metadata.json')
      .meta({ description: 'Object with the metadata of the service links.' }),
    keys_metadata_path: z
      .string()
      .default('keys/metadata.json')
      .meta({ description: 'Object with the metadata of the legacy keys.' }),
    keys_acl_metadata_path: z
      .string()
      .default('keys_acl/metadata.json')
      .meta({ description: 'Object with the metadata of the legacy key access lists.' }),
    keysets_metadata_path: z
      .string()
      .default('keysets/metadata.json')
      .meta({ description: 'Object with the metadata of the keysets.' }),
    keyset_keys_metadata_path: z
      .string()
      .default('keyset_keys/metadata.json')
      .meta({ description: 'Object with the metadata of the keyset keys.' }),
    salts_metadata_path: z
      .string()
      .default('salts/metadata.json')
      .meta({ description: 'Object with the metadata of the salts.' }),
    operators_metadata_path: z
      .string()
      .default('operators/metadata.json')
      .meta({ description: 'Object with the metadata of the operators.' }),
    enclaves_metadata_path: z
      .string()
      .default('enclaves/metadata.json')
      .meta({ description: 'Object with the metadata of the enclaves.' }),
    partners_metadata_path: z
      .string()
      .default('partners/metadata.json')
      .meta({ description: 'Object with the metadata of the partners.' }),
    cloud_encryption_keys_metadata_path: z
      .string()
      .default('cloud_encryption_keys/metadata.json')
      .meta({ description: 'Object with the metadata of the cloud encryption keys.' }),
    operator_config_path: z
      .string()
      .default('operator/operator-config.json')
      .meta({ description: 'Object with the runtime configuration of operators.' }),
    allow_list_poll_seconds: seconds
      .max(3600)
      .default(60)
      .meta({ description: 'How often operators, enclaves and cloud encryption keys are read again.' }),

    att_token_enc_key: secret.meta({ description: 'Passphrase of attestation tokens; Opt-Out holds the same.' }),
    att_token_enc_salt: secret.meta({ description: 'Salt of attestation tokens; Opt-Out holds the same.' }),
    att_token_lifetime_seconds: seconds.default(7200).meta({ description: 'Lifetime before the random spread.' }),
    provide_private_site_data: z
      .boolean()
      .default(false)
      .meta({ description: 'Give private operators the view of their own site.' }),

    enforceJwt: z.boolean().default(false).meta({ description: 'Refuse calls without a valid Core JWT.' }),
    jwt_signing_key_file: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'RSA private key (PKCS#8 PEM) that signs operator JWTs; without it none are issued.' }),
    jwt_public_key_files: z
      .array(z.string().min(1))
      .default([])
      .meta({ description: 'Further RSA public keys (PEM) whose JWTs are accepted, for key rotation.' }),
    aws_kms_jwt_signing_public_keys: z
      .string()
      .default('')
      .meta({ description: 'The same as a comma list, each SPKI in PEM or bare Base64.' }),
    pod_termination_check_interval: z
      .number()
      .int()
      .nonnegative()
      .max(60_000)
      .default(3000)
      .meta({ description: 'How often to look for the file that announces the end of the pod, in milliseconds.' }),

    core_public_url: url.meta({ description: 'Issuer and audience of JWTs; what operators must attest to.' }),
    optout_url: url.optional().meta({ description: 'Audience of Opt-Out JWTs; handed to operators.' }),
    maa_server_base_url: url
      .default('https://sharedeus.eus.attest.azure.net')
      .meta({ description: 'The attestation service whose tokens are believed; exactly the iss of its tokens.' }),
    maa_timeout_ms: z
      .number()
      .int()
      .min(100)
      .max(60_000)
      .default(5000)
      .meta({ description: 'Deadline for the keys of the attestation service.' }),
    gcp_signer_keys_url: url
      .default(
        'https://www.googleapis.com/service_accounts/v1/metadata/jwk/signer@confidentialspace-sign.iam.gserviceaccount.com',
      )
      .meta({ description: 'Keys of the signer of Confidential Space tokens, for operators of protocol gcp-oidc.' }),
    trust_simulated_root: z
      .boolean()
      .default(false)
      .meta({ description: 'Believe tokens about a simulated enclave. Never in prod.' }),
    minimum_endorsement_svn: z
      .number()
      .int()
      .nonnegative()
      .optional()
      .meta({ description: 'Lowest security version of the utility VM image that may attest.' }),
    minimum_tcb: z
      .object({
        bootloader: z.number().int().min(0).max(255).default(0),
        tee: z.number().int().min(0).max(255).default(0),
        snp_firmware: z.number().int().min(0).max(255).default(0),
        microcode: z.number().int().min(0).max(255).default(0),
      })
      .optional()
      .meta({ description: 'Lowest platform firmware versions that may attest.' }),
    enable_test_endpoints: z.boolean().default(false).meta({
      description: 'Adds /attest/get_token, which hands out attestation tokens without evidence. Never in prod.',
    }),
  })
  .refine(...oneBucket);

export type CoreConfig = z.output<typeof configSchema>;

/**
 * Reads and checks the whole configuration of Core. Ports are shifted by `port_offset`, which only the environment can set.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE
 * @throws ConfigError TEST_ROOT_IN_PROD when environment prod is combined with something made for tests
 */
export function loadCoreConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): CoreConfig {
  const { env, configFile } = host;
  const settings = loadConfig({ schema: configSchema, env, ...(configFile === undefined ? {} : { file: configFile }) });
  const config = Object.freeze({
    ...settings,
    port: shiftPort(settings.port, env),
    metrics_port: shiftPort(settings.metrics_port, env),
  });
  if (config.environment === 'prod') refuseTestSettings(config);
  return config;
}

function refuseTestSettings(config: CoreConfig): void {
  const problems: string[] = [];
  const maa = new URL(config.maa_server_base_url);
  if (config.trust_simulated_root) problems.push('trust_simulated_root: a simulated enclave proves nothing');
  if (config.enable_test_endpoints) problems.push('enable_test_endpoints: it hands out tokens without evidence');
  if (maa.protocol !== 'https:') problems.push('maa_server_base_url: only https can be believed');
  if (isLoopback(maa.hostname)) problems.push('maa_server_base_url: it points at this machine');
  const gcp = new URL(config.gcp_signer_keys_url);
  if (gcp.protocol !== 'https:' || isLoopback(gcp.hostname)) {
    problems.push('gcp_signer_keys_url: only https of another machine can be believed');
  }
  if (problems.length === 0) return;
  throw new ConfigError('TEST_ROOT_IN_PROD', problems, {
    action: 'Remove the named settings, or set environment to test or integ on a machine that holds no real seeds.',
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host.startsWith('127.') || host === '[::1]';
}
