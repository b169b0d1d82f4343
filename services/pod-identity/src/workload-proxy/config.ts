import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { ConfigError } from '@holdfast/base';
import { z } from 'zod';

const text = (description: string) => z.string().min(1).optional().meta({ description });

/** The variables that the workload identity webhook injects, and the flags of the reference's proxy. */
export const workloadProxyConfigSchema = z.object({
  AZURE_TENANT_ID: text('Tenant of the identity; needed'),
  AZURE_CLIENT_ID: text('Identity of requests that name none'),
  AZURE_FEDERATED_TOKEN_FILE: text('File with the service account token; read again for each exchange'),
  AZURE_AUTHORITY_HOST: z.url().default('https://login.microsoftonline.com/').meta({ description: 'Entra ID' }),
  authority_ca_file: text('PEM of the authorities that Entra ID’s certificate may come from; for local clouds'),
  'proxy-port': z.int().min(0).max(65535).default(8000).meta({ description: 'Port on 127.0.0.1; 0 any' }),
  'metadata-ip': z.ipv4().default('169.254.169.254').meta({ description: 'Address of the metadata service' }),
  'metadata-port': z.int().min(1).max(65535).default(80).meta({ description: 'Port of the metadata service' }),
  'metadata-header-required': z
    .boolean()
    .default(true)
    .meta({ description: 'Refuse requests for tokens without Metadata: true; the reference asks for none' }),
  'metadata-timeout-ms': z
    .int()
    .min(100)
    .max(600_000)
    .default(60_000)
    .meta({ description: 'Longest time for one request to Entra ID or the metadata service' }),
});

export type WorkloadProxyConfig = Readonly<z.output<typeof workloadProxyConfigSchema>> & {
  readonly AZURE_TENANT_ID: string;
};

/**
 * Reads the configuration of the proxy.
 * @throws ConfigError PROXY_TENANT_MISSING, CONFIG_INVALID
 */
export function readWorkloadProxyConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): WorkloadProxyConfig {
  const settings = loadConfig({
    schema: workloadProxyConfigSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const { AZURE_TENANT_ID } = settings;
  if (AZURE_TENANT_ID === undefined) {
    throw new ConfigError('PROXY_TENANT_MISSING', ['AZURE_TENANT_ID not set'], {
      action: 'Label the pod azure.workload.identity/use, so that the webhook injects it.',
    });
  }
  return { ...settings, AZURE_TENANT_ID };
}
