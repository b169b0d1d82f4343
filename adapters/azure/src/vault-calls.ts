import type { HttpClient } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import type { CallOptions } from '@holdfast/deployment';

import type { AnswerLog, CallRecord } from './arm/answer-log.ts';
import { AzureError, azureError } from './arm/azure-error.ts';
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

/** Runs a call of one of the SDK's clients on a vault. */
export type VaultCall<CLIENT> = <T>(
  vaultUrl: string,
  subject: { readonly doing: string; readonly secrets?: readonly string[] },
  given: CallOptions | undefined,
  work: (client: CLIENT, abortSignal: AbortSignal) => Promise<T>,
) => Promise<T>;

/**
 * Calls with a deadline on a client for each vault, which is opened at its first call.
 * @throws AzureError (from every call) for every answer that is not success
 * @throws ConfigError AZURE_VAULT_URL_INVALID
 */
export function vaultCaller<CLIENT>(
  options: VaultClientOptions,
  log: AnswerLog,
  open: (url: URL) => Promise<CLIENT>,
): VaultCall<CLIENT> {
  const clients = new Map<string, Promise<CLIENT>>();
  const clientOf = (vaultUrl: string): Promise<CLIENT> => {
    const url = checkedVaultUrl(vaultUrl);
    const client = clients.get(url.origin) ?? open(url);
    clients.set(url.origin, client);
    return client;
  };
  return async (vaultUrl, subject, given, work) => {
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
}

/** What a vault answers; undefined when it has no such thing. */
export async function unlessAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof AzureError && thrown.problem.status === 404) return undefined;
    throw thrown;
  }
}

/** What the clients of secrets and of keys have in common. */
export function clientOptions(url: URL, options: VaultClientOptions, log: AnswerLog) {
  return {
    disableChallengeResourceVerification: !isAzureVaultHost(url.hostname),
    additionalPolicies: [{ policy: log.policy, position: 'perRetry' as const }],
    retryOptions: {
      maxRetries: options.maxRetries ?? 3,
      ...(options.retryDelayMs === undefined ? {} : { retryDelayInMs: options.retryDelayMs }),
    },
    ...(options.httpClient === undefined ? {} : { httpClient: options.httpClient }),
    ...(options.tls === undefined ? {} : { tlsOptions: { ca: options.tls.ca } }),
  };
}
