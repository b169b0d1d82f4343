import { createArmClient, createVaultClient } from '@holdfast/azure';
import type { EnginePorts } from '@holdfast/deployment';
import { openKubernetes } from '@holdfast/kubernetes';

import type { CliIo } from '../context.ts';
import { azureCredential } from './azure-credential.ts';
import { createHttpProbe } from './http-probe.ts';

/** The part of the engine's ports that differs between Azure and the local cloud. */
export interface Target extends Pick<EnginePorts, 'arm' | 'vault' | 'openCluster' | 'http'> {
  readonly kind: 'azure' | 'local';
  /** Subscription that is worked in. */
  readonly subscriptionId: string;
  /** Tenant of the identity; undefined when only a token will tell. */
  readonly tenantId: string | undefined;
  /** Ends what is kept open. */
  close(): Promise<void>;
}

/**
 * Azure itself, with the identity that is found at the first call. Nothing is asked, and no SDK is loaded, before that.
 */
export function connectAzure(
  io: Pick<CliIo, 'env'>,
  config: { readonly subscriptionId: string; readonly tenantId?: string | undefined },
): Target {
  const { subscriptionId, tenantId } = config;
  const credential = azureCredential(io.env, tenantId);
  const http = createHttpProbe();
  return {
    kind: 'azure',
    subscriptionId,
    tenantId,
    arm: createArmClient({ subscriptionId, credential, clock: Date.now }),
    vault: createVaultClient({ credential }),
    openCluster: async (kubeconfig) => await openKubernetes(kubeconfig),
    http,
    close: async () => {
      await http.close();
    },
  };
}
