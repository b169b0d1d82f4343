import { availableParallelism } from 'node:os';

import { ConfigError, Secret } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ConfigSources } from '@holdfast/process';
import { z } from 'zod';

import { readLaunchSettings } from './lifecycle/launch-settings.ts';
import type { LaunchSettings } from './lifecycle/launch-settings.ts';
import type { OperatorSettings } from './context.ts';

/** Text that the environment's typing may have turned into a number or a boolean. */
const text = z.preprocess((value) => (typeof value === 'string' ? value : scalarText(value)), z.string());
/** `true` in any case is true; every other text is false, as the reference's launch layer reads it. */
const flagText = z.preprocess(
  (value) => (typeof value === 'string' ? value.toLowerCase() === 'true' : value),
  z.boolean().optional(),
);
const port = z.number().int().min(-1).max(65_535);
const intervalMs = z.number().int().min(100).max(86_400_000).default(10_000);
const hours = z
  .number()
  .positive()
  .max(24 * 365);

/** Every setting, under the name it has in the environment and in the configuration file. */
export const configSchema = z.object({
  // The launch layer of the reference: what the manifest sets.
  VAULT_NAME: text.optional().meta({ description: 'Name of the Key Vault that holds the operator key.' }),
  OPERATOR_KEY_SECRET_NAME: text.optional().meta({ description: 'Name of the secret that is the operator key.' }),
  DEPLOYMENT_ENVIRONMENT: text.optional().meta({ description: '`integ` or `prod`.' }),
  CORE_BASE_URL: text.optional().meta({ description: 'Address of Core; honoured in `integ` only.' }),
  OPTOUT_BASE_URL: text.optional().meta({ description: 'Address of Opt-Out; honoured in `integ` only.' }),
  SKIP_VALIDATIONS: flagText.meta({ description: '`true` skips the launch checks E05 and E06, and most of E04.' }),
  DEBUG_MODE: flagText.meta({ description: '`true` for debug builds; refused in `prod`.' }),
  IMAGE_VERSION: text.default('unknown').meta({ description: 'Version of this release, for logs and Core.' }),

  // Where to listen.
  http_host: text.default('0.0.0.0').meta({ description: 'Address to listen on, for the API and for metrics.' }),
  http_port: port.min(0).default(8080).meta({ description: 'Port of the API; 0 takes any free port.' }),
  metrics_port: port.default(9080).meta({ description: '0 takes any free port, -1 opens no metrics listener.' }),
  port_offset: z.number().int().default(0).meta({ description: 'Added to both ports unless they are 0 or -1.' }),

  // The operator key.
  core_api_token: text.optional().meta({ secret: true, description: 'The operator key itself, outside an enclave.' }),
  azure_vault_name: text.optional().meta({ description: 'Name of the Key Vault; VAULT_NAME when missing.' }),
  azure_secret_name: text
    .optional()
    .meta({ description: 'Name of the secret; OPERATOR_KEY_SECRET_NAME when missing.' }),
  azure_vault_url: text.optional().meta({ description: 'Replaces `https://<vault name>.vault.azure.net`.' }),

  // Attestation.
  enclave_platform: text.nullish().meta({ description: 'Empty for a trusted operator key, or `azure-cc`.' }),
  operator_type: z
    .enum(['public', 'private'])
    .default('private')
    .meta({ description: 'Must equal the type of the operator’s record at Core.' }),
  core_attest_url: text.optional().meta({ description: 'Full URL of POST /attest.' }),
  maa_server_base_url: text
    .default('https://sharedeus.eus.attest.azure.net')
    .meta({ description: 'Attestation service that the sidecar asks for a token.' }),
  attestation_sidecar_url: z
    .url()
    .default('http://localhost:9000')
    .meta({ description: 'Address of the attestation sidecar (skr) in the same pod.' }),
  uid_instance_id_prefix: text
    .optional()
    .meta({ description: 'Begins UID-Instance-Id; made from start time and version when missing.' }),

  // Stores.
  clients_metadata_path: z.url().optional().meta({ description: 'Replaces /clients/refresh at Core.' }),
  keysets_metadata_path: z.url().optional().meta({ description: 'Replaces /key/keyset/refresh at Core.' }),
  keyset_keys_metadata_path: z.url().optional().meta({ description: 'Replaces /key/keyset-keys/refresh at Core.' }),
  salts_metadata_path: z.url().optional().meta({ description: 'Replaces /salt/refresh at Core.' }),
  cloud_encryption_keys_metadata_path: z
    .url()
    .optional()
    .meta({ description: 'Replaces /cloud_encryption_keys/retrieve at Core.' }),
  runtime_config_metadata_path: z.url().optional().meta({ description: 'Replaces /operator/config at Core.' }),
  sites_metadata_path: z.url().optional().meta({ description: 'Replaces /sites/refresh at Core.' }),
  client_side_keypairs_metadata_path: z
    .url()
    .optional()
    .meta({ description: 'Replaces /client_side_keypairs/refresh at Core.' }),
  services_metadata_path: z.url().optional().meta({ description: 'Replaces /services/refresh at Core.' }),
  service_links_metadata_path: z.url().optional().meta({ description: 'Replaces /service_links/refresh at Core.' }),
  encrypted_files: z.boolean().optional().meta({
    description: 'Ask Core for encrypted files; when missing, true at the published Core and false at one of your own.',
  }),
  enable_remote_config: z.boolean().default(true).meta({ description: 'Read the runtime configuration from Core.' }),
  auth_refresh_ms: intervalMs.meta({ description: 'Pause between refreshes of the clients.' }),
  keyset_refresh_ms: intervalMs.meta({ description: 'Pause between refreshes of the keysets.' }),
  keysetkey_refresh_ms: intervalMs.meta({ description: 'Pause between refreshes of the keyset keys.' }),
  salt_refresh_ms: intervalMs.meta({ description: 'Pause between refreshes of the salts.' }),
  cloud_encryption_keys_refresh_ms: intervalMs.meta({
    description: 'Pause between refreshes of the keys of encrypted files.',
  }),
  site_refresh_ms: intervalMs.meta({ description: 'Pause between refreshes of the sites.' }),
  client_side_keypairs_refresh_ms: intervalMs.meta({
    description: 'Pause between refreshes of the client-side key pairs.',
  }),
  service_refresh_ms: intervalMs.meta({ description: 'Pause between refreshes of the services.' }),
  service_link_refresh_ms: intervalMs.meta({ description: 'Pause between refreshes of the service links.' }),
  config_scan_period_ms: intervalMs.meta({ description: 'Pause between refreshes of the runtime configuration.' }),

  // Runtime configuration, used when `enable_remote_config` is false.
  identity_token_expires_after_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Lifetime of an advertising token.' }),
  refresh_token_expires_after_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Lifetime of a refresh token.' }),
  refresh_identity_token_after_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'After how long a client should refresh.' }),
  sharing_token_expiry_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Lifetime of a sharing token, as clients are told.' }),
  identity_environment: text
    .optional()
    .meta({ description: 'Environment that is marked in raw UIDs: test, integ or prod.' }),
  max_bidstream_lifetime_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Longest lifetime of a token in the bidstream, as clients are told.' }),
  max_sharing_lifetime_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Longest lifetime of a sharing token, as clients are told.' }),

  // Opt-outs.
  optout_metadata_path: text.optional().meta({ description: 'URL, or path at the Opt-Out address that Core names.' }),
  optout_api_uri: text.optional().meta({ description: 'URL, or path at the Opt-Out address that Core names.' }),
  optout_s3_folder: text
    .optional()
    .meta({ description: 'Folder of the opt-out log, as it appears in the links of the list.' }),
  optout_delta_backtrack_in_days: z
    .number()
    .int()
    .min(0)
    .default(1)
    .meta({ description: 'Days before the newest partition from which deltas are read.' }),
  optout_synthetic_logs_enabled: z.boolean().default(false).meta({ description: 'Also read synthetic opt-out files.' }),
  optout_synthetic_logs_count: z.number().int().min(0).default(0).meta({ description: 'How many synthetic files.' }),
  cloud_refresh_interval: z.number().int().min(1).default(60).meta({ description: 'Seconds between opt-out syncs.' }),
  cloud_download_threads: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(8)
    .meta({ description: 'Opt-out files downloaded at once.' }),
  optout_stale_limit_seconds: z
    .number()
    .int()
    .min(1)
    .default(43_200)
    .meta({ description: 'The API stops answering when the last complete opt-out sync is older than this.' }),

  // Shutdown rules and health.
  salts_expired_shutdown_hours: hours
    .default(12)
    .meta({ description: 'Hours that expired salts are served before the operator ends.' }),
  store_refresh_stale_shutdown_hours: hours
    .default(12)
    .meta({ description: 'Hours without a successful refresh of a store before the operator ends.' }),
  pod_termination_file: text
    .default('/app/pod_terminating/pod_terminating')
    .meta({ description: 'File whose presence turns health bad, so that load balancers drain.' }),
  pod_termination_check_interval: z
    .number()
    .int()
    .min(0)
    .default(3000)
    .meta({ description: 'Milliseconds between two looks for that file.' }),

  // The API.
  identity_scope: z
    .preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), z.enum(['uid2', 'euid']))
    .default('uid2')
    .meta({ description: 'uid2 or euid, in any case.' }),
  identity_v3: z
    .boolean()
    .default(false)
    .meta({ description: 'Make raw UIDs of 33 bytes where a salt entry has no key material.' }),
  enable_phone_support: z
    .boolean()
    .default(true)
    .meta({ description: 'Accept phone numbers in token generate and identity map.' }),
  service_instances: z.number().int().min(1).max(64).optional().meta({
    description:
      'Threads that serve the API on the one port; the number of processors when missing. Linux only, else 1.',
  }),
  map_workers: z
    .number()
    .int()
    .min(0)
    .max(256)
    .optional()
    .meta({ description: 'Threads that map large requests; the number of processors when missing, 0 for none.' }),
  enable_v2_encryption: z
    .boolean()
    .default(true)
    .meta({ description: 'false takes and returns plain JSON, for local development.' }),
  tcf_vendor_id: z
    .number()
    .int()
    .positive()
    .default(21)
    .meta({ description: 'Vendor whose consent counts, in the global vendor list of IAB Europe. EUID only.' }),
  client_side_token_generate: z.boolean().default(false).meta({
    description: 'Serve POST /v2/token/client-generate. Public operators only: Core keeps the sites from others.',
  }),
  client_side_token_generate_domain_name_check_enabled: z
    .boolean()
    .default(true)
    .meta({ description: 'Refuse origins and app names that are not the publisher’s.' }),
  client_side_token_generate_log_invalid_http_origins: z
    .boolean()
    .default(false)
    .meta({ description: 'Write refused origins and app names to the log, once an hour.' }),
  key_sharing_endpoint_provide_app_names: z
    .boolean()
    .default(false)
    .meta({ description: 'Put app names among the domain names in site_data.' }),
  validate_service_links: z
    .boolean()
    .default(false)
    .meta({ description: 'Let services map for participants that gave them a link. Public operators only.' }),
  logging_limit_max_invalid_paths_per_interval: z
    .number()
    .int()
    .min(0)
    .default(50)
    .meta({ description: 'Unknown paths that the usage statistics keep per minute.' }),
  logging_limit_max_version_buckets_per_site: z
    .number()
    .int()
    .min(4)
    .default(50)
    .meta({ description: 'Client versions per site that the usage statistics keep.' }),
  optout_status_api_enabled: z.boolean().default(true).meta({ description: 'Serve POST /v2/optout/status.' }),
  optout_status_max_request_size: z
    .number()
    .int()
    .positive()
    .default(5000)
    .meta({ description: 'Most raw UIDs in one opt-out status request.' }),
  allow_clock_skew_seconds: z
    .number()
    .int()
    .min(0)
    .default(1800)
    .meta({ description: 'Clock skew that clients are told to tolerate.' }),
});

