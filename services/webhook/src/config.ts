import { readFileSync } from 'node:fs';

import { authorityHost, DEFAULT_AUDIENCE, peerPodsSettings } from '@holdfast/admission';
import type { CustomTokenEndpoint, PeerPodsSettings, WorkloadIdentitySettings } from '@holdfast/admission';
import { ConfigError, errorMessage } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { z } from 'zod';

const REGISTRY = 'mcr.microsoft.com/oss/v2/azure/workload-identity';
const port = (initial: number, description: string) =>
  z.int().min(-1).max(65535).default(initial).meta({ description });
const optionalText = (description: string) => z.string().min(1).optional().meta({ description });

export const configSchema = z.object({
  host: z.string().default('0.0.0.0').meta({ description: 'Address to listen on' }),
  port: z.int().min(0).max(65535).default(9443).meta({ description: 'Port of the webhook, always TLS; 0 any' }),
  health_port: port(9440, 'Port of GET /healthz and /readyz, plain; 0 any, -1 none'),
  metrics_port: port(8095, 'Port of GET /metrics, plain; 0 any, -1 none'),
  mutations: z
    .array(z.enum(['workload-identity', 'peer-pods']))
    .min(1)
    .default(['workload-identity'])
    .meta({ description: 'What is mutated; each has the path /<name>/mutate-v1-pod, a single one /mutate-v1-pod too' }),
  tls_min_version: z
    .enum(['VersionTLS12', 'VersionTLS13'])
    .default('VersionTLS13')
    .meta({ description: 'Oldest version of TLS' }),

  // Certificates.
  tls_certificate_file: optionalText('PEM chain somebody else renews; read again when it changes'),
  tls_key_file: optionalText('PEM key of that chain'),
  certificate_reload_seconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(10)
    .meta({ description: 'Pause between two looks at the files, or at the secret' }),
  namespace: z
    .string()
    .min(1)
    .default('azure-workload-identity-system')
    .meta({ description: 'Where this service runs' }),
  service_name: z
    .string()
    .min(1)
    .default('azure-wi-webhook-webhook-service')
    .meta({ description: 'Kubernetes Service of this webhook; its names are in the certificate' }),
  certificate_secret: z
    .string()
    .min(1)
    .default('azure-wi-webhook-server-cert')
    .meta({ description: 'Secret with the authority and the certificate that this service makes for itself' }),
  register: z.boolean().default(true).meta({
    description: 'Apply the MutatingWebhookConfigurations and keep their caBundle; needs no certificate files',
  }),

  // The cluster.
  kubeconfig_file: optionalText('Kubeconfig of the cluster; the pod’s own service account when missing'),

  // Workload identity.
  AZURE_TENANT_ID: optionalText('Tenant of the identities; needed for workload-identity'),
  AZURE_ENVIRONMENT: z.string().default('AzurePublicCloud').meta({ description: 'Name of the Azure cloud' }),
  AZURE_ENVIRONMENT_FILEPATH: optionalText('Azure Stack: JSON file with activeDirectoryEndpoint'),
  audience: z.string().min(1).default(DEFAULT_AUDIENCE).meta({ description: 'Audience of the projected tokens' }),
  naming_profile: z
    .enum(['current', 'legacy'])
    .default('current')
    .meta({ description: 'legacy: names and paths of webhooks up to 1.5.1' }),
  PROXY_IMAGE: z.string().min(1).default(`${REGISTRY}/proxy:v1.6.0`).meta({ description: 'Image of azwi-proxy' }),
  PROXY_INIT_IMAGE: z
    .string()
    .min(1)
    .default(`${REGISTRY}/proxy-init:v1.6.0`)
    .meta({ description: 'Image of azwi-proxy-init' }),
  proxy_log_level: z.string().min(1).default('info').meta({ description: 'Log level of azwi-proxy' }),
  custom_token_endpoint_annotation_suffix: optionalText(
    'Pods with azure.workload.identity/use-<suffix> use another endpoint',
  ),
  custom_token_endpoint_audience: optionalText('Audience of tokens for that endpoint'),
  AZURE_KUBERNETES_TOKEN_PROXY: optionalText('Address of that endpoint'),
  AZURE_KUBERNETES_SNI_NAME: optionalText('TLS server name of that endpoint'),
  AZURE_KUBERNETES_CA_DATA: optionalText('PEM certificates of that endpoint’s authority'),
  AZURE_KUBERNETES_CA_CONFIGMAP_NAME: optionalText('ConfigMap with them, key ca.crt'),
  AZURE_KUBERNETES_CA_CTB_SIGNER_NAME: optionalText('Signer of the cluster trust bundle with them'),
  AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR: optionalText('JSON label selector of that bundle'),

  // Peer pods.
  TARGET_RUNTIMECLASS: optionalText('Runtime class of peer pods; kata-remote when missing'),
  TARGET_RUNTIME_CLASS: optionalText('The same, as the product documentation prints it'),
  POD_VM_EXTENDED_RESOURCE: optionalText('Extended resource of one machine; kata.peerpods.io/vm when missing'),
  POD_VM_INSTANCE_TYPE: optionalText('Accepted and without effect: historical'),
});

type Settings = z.output<typeof configSchema>;
export type MutationName = Settings['mutations'][number];

/** The settings of the workload identity mutation that do not depend on the cluster's version. */
export type WorkloadIdentityConfig = Omit<WorkloadIdentitySettings, 'proxy'> & {
  readonly proxy: Omit<WorkloadIdentitySettings['proxy'], 'nativeSidecar'>;
};

