import { ConfigError, Secret } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { z } from 'zod';

import { createBlobStore } from './blob-store.ts';
import type { BlobCredential } from './blob-container.ts';
import { createDirectoryStore } from './directory-store.ts';
import { readLinkKeyFile } from './link-key-file.ts';
import type { ObjectStore } from './object-store.ts';

/** The settings that say where a service's bucket is; part of the service's own schema. */
export const storageSettings = {
  storage_folder: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'The bucket as a folder of this machine. Either this or storage_account_url.' }),
  storage_account_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'The bucket in Azure Blob Storage: https://<account>.blob.core.windows.net.' }),
  storage_container: z
    .string()
    .regex(/^[a-z0-9](?:-?[a-z0-9])+$/, 'must be the name of a blob container')
    .max(63)
    .optional()
    .meta({ description: 'Container in that account.' }),
  storage_account_key: z
    .string()
    .min(1)
    .transform((text) => new Secret(text))
    .optional()
    .meta({ secret: true, description: 'Key of that account; without it the identity of the workload is used.' }),
  storage_client_id: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Client id of the identity to use, when the workload has several.' }),
  storage_timeout_ms: z
    .number()
    .int()
    .min(100)
    .max(300_000)
    .default(30_000)
    .meta({ description: 'Deadline for an answer of the storage account.' }),
  link_signing_key_file: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'File with 32 or more bytes in hexadecimal that sign links; needed with storage_folder.' }),
} as const;

/** The part of them that says how to get at a storage account whose address is known. */
export const blobAccessSchema = z.object({
  storage_account_key: storageSettings.storage_account_key,
  storage_client_id: storageSettings.storage_client_id,
  storage_timeout_ms: storageSettings.storage_timeout_ms,
});

/** What `storageSettings` reads. */
export interface StorageSettings {
  readonly storage_folder?: string | undefined;
  readonly storage_account_url?: string | undefined;
  readonly storage_container?: string | undefined;
  readonly storage_account_key?: Secret | undefined;
  readonly storage_client_id?: string | undefined;
  readonly storage_timeout_ms: number;
  readonly link_signing_key_file?: string | undefined;
}

/**
 * Every contradiction in the settings, as sentences; none when they name exactly one bucket.
 */
export function storageProblems(settings: StorageSettings): string[] {
  const problems: string[] = [];
  const folder = settings.storage_folder !== undefined;
  const account = settings.storage_account_url !== undefined;
  if (folder === account) {
    problems.push(
      folder
        ? 'name either storage_folder or storage_account_url, not both'
        : 'name a folder here, or a storage account in storage_account_url',
    );
  }
  if (folder && settings.link_signing_key_file === undefined) {
    problems.push('a folder needs link_signing_key_file, the key of its links');
  }
  if (account && settings.storage_container === undefined) {
    problems.push('a storage account needs storage_container');
  }
  return problems;
}

/**
 * The same as the arguments of a schema's `refine`. Unlike other refinements it also runs when single settings are wrong, so
 * that all problems of a configuration are reported together.
 */
export const oneBucket: readonly [
  (settings: unknown) => boolean,
  { path: string[]; error: (issue: { readonly input?: unknown }) => string; when: () => boolean },
] = [
  (settings) => storageProblems(settings as StorageSettings).length === 0,
  {
    path: ['storage_folder'],
    error: (issue) => storageProblems(issue.input as StorageSettings).join('; '),
    when: () => true,
  },
];

export interface OpenStoreOptions {
  /** Where links to a folder lead: the base URL under which `useSignedLinks` serves it. */
  readonly linkBaseUrl: string;
  readonly clock: Clock;
}

/**
 * The bucket that the settings name. Nothing is opened yet; a storage account is first asked at the first call.
 * @throws ConfigError STORAGE_SETTINGS_INVALID
 * @throws ConfigError LINK_KEY_UNUSABLE
 */
export function openObjectStore(settings: StorageSettings, { linkBaseUrl, clock }: OpenStoreOptions): ObjectStore {
  const problems = storageProblems(settings);
  const { storage_folder: folder, storage_account_url: accountUrl, storage_container: container } = settings;
  if (problems.length === 0 && accountUrl !== undefined && container !== undefined) {
    const credential = blobCredential(accountUrl, settings);
    return createBlobStore({ accountUrl, container, credential, clock, timeoutMs: settings.storage_timeout_ms });
  }
  if (problems.length > 0 || folder === undefined || settings.link_signing_key_file === undefined) {
    throw new ConfigError('STORAGE_SETTINGS_INVALID', problems, {
      action: 'Name exactly one bucket: storage_folder, or storage_account_url with storage_container.',
    });
  }
  return createDirectoryStore({ folder, linkBaseUrl, linkKey: readLinkKeyFile(settings.link_signing_key_file), clock });
}

function blobCredential(accountUrl: string, settings: StorageSettings): BlobCredential {
  const { storage_account_key: accountKey, storage_client_id: clientId } = settings;
  if (accountKey === undefined) {
    return { kind: 'managed-identity', ...(clientId === undefined ? {} : { clientId }) };
  }
  return { kind: 'shared-key', accountName: accountNameOf(accountUrl), accountKey };
}

/**
 * The name of the account at this URL, which a shared key needs: the first label of the host; of an emulator, whose
 * host is an address or `localhost`, the first segment of the path.
 */
export function accountNameOf(accountUrl: string): string {
  const { hostname, pathname } = new URL(accountUrl);
  const emulated = hostname === 'localhost' || hostname.startsWith('[') || /^[\d.]+$/.test(hostname);
  return (emulated ? pathname.split('/')[1] : hostname.split('.')[0]) ?? '';
}