type Settings = z.output<typeof configSchema>;

/** Where the operator key comes from. */
export type OperatorKeySource =
  | { readonly from: 'configuration'; readonly key: Secret }
  | { readonly from: 'vault'; readonly vaultUrl: string; readonly secretName: string };

/** Where each store's metadata is. Full URLs. */
export interface StoreUrls {
  readonly clients: string;
  readonly keysets: string;
  readonly keysetKeys: string;
  readonly salts: string;
  readonly cloudEncryptionKeys: string;
  readonly runtimeConfig: string;
  readonly sites: string;
  readonly clientSideKeypairs: string;
  readonly services: string;
  readonly serviceLinks: string;
}

export interface OperatorConfig {
  /** Set when the manifest's variables start this operator, as in a confidential container. */
  readonly launch: LaunchSettings | undefined;
  readonly version: string;
  readonly http: { readonly host: string; readonly port: number };
  /** Threads that serve the API; 1 serves on the thread of the lifecycle. */
  readonly serviceInstances: number;
  /** −1 opens no metrics listener. */
  readonly metricsPort: number;
  readonly operatorKey: OperatorKeySource;
  readonly platform: 'trusted' | 'azure-cc';
  readonly operatorType: 'public' | 'private';
  readonly attestUrl: string;
  readonly sidecarUrl: string;
  readonly maaEndpoint: string;
  /** Undefined: made from the time of the start. */
  readonly instanceIdPrefix: string | undefined;
  readonly storeUrls: StoreUrls;
  readonly encryptedFiles: boolean;
  /** The runtime configuration's keys when it does not come from Core. */
  readonly staticRuntimeConfig: Readonly<Record<string, string | number>> | undefined;
  readonly intervalsMs: {
    readonly clients: number;
    readonly keysets: number;
    readonly keysetKeys: number;
    readonly salts: number;
    readonly cloudEncryptionKeys: number;
    readonly runtimeConfig: number;
    readonly sites: number;
    readonly clientSideKeypairs: number;
    readonly services: number;
    readonly serviceLinks: number;
  };
  readonly optOut: {
    readonly listPath: string;
    readonly writeUri: string;
    readonly folder: string;
    readonly backtrackInDays: number;
    readonly syntheticCount: number;
    readonly intervalMs: number;
    readonly parallelDownloads: number;
    readonly staleLimitMs: number;
  };
  readonly saltsExpiredShutdownMs: number;
  readonly storeStaleShutdownMs: number;
  readonly podTermination: { readonly file: string; readonly intervalMs: number };
  readonly settings: OperatorSettings;
}

