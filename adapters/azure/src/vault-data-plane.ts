import type { HttpClient } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import type { SecretClient, SecretProperties } from '@azure/keyvault-secrets';
import { Secret } from '@holdfast/base';
import type { CallOptions, SecretVersion, VaultPort } from '@holdfast/deployment';

import { AnswerLog } from './arm/answer-log.ts';
import type { CallRecord } from './arm/answer-log.ts';
import { AzureError, azureError, unusable } from './arm/azure-error.ts';
import { untilAborted } from './until-aborted.ts';
import { checkedVaultUrl, isAzureVaultHost } from './vault-url.ts';

export interface VaultClientOptions {
  readonly credential: TokenCredential;
  /** PEM of the authorities that the vaults' certificates may come from, instead of the usual ones. */
  readonly tls?: { readonly ca: string };
  /** Sends the requests instead of the SDK's own client: for tests. */
  readonly httpClient?: HttpClient;
  /** Repetitions of a request after 408, 429, 5xx and broken connections; 3 when missing. */
  readonly maxRetries?: number;
  /** Before the first repetition, doubling; 1 second when missing. */
  readonly retryDelayMs?: number;
  /** Longest time for a call, in milliseconds; 2 minutes when missing. */
  readonly timeoutMs?: number;
}

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
  const clients = new Map<string, Promise<SecretClient>>();
  const clientOf = (vaultUrl: string): Promise<SecretClient> => {
    const url = checkedVaultUrl(vaultUrl);
    const client = clients.get(url.origin) ?? openClient(url, options, log);
    clients.set(url.origin, client);
    return client;
  };

  const call = async <T>(
    vaultUrl: string,
    subject: { readonly doing: string; readonly secrets?: readonly string[] },
    given: CallOptions | undefined,
    work: (client: SecretClient, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const deadline = AbortSignal.timeout(options.timeoutMs ?? 120_000);
    const signal = given?.signal === undefined ? deadline : AbortSignal.any([given.signal, deadline]);
    const record: CallRecord = { answer: undefined };
    try {
      signal.throwIfAborted();
      const client = await clientOf(vaultUrl);
      return await untilAborted(
        log.run(record, () => work(client, signal)),
        signal,
      );
    } catch (thrown) {
      throw azureError(thrown, { ...subject, answer: record.answer, signal });
    }
  };

  return {
    secretVersions: async (vaultUrl, name, given) => {
      try {
        return await call(vaultUrl, { doing: `listing the secret ${name}` }, given, async (client, abortSignal) => {
          const versions: SecretVersion[] = [];
          for await (const version of client.listPropertiesOfSecretVersions(name, { abortSignal })) {
            versions.push(shown(version));
          }
          return versions.toSorted((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0));
        });
      } catch (thrown) {
        if (thrown instanceof AzureError && thrown.problem.status === 404) return [];
        throw thrown;
      }
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
  };
}

async function openClient(url: URL, options: VaultClientOptions, log: AnswerLog): Promise<SecretClient> {
  const { SecretClient: Client } = await import('@azure/keyvault-secrets');
  return new Client(url.origin, options.credential, {
    serviceVersion: SECRETS_API,
    disableChallengeResourceVerification: !isAzureVaultHost(url.hostname),
    additionalPolicies: [{ policy: log.policy, position: 'perRetry' }],
    retryOptions: {
      maxRetries: options.maxRetries ?? 3,
      ...(options.retryDelayMs === undefined ? {} : { retryDelayInMs: options.retryDelayMs }),
    },
    ...(options.httpClient === undefined ? {} : { httpClient: options.httpClient }),
    ...(options.tls === undefined ? {} : { tlsOptions: { ca: options.tls.ca } }),
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
