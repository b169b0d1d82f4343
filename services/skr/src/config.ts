import { ConfigError, errorMessage, fromBase64, fromUtf8 } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import type { KeyWrapAlgorithm } from '@holdfast/key-release';
import { z } from 'zod';

import { attestedSecretsSchema } from './attested-secrets/settings.ts';
import type { AttestedSecretsSettings } from './attested-secrets/settings.ts';
import type { CertificateCache } from './certificate-cache.ts';
import type { PodIdentity } from './key-release/vault-token.ts';

/** `SkrSideCarArgs`, decoded: the configuration that manifests of the reference sidecar carry. */
const sidecarArgumentsSchema = z.object({
  certcache: z
    .object({
      endpoint_type: z.enum(['LocalTHIM', 'AMD', 'AzCache']).optional(),
      endpoint: z.string().optional(),
      tee_type: z.string().optional(),
      api_version: z.string().optional(),
      client_id: z.string().optional(),
    })
    .optional(),
  identity: z.object({ client_id: z.string().optional() }).optional(),
  maaconfig: z.object({ user_agent: z.string().min(1).optional() }).optional(),
});

export const configSchema = z.object({
  host: z
    .string()
    .default('127.0.0.1')
    .meta({ description: 'Address to listen on; other containers of the pod share it' }),
  port: z.int().min(0).max(65535).optional().meta({ description: 'Port to listen on; wins over Port' }),
  Port: z.int().min(0).max(65535).default(9000).meta({ description: 'Port to listen on, as the reference names it' }),
  metrics_port: z.int().min(-1).max(65535).default(-1).meta({ description: 'Port of GET /metrics; 0 any, -1 none' }),
  SkrSideCarArgs: z.string().optional().meta({ description: 'Base64 of the JSON settings of the reference sidecar' }),
  UVM_SECURITY_CONTEXT_DIR: z.string().min(1).optional().meta({ description: 'Folder of the security context' }),
  UVM_SECURITY_POLICY: z.string().optional().meta({ description: 'Base64 policy, where no folder has reference info' }),
  UVM_HOST_AMD_CERTIFICATE: z.string().optional().meta({ description: 'Base64 host certificates, likewise' }),
  UVM_REFERENCE_INFO: z.string().optional().meta({ description: 'Base64 UVM endorsement, likewise' }),
  AttestedSecrets: z.string().optional().meta({
    description: 'Base64 of JSON: secrets to provide as files to the pod, and the keys that open them',
  }),
  ServerType: z
    .enum(['http', 'grpc'])
    .default('http')
    .meta({ description: 'Which interface is served on the port, as the reference names it' }),
  key_info_folder: z
    .string()
    .min(1)
    .default('.')
    .meta({ description: 'gRPC WrapKey: folder of the files <key>-info.json' }),
  snp_report_source: z.enum(['tsm', 'simulated']).default('tsm').meta({
    description:
      'tsm: the Linux report interface. simulated: a development platform whose reports no production root covers',
  }),
  snp_simulated_url: z
    .url({ protocol: /^http$/ })
    .optional()
    .meta({ description: 'Loopback URL of the simulated firmware' }),
  tsm_report_folder: z
    .string()
    .min(1)
    .default('/sys/kernel/config/tsm/report')
    .meta({ description: 'configfs-tsm folder' }),
  AZURE_CLIENT_ID: z.string().optional().meta({ description: 'Workload identity: client id of the application' }),
  AZURE_TENANT_ID: z.string().optional().meta({ description: 'Workload identity: tenant' }),
  AZURE_FEDERATED_TOKEN_FILE: z
    .string()
    .optional()
    .meta({ description: 'Workload identity: file with the token of the pod' }),
  AZURE_AUTHORITY_HOST: z
    .url({ protocol: /^https$/ })
    .default('https://login.microsoftonline.com')
    .meta({ description: 'Workload identity: address of Entra ID' }),
  AZURE_POD_IDENTITY_AUTHORITY_HOST: z
    .url({ protocol: /^http$/ })
    .default('http://169.254.169.254')
    .meta({ description: 'Address of the instance metadata service, which gives tokens of managed identities' }),
  key_wrap_algorithm: z
    .enum(['CKM_RSA_AES_KEY_WRAP', 'RSA_AES_KEY_WRAP_256', 'RSA_AES_KEY_WRAP_384'])
    .default('RSA_AES_KEY_WRAP_256')
    .meta({ description: 'How vaults are asked to encrypt released keys' }),
  allowed_akv_hosts: z
    .array(z.string().min(1))
    .optional()
    .meta({ description: 'host or host:port of the vaults that tokens of the pod may go to; any name when missing' }),
  allowed_maa_hosts: z
    .array(z.string().min(1))
    .optional()
    .meta({ description: 'host or host:port of the attestation services evidence may go to; any name when missing' }),
});

export interface SkrConfig {
  readonly host: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly securityContext: {
    readonly folder: string | undefined;
    readonly policy: string | undefined;
    readonly hostCertificates: string | undefined;
    readonly referenceInfo: string | undefined;
  };
  readonly reportSource:
    | { readonly kind: 'tsm'; readonly folder: string }
    | { readonly kind: 'simulated'; readonly url: string };
  /** URL of the host's certificate service. */
  readonly thimUrl: string;
  /** A cache elsewhere, for certificates of another firmware version. */
  readonly certificateCache: CertificateCache | undefined;
  readonly userAgent: string;
  /** Lower case; undefined allows every name. */
  readonly allowedMaaHosts: readonly string[] | undefined;
  readonly allowedAkvHosts: readonly string[] | undefined;
  readonly identity: PodIdentity;
  readonly keyWrapAlgorithm: KeyWrapAlgorithm;
  readonly serverType: 'http' | 'grpc';
  readonly keyInfoFolder: string;
  /** Secrets to provide as files; none when missing. */
  readonly attestedSecrets: AttestedSecretsSettings | undefined;
}

