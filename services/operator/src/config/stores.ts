import { z } from 'zod';

import type { LaunchSettings } from '../lifecycle/launch-settings.ts';
import type { Values } from './setting-types.ts';

const intervalMs = z.number().int().min(100).max(86_400_000).default(10_000);

/** Where everything is that an operator keeps from Core, and how often it is read. */
export const stores = {
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
};

/** Something for each store. */
interface OfStores<T> {
  readonly clients: T;
  readonly keysets: T;
  readonly keysetKeys: T;
  readonly salts: T;
  readonly cloudEncryptionKeys: T;
  readonly runtimeConfig: T;
  readonly sites: T;
  readonly clientSideKeypairs: T;
  readonly services: T;
  readonly serviceLinks: T;
}

export interface StoresConfig {
  /** Where each store's metadata is. Full URLs. */
  readonly storeUrls: OfStores<string>;
  readonly encryptedFiles: boolean;
  readonly intervalsMs: OfStores<number>;
}

type Settings = Values<typeof stores>;

/** @param attestUrl Core's: the metadata is at the same host unless a setting says otherwise */
export function storesConfig(settings: Settings, launch: LaunchSettings | undefined, attestUrl: string): StoresConfig {
  return {
    storeUrls: storeUrls(settings, URL.canParse(attestUrl) ? attestUrl : 'http://unknown'),
    // UID2's own environments publish encrypted views; a Core of one's own need not.
    encryptedFiles: settings.encrypted_files ?? launch?.publishedServices ?? false,
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
  };
}

function storeUrls(settings: Settings, coreUrl: string): OfStores<string> {
  const atCore = (path: string): string => new URL(path, coreUrl).href;
  return {
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
  };
}
