import { existsSync, readFileSync } from 'node:fs';

import { ConfigError, errorMessage } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { z } from 'zod';

const port = (initial: number, description: string) =>
  z.int().min(-1).max(65535).default(initial).meta({ description });
const optionalText = (description: string) => z.string().min(1).optional().meta({ description });
const SERVICE_ACCOUNT_CA = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt';

export const configSchema = z.object({
  mode: z.enum(['provider', 'standalone']).default('provider').meta({
    description:
      'provider: behind the Secrets Store CSI driver. standalone: fills volumes of the pods of a node itself',
  }),
  host: z.string().default('0.0.0.0').meta({ description: 'Address of the health and metrics listeners' }),
  health_port: port(8989, 'Port of GET /healthz and /readyz; 0 any, -1 none'),
  metrics_port: port(8898, 'Port of GET /metrics; 0 any, -1 none'),
  mount_timeout_seconds: z.int().min(1).max(600).default(60).meta({ description: 'Longest time to fetch one volume' }),
  compatible: z
    .boolean()
    .default(false)
    .meta({
      description:
        'Does as the Azure provider and the driver do where that surprises: volume attributes win over the class, foreign Secrets ' +
        'are overwritten, a history has one version more, latest is sent to the vault, unreadable permissions become 0',
    }),

  // The provider.
  socket: z
    .string()
    .min(1)
    .default('/var/run/secrets-store-csi-providers/azure.sock')
    .meta({ description: 'provider: Unix socket where the driver asks' }),
  cloud_name: z.string().default('').meta({ description: 'Cloud of classes that name none; empty for the public one' }),
  construct_pem_chain: z
    .boolean()
    .default(true)
    .meta({ description: 'Order the certificates of a PKCS#12 secret from leaf to root' }),
  write_cert_and_key_in_separate_files: z
    .boolean()
    .default(false)
    .meta({ description: 'Add <file>.crt and <file>.key for secrets that belong to a certificate' }),
  cloud_environment_folder: optionalText(
    'Folder that cloudEnvFileName of a class may name files of; none when missing',
  ),

  // Where tokens come from.
  nmi_url: z
    .url({ protocol: /^https?$/ })
    .default('http://localhost:2579')
    .meta({ description: 'Node Managed Identity, for usePodIdentity' }),
  AZURE_AUTHORITY_HOST: z
    .url({ protocol: /^https$/ })
    .optional()
    .meta({ description: 'Entra ID, where it is not that of the cloud' }),
  azure_ca_file: optionalText('PEM of authorities that vaults and Entra ID may have, for clouds elsewhere'),
  vault_addresses: z
    .record(z.string(), z.url({ protocol: /^https$/ }))
    .default({})
    .meta({ description: 'Addresses of vaults by name, where they are not in a cloud' }),
  token_proxy_url: z
    .url({ protocol: /^https$/ })
    .default('https://kubernetes.default.svc.cluster.local')
    .meta({ description: 'Token proxy of the cluster, for useAzureTokenProxy' }),
  token_proxy_ca_file: optionalText(
    'PEM of the authority of the token proxy; that of the service account when missing',
  ),
  sni_name: optionalText('Server name to ask the token proxy for'),

  // Stand-alone.
  kubeconfig_file: optionalText('standalone: kubeconfig of the cluster; the service account of the pod when missing'),
  node_name: optionalText('standalone: name of the node whose pods are looked after'),
  mounts_folder: z
    .string()
    .min(1)
    .default('/var/lib/kubelet/pods')
    .meta({ description: 'standalone: folder below which volumes are filled, as kubelet lays it out' }),
  rotation: z.boolean().default(true).meta({ description: 'standalone: fetch again at an interval' }),
  rotation_poll_seconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(120)
    .meta({ description: 'standalone: interval of rotation and of looking after mirrored Secrets' }),
});

export type SecretsStoreConfig = Readonly<z.output<typeof configSchema>> & {
  readonly azureCa: string | undefined;
  readonly tokenProxyCa: string | undefined;
};

/**
 * The settings with the files they name.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE, SECRETS_STORE_SETTINGS_INVALID
 */
export function readConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): SecretsStoreConfig {
  const config = loadConfig({
    schema: configSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const problems: string[] = [];
  if (config.mode === 'standalone' && config.node_name === undefined) problems.push('node_name: missing');
  const read = (name: 'azure_ca_file' | 'token_proxy_ca_file'): string | undefined => {
    const file = config[name];
    if (file === undefined) return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      problems.push(`${name}: ${errorMessage(error)}`);
      return undefined;
    }
  };
  const azureCa = read('azure_ca_file');
  const tokenProxyCa =
    read('token_proxy_ca_file') ??
    (existsSync(SERVICE_ACCOUNT_CA) ? readFileSync(SERVICE_ACCOUNT_CA, 'utf8') : undefined);
  if (problems.length > 0) throw new ConfigError('SECRETS_STORE_SETTINGS_INVALID', problems);
  return Object.freeze({ ...config, azureCa, tokenProxyCa });
}