const METADATA_HOST = '169.254.169.254';
const THIM_PATH = '/metadata/THIM/amd/certification';
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * The settings of the sidecar, from the environment variables of the reference and ours.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE, SKR_SETTINGS_INVALID
 */
export function readConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): SkrConfig {
  const config = loadConfig({
    schema: configSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const sidecar = readVariable('SkrSideCarArgs', config.SkrSideCarArgs, sidecarArgumentsSchema) ?? {};
  const cache = sidecar.certcache;
  return {
    host: config.host,
    port: config.port ?? config.Port,
    metricsPort: config.metrics_port,
    securityContext: {
      folder: config.UVM_SECURITY_CONTEXT_DIR,
      policy: config.UVM_SECURITY_POLICY,
      hostCertificates: config.UVM_HOST_AMD_CERTIFICATE,
      referenceInfo: config.UVM_REFERENCE_INFO,
    },
    reportSource:
      config.snp_report_source === 'tsm'
        ? { kind: 'tsm', folder: config.tsm_report_folder }
        : { kind: 'simulated', url: loopbackUrl(config.snp_simulated_url) },
    thimUrl: thimUrl(cache, config.AZURE_POD_IDENTITY_AUTHORITY_HOST),
    certificateCache: readCertificateCache(cache),
    userAgent: sidecar.maaconfig?.user_agent ?? 'ConfidentialSkrContainer',
    allowedMaaHosts: config.allowed_maa_hosts?.map((name) => name.toLowerCase()),
    allowedAkvHosts: config.allowed_akv_hosts?.map((name) => name.toLowerCase()),
    identity: readIdentity(config, sidecar.identity?.client_id),
    keyWrapAlgorithm: config.key_wrap_algorithm,
    serverType: config.ServerType,
    keyInfoFolder: config.key_info_folder,
    attestedSecrets: readVariable('AttestedSecrets', config.AttestedSecrets, attestedSecretsSchema),
  };
}

function readCertificateCache(
  cache: z.output<typeof sidecarArgumentsSchema>['certcache'],
): CertificateCache | undefined {
  if (cache?.endpoint_type !== 'AMD' && cache?.endpoint_type !== 'AzCache') return undefined;
  const { endpoint = '', tee_type: teeType = '', api_version: apiVersion = '', client_id: clientId = '' } = cache;
  if (!/^[A-Za-z0-9.-]+(?::\d{1,5})?(?:\/[\w.-]+)*$/.test(endpoint)) {
    throw invalid(`SkrSideCarArgs: certcache.endpoint: not a host or host/path, which ${cache.endpoint_type} needs`);
  }
  if (!/^\w+$/.test(teeType)) throw invalid('SkrSideCarArgs: certcache.tee_type: not a name');
  if (cache.endpoint_type === 'AMD') return { kind: 'AMD', endpoint, product: teeType };
  return { kind: 'AzCache', endpoint, teeType, query: [apiVersion, clientId].filter((part) => part !== '').join('&') };
}

/** The certificate service of the host; where the metadata service is elsewhere, its well-known address means that place. */
function thimUrl(cache: z.output<typeof sidecarArgumentsSchema>['certcache'], metadataUrl: string): string {
  const { endpoint_type: type, endpoint } = cache ?? {};
  const local = type === undefined || type === 'LocalTHIM' ? endpoint : undefined;
  const url = `http://${local ?? `${METADATA_HOST}${THIM_PATH}`}`;
  return url.replace(`http://${METADATA_HOST}/`, `${metadataUrl.replace(/\/+$/, '')}/`);
}

/** Workload identity counts only when all three of its variables are there, as in the reference. */
function readIdentity(config: z.output<typeof configSchema>, sidecarClientId: string | undefined): PodIdentity {
  const { AZURE_CLIENT_ID: clientId = '', AZURE_TENANT_ID: tenantId = '' } = config;
  const { AZURE_FEDERATED_TOKEN_FILE: tokenFile = '' } = config;
  return {
    workload:
      clientId === '' || tenantId === '' || tokenFile === ''
        ? undefined
        : { clientId, tenantId, tokenFile, authority: config.AZURE_AUTHORITY_HOST.replace(/\/+$/, '') },
    metadataUrl: config.AZURE_POD_IDENTITY_AUTHORITY_HOST.replace(/\/+$/, ''),
    clientId: sidecarClientId === '' ? undefined : sidecarClientId,
  };
}

/** A variable that holds Base64 of JSON; undefined when it is missing or empty. */
function readVariable<S extends z.ZodType>(name: string, text: string | undefined, schema: S): z.output<S> | undefined {
  if (text === undefined || text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(fromBase64(text.trim())));
  } catch (cause) {
    throw invalid(`${name}: not Base64 of JSON: ${errorMessage(cause)}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(...parsed.error.issues.map((issue) => `${name}: ${issue.path.join('.')}: ${issue.message}`));
}

/** The simulated firmware signs whatever it is asked to; it must not be reachable, or reached, over a network. */
function loopbackUrl(text: string | undefined): string {
  if (text === undefined) throw invalid('snp_simulated_url: missing, while snp_report_source is simulated');
  if (!LOOPBACK.has(new URL(text).hostname)) throw invalid('snp_simulated_url: not an address of this machine');
  return text;
}

function invalid(...problems: string[]): ConfigError {
  return new ConfigError('SKR_SETTINGS_INVALID', problems, { action: 'Correct the named settings.' });
}
