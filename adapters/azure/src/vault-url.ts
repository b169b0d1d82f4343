import { ConfigError } from '@holdfast/base';

/** Hosts whose challenge must name their own domain. Public, China, US Government clouds and Managed HSM. */
const AZURE_VAULT_HOST =
  /^[a-z0-9-]+\.(?:vault|managedhsm)\.(?:azure\.net|azure\.cn|usgovcloudapi\.net|microsoftazure\.de)$/;

/** Whether a host is one of Azure's own vaults or managed HSMs. */
export function isAzureVaultHost(host: string): boolean {
  return AZURE_VAULT_HOST.test(host);
}

/**
 * The URL of a vault.
 * @throws ConfigError AZURE_VAULT_URL_INVALID
 */
export function checkedVaultUrl(text: string): URL {
  const url = URL.parse(text);
  const bare = url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (url === null || url.protocol !== 'https:' || !bare || url.password !== '') {
    // The text is not repeated: an address with a user and password in it must not reach a log.
    const seen =
      url === null ? 'the vault address is not a URL' : `${url.protocol}//${url.host} is not used as it stands`;
    throw new ConfigError('AZURE_VAULT_URL_INVALID', [`${seen}; expected an https URL of a host alone`], {
      action: 'Write the vault address as https://<vault name>.vault.azure.net.',
    });
  }
  return url;
}
