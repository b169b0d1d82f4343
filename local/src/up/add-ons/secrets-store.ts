import type { Clock } from '@holdfast/base';
import { createMetricsRegistry } from '@holdfast/http';
import type { Logger } from '@holdfast/process';
import { createEvents, mountObjects, sdkVaults } from '@holdfast/secrets-store';

import type { SecretsStoreSettings } from '../../kubernetes/kubelet/index.ts';

export interface VaultProviderOptions {
  /** The metadata service of the nodes, such as `http://127.0.0.1:4001`: it knows the identities that are attached to them. */
  readonly metadataUrl: string;
  /** The node's server of pod identity; undefined while the add-on is off. */
  readonly nmiUrl: () => string | undefined;
  /** Entra ID, with a slash at the end. */
  readonly authorityHost: string;
  /** Where vaults are, by whatever name: `127.0.0.1:8444`. */
  readonly vaultPlace: string;
  /** Address of the cluster's nodes, which the network rules of vaults judge. */
  readonly nodeAddress: string;
  /** Whether somebody has a vault of this name: others have no address. */
  readonly hasVault: (name: string) => boolean;
  /** PEM of the authority whose certificates Entra ID and the vaults have. */
  readonly ca: string;
  readonly rotationMs: () => number | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * The Secrets Store CSI driver of a cluster with the provider for Azure. Vaults are asked through the official clients under their
 * public names, which their certificates have; only the connections lead to this machine.
 */
export function secretsStoreSettings(options: VaultProviderOptions): SecretsStoreSettings {
  const { metadataUrl, nmiUrl, authorityHost, vaultPlace, nodeAddress, hasVault, ca, logger, clock } = options;
  const { hostname: host, port } = new URL(`https://${vaultPlace}`);
  const events = createEvents(logger, createMetricsRegistry('secrets-store'));
  const openVault = sdkVaults({
    nmiUrl,
    metadataUrl,
    authorityUrl: authorityHost,
    ca,
    // There is no token proxy here: classes that want one are told so.
    tokenProxy: { url: 'https://127.0.0.1:1', ca: undefined, serverName: undefined },
    placeOf: (vaultHost) => {
      const name = vaultHost.split('.', 1)[0] ?? '';
      return hasVault(name) ? { host, port: Number(port), localAddress: nodeAddress } : 'nowhere';
    },
    clock,
  });
  return {
    provider: async (request) =>
      mountObjects(request, {
        openVault,
        constructPemChain: true,
        separateFiles: false,
        onIncompleteChain: ({ objectName }) => events.chainIncomplete(objectName),
      }),
    events,
    rotationMs: options.rotationMs,
  };
}