const HOUR_MS = 3_600_000;

/**
 * The operator's configuration: the manifest's launch variables, which derive every address, or the reference's own keys.
 * A key that is set always wins over a derived value.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE
 * @throws ConfigError LAUNCH_SETTING_MISSING (E03), LAUNCH_SETTING_INVALID (E04): all problems together
 */
export function loadOperatorConfig(sources: Omit<ConfigSources<typeof configSchema>, 'schema'>): OperatorConfig {
  const settings = loadConfig({ ...sources, schema: configSchema });
  const launch = readLaunchSettings(settings);
  const problems: string[] = [];
  const config = derive(settings, launch, problems);
  if (problems.length > 0) {
    throw new ConfigError('CONFIG_INVALID', problems, {
      action: 'Correct the named settings in the configuration file or the environment.',
    });
  }
  return Object.freeze(config);
}

function derive(settings: Settings, launch: LaunchSettings | undefined, problems: string[]): OperatorConfig {
  const attestUrl = settings.core_attest_url ?? (launch === undefined ? undefined : `${launch.coreUrl}/attest`);
  if (attestUrl === undefined || !URL.canParse(attestUrl)) {
    problems.push(
      attestUrl === undefined
        ? 'core_attest_url: set it, or start the operator with VAULT_NAME, OPERATOR_KEY_SECRET_NAME and DEPLOYMENT_ENVIRONMENT'
        : 'core_attest_url: not a URL',
    );
  }
  const atCore = (path: string): string =>
    new URL(path, URL.canParse(attestUrl ?? '') ? attestUrl : 'http://unknown').href;
  const atOptOut = (path: string): string => (launch === undefined ? path : `${launch.optOutUrl}${path}`);
  return {
    launch,
    version: settings.IMAGE_VERSION,
    http: { host: settings.http_host, port: shifted(settings.http_port, settings.port_offset) },
    serviceInstances: settings.service_instances ?? availableParallelism(),
    metricsPort: shifted(settings.metrics_port, settings.port_offset),
    operatorKey: operatorKeySource(settings, launch, problems),
    platform: platform(settings, launch, problems),
    operatorType: settings.operator_type,
    attestUrl: attestUrl ?? '',
    sidecarUrl: settings.attestation_sidecar_url,
    maaEndpoint: settings.maa_server_base_url,
    instanceIdPrefix: settings.uid_instance_id_prefix,
    storeUrls: {
      clients: settings.clients_metadata_path ?? atCore('/clients/refresh'),
      keysets: settings.keysets_metadata_path ?? atCore('/key/keyset/refresh'),
      keysetKeys: settings.keyset_keys_metadata_path ?? atCore('/key/keyset-keys/refresh'),
      salts: settings.salts_metadata_path ?? atCore('/salt/refresh'),
      cloudEncryptionKeys: settings.cloud_encryption_keys_metadata_path ?? atCore('/cloud_encryption_keys/retrieve'),
      runtimeConfig: settings.runtime_config_metadata_path ?? atCore('/operator/config'),
      sites: settings.sites_metadata_path ?? atCore('/sites/refresh'),
      clientSideKeypairs: settings.client_side_keypairs_metadata_path ?? atCore('/client_side_keypairs/refresh'),
      services: settings.services_metadata_path ?? atCore('/services/refresh'),
      serviceLinks: settings.service_links_metadata_path ?? atCore('/service_links/refresh'),
    },
    // UID2's own environments publish encrypted views; a Core of one's own need not.
    encryptedFiles: settings.encrypted_files ?? launch?.publishedServices ?? false,
    staticRuntimeConfig: settings.enable_remote_config ? undefined : runtimeKeys(settings),
    intervalsMs: {
      clients: settings.auth_refresh_ms,
      keysets: settings.keyset_refresh_ms,
      keysetKeys: settings.keysetkey_refresh_ms,
      salts: settings.salt_refresh_ms,
      cloudEncryptionKeys: settings.cloud_encryption_keys_refresh_ms,
      runtimeConfig: settings.config_scan_period_ms,
      sites: settings.site_refresh_ms,
      clientSideKeypairs: settings.client_side_keypairs_refresh_ms,
      services: settings.service_refresh_ms,
      serviceLinks: settings.service_link_refresh_ms,
    },
    optOut: {
      listPath: settings.optout_metadata_path ?? atOptOut('/optout/refresh'),
      writeUri: settings.optout_api_uri ?? atOptOut('/optout/replicate'),
      folder: withSlash(settings.optout_s3_folder ?? optOutFolder(launch)),
      backtrackInDays: settings.optout_delta_backtrack_in_days,
      syntheticCount: settings.optout_synthetic_logs_enabled ? settings.optout_synthetic_logs_count : 0,
      intervalMs: settings.cloud_refresh_interval * 1000,
      parallelDownloads: settings.cloud_download_threads,
      staleLimitMs: settings.optout_stale_limit_seconds * 1000,
    },
    saltsExpiredShutdownMs: settings.salts_expired_shutdown_hours * HOUR_MS,
    storeStaleShutdownMs: settings.store_refresh_stale_shutdown_hours * HOUR_MS,
    podTermination: { file: settings.pod_termination_file, intervalMs: settings.pod_termination_check_interval },
    settings: {
      identityScope: settings.identity_scope,
      identityV3: settings.identity_v3,
      phoneSupport: settings.enable_phone_support,
      mapWorkers: settings.map_workers ?? availableParallelism(),
      optOutStatusApiEnabled: settings.optout_status_api_enabled,
      optOutStatusMaxRequestSize: settings.optout_status_max_request_size,
      allowClockSkewSeconds: settings.allow_clock_skew_seconds,
      envelopes: settings.enable_v2_encryption,
      tcfVendorId: settings.tcf_vendor_id,
      clientSide: settings.client_side_token_generate
        ? {
            domainCheck: settings.client_side_token_generate_domain_name_check_enabled,
            logInvalidOrigins: settings.client_side_token_generate_log_invalid_http_origins,
            shareAppNames: settings.key_sharing_endpoint_provide_app_names,
          }
        : undefined,
      serviceLinks: settings.validate_service_links,
      usageLimits: {
        unknownPaths: settings.logging_limit_max_invalid_paths_per_interval,
        versionsPerSite: settings.logging_limit_max_version_buckets_per_site,
      },
    },
  };
}

