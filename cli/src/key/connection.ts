import { readFile } from 'node:fs/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

import { openVaultKeys } from '@holdfast/azure';
import type { VaultKeys } from '@holdfast/azure';
import { errorMessage, RequestError, Secret } from '@holdfast/base';
import { homeLayout, loadAdministrator } from '@holdfast/local/home';

import type { VaultFlags } from '../commands/key.ts';
import type { CliIo } from '../context.ts';
import { homeFolder } from '../home-folder.ts';

/** A vault that commands talk to. */
export interface ConnectedVault {
  readonly vaultUrl: string;
  readonly keys: VaultKeys;
  /** Address of the attestation service beside it, in the local cloud. */
  readonly attestationUrl: string | undefined;
}

/**
 * The vault of --vault with the identity that the Azure SDKs find, or the vault of the local cloud that runs in the home
 * folder, with its administrator. A --vault that is the local one counts as such.
 * @throws RequestError VAULT_NOT_NAMED
 * @throws MalformedError LOCAL_ADMINISTRATOR_UNREADABLE
 * @throws ConfigError AZURE_VAULT_URL_INVALID
 */
export async function connectVault(flags: VaultFlags, io: CliIo): Promise<ConnectedVault> {
  const layout = homeLayout(homeFolder(io, flags.home));
  const local = await runningCloud(layout.readyFile);
  if (flags.vault !== undefined && flags.vault.replace(/\/+$/, '') !== local?.vaultUrl) {
    const vaultUrl = flags.vault.includes('://') ? flags.vault : `https://${flags.vault}`;
    const keys = await openVaultKeys({ vaultUrl, credential: { kind: 'default' } });
    return { vaultUrl: new URL(vaultUrl).origin, keys, attestationUrl: undefined };
  }
  if (local === undefined) {
    throw new RequestError('VAULT_NOT_NAMED', 'no vault is named and no local cloud is running', {
      action: 'Give --vault https://NAME.vault.azure.net, or start holdfast up; --home names its folder.',
    });
  }
  const { tenantId, clientId, clientSecret } = await loadAdministrator(layout.administrator);
  // The SDKs take the authorities of the process; those of the local cloud are trusted in addition.
  setDefaultCACertificates([...getCACertificates('default'), await readText(local.caFile)]);
  const keys = await openVaultKeys({
    vaultUrl: local.vaultUrl,
    credential: {
      kind: 'client-secret',
      tenantId,
      clientId,
      clientSecret: new Secret(clientSecret),
      authorityUrl: local.authorityUrl,
    },
  });
  return { vaultUrl: local.vaultUrl, keys, attestationUrl: local.attestationUrl };
}

/**
 * The text of a file that a command was given.
 * @throws RequestError INPUT_UNREADABLE
 */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new RequestError('INPUT_UNREADABLE', `cannot read ${file}: ${errorMessage(cause)}`, {
      cause,
      action: 'Check the path and the permissions of the file.',
    });
  }
}

interface RunningCloud {
  readonly vaultUrl: string;
  readonly authorityUrl: string;
  readonly caFile: string;
  readonly attestationUrl: string | undefined;
}

async function runningCloud(readyFile: string): Promise<RunningCloud | undefined> {
  try {
    const { azure } = JSON.parse(await readFile(readyFile, 'utf8')) as { azure?: Partial<Record<string, unknown>> };
    const { vaultUrl, authorityUrl, caFile, attestationUrl } = azure ?? {};
    if (typeof vaultUrl !== 'string' || typeof authorityUrl !== 'string' || typeof caFile !== 'string')
      return undefined;
    return {
      vaultUrl,
      authorityUrl,
      caFile,
      attestationUrl: typeof attestationUrl === 'string' ? attestationUrl : undefined,
    };
  } catch {
    return undefined; // no cloud runs there
  }
}
