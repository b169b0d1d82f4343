import { DependencyError, Secret } from '@holdfast/base';

import { untilAborted } from './until-aborted.ts';
import { vaultError } from './vault-error.ts';
import { checkedVaultUrl, isAzureVaultHost } from './vault-url.ts';

export interface FetchSecretOptions {
  /** `https://<vault name>.vault.azure.net`, or another https host that speaks the Key Vault protocol. */
  readonly vaultUrl: string;
  readonly secretName: string;
  /** Client id of the user-assigned identity; needed when the workload has several. */
  readonly clientId?: string;
  /**
   * `managed-identity` (default): the identity of this container group, pod or machine, workload identity included.
   * `default`: the SDK's whole chain, which on a workstation also tries the signed-in developer.
   */
  readonly credential?: 'managed-identity' | 'default';
  /** Longest time for everything, retries of the SDKs included, in milliseconds; 30 seconds when missing. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface FetchedSecret {
  readonly value: Secret;
  /** 32 hexadecimal digits. */
  readonly version: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number | undefined;
}

/**
 * Reads the newest version of a Key Vault secret with the identity of this workload, through the official Azure SDKs.
 * The SDKs are loaded at the first call: they take long to import, and most processes never need them. They keep tokens
 * and the choice of the identity endpoint for the life of the process.
 *
 * For a host outside Azure's vault domains the check that a challenge names the vault's own domain is switched off, since
 * such a host cannot pass it; whoever configures such a host trusts it with a token for Key Vault.
 * @throws ConfigError AZURE_VAULT_URL_INVALID
 * @throws DependencyError AZURE_CREDENTIAL_UNAVAILABLE when no identity gets a token
 * @throws DependencyError AZURE_FORBIDDEN when the vault refuses the identity, or the secret is disabled
 * @throws DependencyError SECRET_NOT_FOUND
 * @throws DependencyError AZURE_UNREACHABLE when there is no answer before the deadline, or the vault itself fails
 * @throws DependencyError AZURE_ANSWER_UNUSABLE for everything else, an empty secret included
 */
export async function fetchSecret(options: FetchSecretOptions): Promise<FetchedSecret> {
  const vaultUrl = checkedVaultUrl(options.vaultUrl);
  const timeoutMs = options.timeoutMs ?? 30_000;
  const subject = { vaultUrl: vaultUrl.origin, secretName: options.secretName };
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  try {
    return await untilAborted(readSecret(vaultUrl, options, signal), signal);
  } catch (thrown) {
    if (thrown instanceof DependencyError) throw thrown;
    if (signal.aborted) {
      const problem = deadline.aborted ? `did not yield the secret within ${timeoutMs} ms` : 'was asked no longer';
      throw new DependencyError('AZURE_UNREACHABLE', `the vault ${subject.vaultUrl} ${problem}`, {
        retryable: deadline.aborted,
        cause: thrown,
        details: { ...subject, timeoutMs },
        action: 'Check that the identity endpoint and the vault can be reached from this workload.',
      });
    }
    throw vaultError(thrown, subject);
  }
}

async function readSecret(vaultUrl: URL, options: FetchSecretOptions, signal: AbortSignal): Promise<FetchedSecret> {
  const [{ SecretClient }, { DefaultAzureCredential, ManagedIdentityCredential }] = await Promise.all([
    import('@azure/keyvault-secrets'),
    import('@azure/identity'),
  ]);
  const { clientId } = options;
  const credential =
    options.credential === 'default'
      ? new DefaultAzureCredential(clientId === undefined ? {} : { managedIdentityClientId: clientId })
      : new ManagedIdentityCredential(clientId === undefined ? {} : { clientId });
  const client = new SecretClient(vaultUrl.origin, credential, {
    disableChallengeResourceVerification: !isAzureVaultHost(vaultUrl.hostname),
  });
  const secret = await client.getSecret(options.secretName, { abortSignal: signal });
  if (secret.value === undefined || secret.value === '') {
    throw new DependencyError('AZURE_ANSWER_UNUSABLE', `the secret ${options.secretName} is empty`, {
      retryable: false,
      details: { vaultUrl: vaultUrl.origin, secretName: options.secretName },
      action: 'Set a value for the secret.',
    });
  }
  return {
    value: new Secret(secret.value),
    version: secret.properties.version,
    expiresAt: secret.properties.expiresOn?.getTime(),
  };
}
