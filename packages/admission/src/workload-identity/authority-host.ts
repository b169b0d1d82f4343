import { ConfigError } from '@holdfast/base';

const AUTHORITIES: Readonly<Record<string, string>> = {
  azurecloud: 'https://login.microsoftonline.com/',
  azurepubliccloud: 'https://login.microsoftonline.com/',
  azureusgovernment: 'https://login.microsoftonline.us/',
  azureusgovernmentcloud: 'https://login.microsoftonline.us/',
  azurechinacloud: 'https://login.chinacloudapi.cn/',
  azuregermancloud: 'https://login.microsoftonline.de/',
};

/**
 * Where tokens are exchanged in an Azure cloud.
 * @param cloud Name of the cloud in any case; the public one when empty.
 * @param stackEndpoint Member `activeDirectoryEndpoint` of the environment file of Azure Stack.
 * @throws ConfigError AZURE_CLOUD_UNKNOWN
 */
export function authorityHost(cloud: string, stackEndpoint?: string): string {
  const name = cloud === '' ? 'azurepubliccloud' : cloud.toLowerCase();
  const known = name === 'azurestackcloud' ? stackEndpoint : AUTHORITIES[name];
  if (known !== undefined && Object.hasOwn(AUTHORITIES, name) !== (name === 'azurestackcloud')) return known;
  throw new ConfigError('AZURE_CLOUD_UNKNOWN', [
    `failed to get AAD endpoint: autorest/azure: There is no cloud environment matching the name "${cloud.toUpperCase()}"`,
  ]);
}
