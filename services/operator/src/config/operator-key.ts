import { Secret } from '@holdfast/base';

import type { LaunchSettings } from '../lifecycle/launch-settings.ts';
import { text } from './setting-types.ts';
import type { Values } from './setting-types.ts';

/** Where the operator key is. */
export const operatorKey = {
  core_api_token: text.optional().meta({ secret: true, description: 'The operator key itself, outside an enclave.' }),
  azure_vault_name: text.optional().meta({ description: 'Name of the Key Vault; VAULT_NAME when missing.' }),
  azure_secret_name: text
    .optional()
    .meta({ description: 'Name of the secret; OPERATOR_KEY_SECRET_NAME when missing.' }),
  azure_vault_url: text.optional().meta({ description: 'Replaces `https://<vault name>.vault.azure.net`.' }),
};

/** Where the operator key comes from. */
export type OperatorKeySource =
  | { readonly from: 'configuration'; readonly key: Secret }
  | { readonly from: 'vault'; readonly vaultUrl: string; readonly secretName: string };

/** What is wrong goes to `problems`. */
export function operatorKeySource(
  settings: Values<typeof operatorKey>,
  launch: LaunchSettings | undefined,
  problems: string[],
): OperatorKeySource {
  if (launch === undefined && settings.core_api_token !== undefined && settings.core_api_token !== '') {
    return { from: 'configuration', key: new Secret(settings.core_api_token) };
  }
  const vaultName = settings.azure_vault_name ?? launch?.vaultName;
  const vaultUrl = settings.azure_vault_url ?? (vaultName ? `https://${vaultName}.vault.azure.net` : undefined);
  const secretName = settings.azure_secret_name ?? launch?.secretName;
  if (vaultUrl === undefined || secretName === undefined || secretName === '') {
    problems.push('core_api_token: set it, or azure_vault_name and azure_secret_name');
    return { from: 'vault', vaultUrl: '', secretName: '' };
  }
  return { from: 'vault', vaultUrl, secretName };
}
