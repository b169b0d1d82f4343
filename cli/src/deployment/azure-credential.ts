import { chainCredentials } from '@holdfast/azure';

import type { CliIo } from '../context.ts';

/** A way to get tokens, as the Azure SDKs take it. */
export type AzureCredential = ReturnType<typeof chainCredentials>;

/**
 * The identity that a command works with in Azure: of the environment, of the machine, or of the user of the Azure CLI.
 * `tenantId` is the tenant of the configuration, where it names one.
 */
export function azureCredential(env: CliIo['env'], tenantId: string | undefined): AzureCredential {
  return chainCredentials({ env, ...(tenantId === undefined ? {} : { tenantId }) });
}
