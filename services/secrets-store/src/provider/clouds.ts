import { errorMessage } from '@holdfast/base';

import { invalidParameters } from './mount-error.ts';

/** Where a cloud keeps its vaults and gives out tokens for them. */
export interface Cloud {
  readonly vaultSuffix: string;
  /** Audience of tokens, without a trailing slash. */
  readonly resource: string;
  /** https URL of Entra ID, without a trailing slash. */
  readonly authority: string;
}

const PUBLIC = cloud('vault.azure.net', 'https://login.microsoftonline.com');
const US_GOVERNMENT = cloud('vault.usgovcloudapi.net', 'https://login.microsoftonline.us');

/** By name in lower case. */
const CLOUDS: ReadonlyMap<string, Cloud> = new Map([
  ['azurepubliccloud', PUBLIC],
  ['azurecloud', PUBLIC],
  ['azureusgovernmentcloud', US_GOVERNMENT],
  ['azureusgovernment', US_GOVERNMENT],
  ['azurechinacloud', cloud('vault.azure.cn', 'https://login.chinacloudapi.cn')],
  ['azuregermancloud', cloud('vault.microsoftazure.de', 'https://login.microsoftonline.de')],
]);

const STACK = 'azurestackcloud';
const VAULT_NAME = /^[-A-Za-z0-9]+$/;

/**
 * The cloud of a class; the public one when it names none.
 * @param stackFile Text of the environment file of Azure Stack (JSON), for `AzureStackCloud` only.
 * @throws RequestError MOUNT_PARAMETERS_INVALID
 */
export function findCloud(name: string, stackFile?: () => string): Cloud {
  const lower = name.toLowerCase();
  if (lower === '') return PUBLIC;
  const known = CLOUDS.get(lower);
  if (known !== undefined) return known;
  const problem = lower === STACK ? undefined : 'there is no cloud environment matching this name';
  if (problem !== undefined) throw invalidParameters(`cloudName ${name} is not valid, error: ${problem}`);
  try {
    return stackCloud(stackFile?.() ?? '');
  } catch (cause) {
    throw invalidParameters(`cloudName ${name} is not valid, error: ${errorMessage(cause)}`, cause);
  }
}

/**
 * The address of a vault by its short name, with a slash at the end.
 * @throws RequestError MOUNT_PARAMETERS_INVALID
 */
export function vaultUrl(name: string, { vaultSuffix }: Pick<Cloud, 'vaultSuffix'>): string {
  if (name.length < 3 || name.length > 24) {
    throw invalidParameters(`Invalid vault name: "${name}", must be between 3 and 24 chars`);
  }
  if (!VAULT_NAME.test(name)) throw invalidParameters(`Invalid vault name: "${name}", must match [-a-zA-Z0-9]{3,24}`);
  return `https://${name}.${vaultSuffix}/`;
}

function cloud(vaultSuffix: string, authority: string): Cloud {
  return { vaultSuffix, resource: `https://${vaultSuffix}`, authority };
}

function stackCloud(text: string): Cloud {
  if (text === '') throw new Error('cloudEnvFileName names no file that can be read');
  const { keyVaultDNSSuffix: suffix, activeDirectoryEndpoint: authority } = JSON.parse(text) as {
    keyVaultDNSSuffix?: unknown;
    activeDirectoryEndpoint?: unknown;
  };
  if (typeof suffix !== 'string' || suffix === '') throw new Error('keyVaultDNSSuffix is missing');
  if (typeof authority !== 'string' || URL.parse(authority)?.protocol !== 'https:') {
    throw new Error('activeDirectoryEndpoint is no https URL');
  }
  return cloud(suffix, authority.replace(/\/+$/, ''));
}
