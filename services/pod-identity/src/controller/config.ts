import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { z } from 'zod';

const optionalText = (description: string) => z.string().min(1).optional().meta({ description });
const port = (initial: number, description: string) =>
  z.int().min(-1).max(65535).default(initial).meta({ description });

/** Settings of the controller of standard mode; those of the reference have its flags' names. */
export const controllerConfigSchema = z.object({
  forceNamespaced: z
    .boolean()
    .default(true)
    .meta({ description: 'Identities are for pods of their own namespace; false lets any pod have any by its label' }),
  FORCENAMESPACED: z.boolean().optional().meta({ description: 'Environment variable of the reference; true wins' }),
  'immutable-user-msis': z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'Client ids of identities that are never detached: keeps them warm' }),
  'own-identities': z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'Resource ids that are never detached, such as the kubelet’s identity' }),
  syncRetryInterval: z
    .int()
    .min(5)
    .max(86_400)
    .default(180)
    .meta({ description: 'Seconds between two rounds when nothing changes' }),
  subscription: z.string().min(1).meta({ description: 'Subscription of the nodes' }),
  AZURE_TENANT_ID: optionalText('Tenant to sign in to'),
  leaderElection: z.boolean().default(true).meta({ description: 'Work only while holding the Lease' }),
  leaderElectionNamespace: z.string().min(1).default('default').meta({ description: 'Namespace of the Lease' }),
  leaderElectionName: z.string().min(1).default('aad-pod-identity-mic').meta({ description: 'Name of the Lease' }),
  leaderElectionDuration: z.int().min(5).max(600).default(15).meta({ description: 'Seconds that the Lease holds' }),
  POD_NAME: optionalText('Name of this process in the Lease; made at the start when missing'),
  'http-probe-port': port(8080, 'Port of GET /healthz; 0 any, -1 none'),
  'prometheus-port': port(8888, 'Port of GET /metrics; 0 any, -1 none'),
  kubeconfig_file: optionalText('Kubeconfig of the cluster; the pod’s own service account when missing'),
});

export type ControllerConfig = Readonly<z.output<typeof controllerConfigSchema>>;

/**
 * Reads the configuration of the controller.
 * @throws ConfigError with all problems at once
 */
export function readControllerConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): ControllerConfig {
  const settings = loadConfig({
    schema: controllerConfigSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  return { ...settings, forceNamespaced: settings.forceNamespaced || settings.FORCENAMESPACED === true };
}