export interface WebhookConfig extends Readonly<Settings> {
  readonly workloadIdentity: WorkloadIdentityConfig;
  readonly peerPods: PeerPodsSettings;
  /** Undefined when this service makes its certificate itself. */
  readonly tlsFiles: { readonly certificate: string; readonly key: string } | undefined;
}

/**
 * Reads the configuration.
 * @throws ConfigError with all problems at once
 */
export function readConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): WebhookConfig {
  const settings = loadConfig({
    schema: configSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const problems: string[] = [];
  const tlsFiles = readTlsFiles(settings, problems);
  const workloadIdentity = readWorkloadIdentity(settings, problems);
  if (problems.length > 0) throw new ConfigError('CONFIG_INVALID', problems);
  return { ...settings, workloadIdentity, peerPods: peerPodsSettings(stringsOf(settings)), tlsFiles };
}

function readTlsFiles(settings: Settings, problems: string[]): WebhookConfig['tlsFiles'] {
  const { tls_certificate_file: certificate, tls_key_file: key } = settings;
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  if (certificate !== key) {
    problems.push(
      `${key === undefined ? 'tls_key_file' : 'tls_certificate_file'}: missing, while the other TLS file is set`,
    );
  }
  return undefined;
}

function readWorkloadIdentity(settings: Settings, problems: string[]): WorkloadIdentityConfig {
  const needed = settings.mutations.includes('workload-identity');
  if (needed && settings.AZURE_TENANT_ID === undefined)
    problems.push('AZURE_TENANT_ID: missing, and workload-identity needs it');
  let host = '';
  try {
    host = authorityHost(settings.AZURE_ENVIRONMENT, stackEndpoint(settings));
  } catch (error) {
    problems.push(`AZURE_ENVIRONMENT: ${errorMessage(error)}`);
  }
  const customEndpoint = readCustomEndpoint(settings, problems);
  return {
    tenantId: settings.AZURE_TENANT_ID ?? '',
    authorityHost: host,
    audience: settings.audience,
    profile: settings.naming_profile,
    proxy: {
      image: settings.PROXY_IMAGE,
      initImage: settings.PROXY_INIT_IMAGE,
      logLevel: settings.proxy_log_level,
    },
    ...(customEndpoint === undefined ? {} : { customEndpoint }),
  };
}

/** A file that cannot be read throws: `readWorkloadIdentity` makes a problem of it. */
function stackEndpoint({ AZURE_ENVIRONMENT_FILEPATH: file }: Settings): string | undefined {
  if (file === undefined) return undefined;
  const endpoint = (JSON.parse(readFileSync(file, 'utf8')) as { activeDirectoryEndpoint?: unknown })
    .activeDirectoryEndpoint;
  return typeof endpoint === 'string' ? endpoint : undefined;
}

const LABEL_NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,56}[A-Za-z0-9])?$/;

function readCustomEndpoint(settings: Settings, problems: string[]): CustomTokenEndpoint | undefined {
  const { custom_token_endpoint_annotation_suffix: suffix, custom_token_endpoint_audience: audience } = settings;
  if (suffix === undefined && audience === undefined) return undefined;
  if (suffix === undefined || audience === undefined) {
    problems.push('custom_token_endpoint_annotation_suffix, custom_token_endpoint_audience: set both or neither');
    return undefined;
  }
  if (!LABEL_NAME.test(suffix)) {
    problems.push(
      `custom_token_endpoint_annotation_suffix: azure.workload.identity/use-${suffix} is no annotation key`,
    );
  }
  if (audience.toLowerCase() === settings.audience.toLowerCase()) {
    problems.push('custom_token_endpoint_audience: must differ from audience');
  }
  const ca = readCa(settings, problems);
  return {
    suffix,
    audience,
    tokenProxy: settings.AZURE_KUBERNETES_TOKEN_PROXY ?? '',
    sniName: settings.AZURE_KUBERNETES_SNI_NAME ?? '',
    ...(ca === undefined ? {} : { ca }),
  };
}

function readCa(settings: Settings, problems: string[]): CustomTokenEndpoint['ca'] {
  const data = settings.AZURE_KUBERNETES_CA_DATA;
  const configMap = settings.AZURE_KUBERNETES_CA_CONFIGMAP_NAME;
  const signerName = settings.AZURE_KUBERNETES_CA_CTB_SIGNER_NAME;
  if ([data, configMap, signerName].filter((value) => value !== undefined).length > 1) {
    problems.push('AZURE_KUBERNETES_CA_*: at most one of CA_DATA, CA_CONFIGMAP_NAME and CA_CTB_SIGNER_NAME');
  }
  if (data !== undefined) return { data };
  if (configMap !== undefined) return { configMap };
  if (signerName === undefined) return undefined;
  const selector = settings.AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR;
  if (selector === undefined) return { signerName };
  try {
    return { signerName, labelSelector: z.record(z.string(), z.unknown()).parse(JSON.parse(selector)) };
  } catch {
    problems.push('AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR: no JSON object');
    return undefined;
  }
}

function stringsOf(settings: Settings): Readonly<Record<string, string | undefined>> {
  const { TARGET_RUNTIMECLASS, TARGET_RUNTIME_CLASS, POD_VM_EXTENDED_RESOURCE } = settings;
  return { TARGET_RUNTIMECLASS, TARGET_RUNTIME_CLASS, POD_VM_EXTENDED_RESOURCE };
}