function operatorKeySource(
  settings: Settings,
  launch: LaunchSettings | undefined,
  problems: string[],
): OperatorKeySource {
  if (launch === undefined && settings.core_api_token !== undefined && settings.core_api_token !== '') {
    return { from: 'configuration', key: new Secret(settings.core_api_token) };
  }
  const vaultName = settings.azure_vault_name ?? launch?.vaultName;
  const vaultUrl = settings.azure_vault_url ?? (vaultName ? `https://${vaultName}.vault.azure.net` : undefined);
  const secretName = settings.azure_secret_name ?? launch?.secretName;
  if (vaultUrl === undefined || secretName === undefined || secretName === '') {
    problems.push('core_api_token: set it, or azure_vault_name and azure_secret_name');
    return { from: 'vault', vaultUrl: '', secretName: '' };
  }
  return { from: 'vault', vaultUrl, secretName };
}

function platform(settings: Settings, launch: LaunchSettings | undefined, problems: string[]): 'trusted' | 'azure-cc' {
  const name = settings.enclave_platform ?? (launch === undefined ? '' : 'azure-cc');
  if (name === 'azure-cc') return name;
  if (name !== '' && name !== 'trusted') {
    problems.push(
      `enclave_platform: enclave_platform is providing the wrong value: ${name}; known are azure-cc and none`,
    );
  }
  return 'trusted';
}

function runtimeKeys(settings: Settings): Record<string, string | number> {
  const keys = {
    identity_token_expires_after_seconds: settings.identity_token_expires_after_seconds,
    refresh_token_expires_after_seconds: settings.refresh_token_expires_after_seconds,
    refresh_identity_token_after_seconds: settings.refresh_identity_token_after_seconds,
    sharing_token_expiry_seconds: settings.sharing_token_expiry_seconds,
    identity_environment: settings.identity_environment,
    max_bidstream_lifetime_seconds: settings.max_bidstream_lifetime_seconds,
    max_sharing_lifetime_seconds: settings.max_sharing_lifetime_seconds,
  };
  return Object.fromEntries(
    Object.entries(keys).filter((entry): entry is [string, string | number] => entry[1] !== undefined),
  );
}

function optOutFolder(launch: LaunchSettings | undefined): string {
  if (launch?.publishedServices !== true) return 'optout/';
  return launch.environment === 'prod' ? 'optout-v2/' : 'uid-optout-integ/';
}

function withSlash(folder: string): string {
  return folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
}

function shifted(port: number, offset: number): number {
  return port <= 0 ? port : port + offset;
}

function scalarText(value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
