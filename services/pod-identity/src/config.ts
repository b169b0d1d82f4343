import { ConfigError } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { z } from 'zod';

const port = (initial: number, description: string) =>
  z.int().min(-1).max(65535).default(initial).meta({ description });
const count = (initial: number, description: string) => z.int().min(0).max(1000).default(initial).meta({ description });
const seconds = (initial: number, description: string) =>
  z.int().min(1).max(86_400).default(initial).meta({ description });
const address = (initial: string, description: string) => z.ipv4().default(initial).meta({ description });

/** Settings have the names of the reference's flags, so that a manifest can be taken over. */
export const configSchema = z.object({
  'nmi-port': z.int().min(0).max(65535).default(2579).meta({ description: 'Port that pods are redirected to; 0 any' }),
  'nmi-listen-address': address('127.0.0.1', 'Address to listen on'),
  'metadata-ip': address('169.254.169.254', 'Address of the metadata service'),
  'metadata-port': z.int().min(1).max(65535).default(80).meta({ description: 'Port of the metadata service' }),
  'metadata-timeout-ms': z
    .int()
    .min(100)
    .max(600_000)
    .default(60_000)
    .meta({ description: 'Longest time for one request to the metadata service or Entra ID' }),
  'operation-mode': z
    .string()
    .toLowerCase()
    .pipe(z.enum(['standard', 'managed']))
    .default('standard')
    .meta({
      description:
        'managed: AKS attaches identities, and only bindings are read; standard: the controller assigns them',
    }),
  forceNamespaced: z
    .boolean()
    .default(true)
    .meta({ description: 'Identities are for pods of their own namespace; false lets any pod have any by its label' }),
  FORCENAMESPACED: z.boolean().optional().meta({ description: 'Environment variable of the reference; true wins' }),
  rules: z
    .enum(['strict', 'compatible'])
    .default('strict')
    .meta({ description: 'strict: the safer rules of docs/guides/identity.md; compatible: as the reference answers' }),
  MICNamespace: z.string().min(1).default('default').meta({ description: 'Namespace of the controller' }),
  'retry-attempts-for-created': count(16, 'Standard mode: looks for an assignment'),
  'retry-attempts-for-assigned': count(4, 'Standard mode: further looks until it is attached'),
  'find-identity-retry-interval': seconds(5, 'Standard mode: pause between two looks'),
  'block-instance-metadata': z.boolean().default(false).meta({ description: 'Refuse /metadata/instance' }),
  'metadata-header-required': z.boolean().default(true).meta({ description: 'Refuse requests without Metadata: true' }),
  'set-retry-after-header': z
    .boolean()
    .default(false)
    .meta({ description: 'Answer 503 with Retry-After instead of 404 when no identity is found' }),
  'json-errors': z.boolean().default(false).meta({
    description: 'Errors as JSON, which the Azure SDKs for JavaScript show; plain text as the reference otherwise',
  }),
  'primary-token-only': z
    .boolean()
    .default(false)
    .meta({ description: 'Leave the tokens of auxiliary tenants out: clients that expect an object refuse a list' }),
  'max-waiting-per-pod': z
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .meta({ description: 'Requests of one address that may wait at the same time' }),
  authorities: z
    .array(z.string().min(1))
    .default([
      'login.microsoftonline.com',
      'login.microsoftonline.us',
      'login.chinacloudapi.cn',
      'login.partner.microsoftonline.cn',
    ])
    .meta({ description: 'Hosts that client secrets of AzureIdentities may be sent to' }),
  redirect: z
    .enum(['none', 'nftables', 'iptables'])
    .default('none')
    .meta({ description: 'Redirect pods here while this runs; none: holdfast identity redirect does it' }),
  'ipt-update-interval-sec': seconds(60, 'Pause between two repairs of the redirection'),
  'enable-conntrack-deletion': z
    .boolean()
    .default(false)
    .meta({ description: 'End connections to the metadata service that began before the redirection' }),
  'allow-network-plugin-kubenet': z.boolean().default(false).meta({ description: 'Run on kubenet (CVE-2021-1677)' }),
  'kubelet-config': z
    .string()
    .min(1)
    .default('/etc/default/kubelet')
    .meta({ description: 'File that is searched for kubenet' }),
  node: z.string().min(1).optional().meta({ description: 'Name of this node' }),
  NODE_NAME: z.string().min(1).optional().meta({ description: 'The same, from the downward API' }),
  'http-probe-port': port(8080, 'Port of GET /healthz; 0 any, -1 none'),
  'prometheus-port': port(9090, 'Port of GET /metrics; 0 any, -1 none'),
  enableScaleFeatures: z.boolean().default(true).meta({ description: 'List only assignments of this node' }),
  kubeconfig_file: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Kubeconfig of the cluster; the pod’s own service account when missing' }),
});

type Settings = z.output<typeof configSchema>;

export interface NmiConfig extends Readonly<Settings> {
  readonly node: string;
}

/**
 * Reads the configuration of the node's server.
 * @throws ConfigError CONFIG_INVALID with all problems, or NMI_NOT_NAMESPACED
 */
export function readConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): NmiConfig {
  const settings = loadConfig({
    schema: configSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const node = settings.node ?? settings.NODE_NAME;
  if (node === undefined) throw new ConfigError('CONFIG_INVALID', ['node: missing, and NODE_NAME is, too']);
  const config = { ...settings, node, forceNamespaced: settings.forceNamespaced || settings.FORCENAMESPACED === true };
  assertNamespaced(config);
  return config;
}

/**
 * Managed mode has no controller that would keep namespaces apart.
 * @throws ConfigError NMI_NOT_NAMESPACED
 */
export function assertNamespaced(config: {
  readonly 'operation-mode': 'standard' | 'managed';
  readonly forceNamespaced: boolean;
}): void {
  if (config['operation-mode'] === 'standard' || config.forceNamespaced) return;
  throw new ConfigError('NMI_NOT_NAMESPACED', ['managed mode not intialized in force namespaced mode'], {
    action: 'Leave forceNamespaced at true, or use standard mode.',
  });
}
