import type { SecretClient, SecretProperties } from '@azure/keyvault-secrets';
import { Secret } from '@holdfast/base';
import type { SecretVersion, VaultPort } from '@holdfast/deployment';

import { AnswerLog } from './arm/answer-log.ts';
import { unusable } from './arm/azure-error.ts';
import { clientOptions, unlessAbsent, vaultCaller } from './vault-calls.ts';
import type { VaultClientOptions } from './vault-calls.ts';
import { createVaultKeyPort } from './vault-key-port.ts';

/** The version of the data plane that requests name, whatever the installed SDK prefers. */
const SECRETS_API = '7.6';

/**
 * Secrets of Key Vaults through the official SDK, which is loaded at the first call. Values of secrets are in no error and
 * in no log. For hosts outside Azure's vault domains the check that a challenge names the vault's own domain is off.
 * @throws AzureError (from every method) as `createArmClient` says; `problem.code` is the innermost code, so that a missing
 *   role (`ForbiddenByRbac`), a firewall (`ForbiddenByFirewall`) and a disabled secret (`SecretDisabled`) are told apart
 * @throws ConfigError AZURE_VAULT_URL_INVALID
 */
export function createVaultClient(options: VaultClientOptions): VaultPort {
  const log = new AnswerLog({ keepSuccess: false });
  const call = vaultCaller(options, log, (url) => openClient(url, options, log));
  return {
    secretVersions: async (vaultUrl, name, given) => {
      const listing = call(vaultUrl, { doing: `listing the secret ${name}` }, given, async (client, abortSignal) => {
        const versions: SecretVersion[] = [];
        for await (const version of client.listPropertiesOfSecretVersions(name, { abortSignal })) {
          versions.push(shown(version));
        }
        return versions.toSorted((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0));
      });
      return (await unlessAbsent(listing)) ?? [];
    },
    setSecret: async (vaultUrl, name, value, tags, given) => {
      const opened = value.reveal();
      const subject = { doing: `setting the secret ${name}`, secrets: [opened] };
      return await call(vaultUrl, subject, given, async (client, abortSignal) =>
        shown((await client.setSecret(name, opened, { tags: { ...tags }, abortSignal })).properties),
      );
    },
    getSecret: async (vaultUrl, name, version, given) =>
      await call(vaultUrl, { doing: `reading the secret ${name}` }, given, async (client, abortSignal) => {
        const read = await client.getSecret(name, { abortSignal, ...(version === undefined ? {} : { version }) });
        if (read.value === undefined) throw unusable(`reading the secret ${name}`, 'it has no value');
        return new Secret(read.value);
      }),
    setEnabled: async (vaultUrl, name, version, enabled, given) => {
      await call(vaultUrl, { doing: `changing the secret ${name}` }, given, (client, abortSignal) =>
        client.updateSecretProperties(name, version, { enabled, abortSignal }),
      );
    },
    keys: createVaultKeyPort(options),
  };
}

async function openClient(url: URL, options: VaultClientOptions, log: AnswerLog): Promise<SecretClient> {
  const { SecretClient: Client } = await import('@azure/keyvault-secrets');
  return new Client(url.origin, options.credential, {
    serviceVersion: SECRETS_API,
    ...clientOptions(url, options, log),
  });
}

function shown(properties: SecretProperties): SecretVersion {
  return {
    version: properties.version ?? '',
    enabled: properties.enabled ?? true,
    tags: properties.tags ?? {},
    createdAt: properties.createdOn?.getTime(),
  };
}
