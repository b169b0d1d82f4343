import { Agent } from 'node:https';
import { connect } from 'node:tls';

import type { SecretClientOptions } from '@azure/keyvault-secrets';
import { errorMessage, DependencyError } from '@holdfast/base';

import type { OpenVault } from '../provider/provider.ts';
import type { ListedVersion } from '../provider/versions.ts';
import { credentialFor } from './credentials.ts';
import type { CredentialSettings } from './credentials.ts';

/** What the SDKs throw, as far as it is read here. */
interface SdkError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly statusCode?: unknown;
  /** The body of the refusal, read by the SDK. */
  readonly details?: unknown;
}

type PipelinePolicy = NonNullable<SecretClientOptions['additionalPolicies']>[number]['policy'];

interface VersionProperties {
  readonly version?: string;
  readonly enabled?: boolean;
  readonly createdOn?: Date;
}

const RETRIES = { maxRetries: 3, retryDelayInMs: 500, maxRetryDelayInMs: 4_000 };

/** Where a vault answers that is not where its name resolves to. Its certificate is asked for under its own name all the same. */
export interface VaultPlace {
  readonly host: string;
  readonly port: number;
  /** Address of this machine that connections come from; any when missing. */
  readonly localAddress?: string;
}

export interface VaultSettings extends CredentialSettings {
  /**
   * By the host of the vault, such as `azure-vote.vault.azure.net`; undefined for what its name resolves to, `nowhere` for a name
   * that nobody has.
   */
  readonly placeOf?: (host: string) => VaultPlace | 'nowhere' | undefined;
}

/** Opens vaults with the official clients of Key Vault, which are loaded at the first call. */
export function sdkVaults(settings: VaultSettings): OpenVault {
  return async (url, parameters, signal) => {
    const [credential, { SecretClient }, { KeyClient }, { CertificateClient }] = await Promise.all([
      credentialFor(parameters, settings),
      import('@azure/keyvault-secrets'),
      import('@azure/keyvault-keys'),
      import('@azure/keyvault-certificates'),
    ]);
    const options = {
      retryOptions: RETRIES,
      // A vault that is not where its cloud has it is named by the configuration, not by whoever answers.
      disableChallengeResourceVerification: !new URL(url).host.endsWith(`.${parameters.cloud.vaultSuffix}`),
      ...(settings.ca === undefined ? {} : { tlsOptions: { ca: settings.ca } }),
      ...placement(settings, new URL(url).hostname),
    };
    const secrets = new SecretClient(url, credential, options);
    const keys = new KeyClient(url, credential, options);
    const certificates = new CertificateClient(url, credential, options);
    const call = signal === undefined ? {} : { abortSignal: signal };
    const at = (version: string | undefined) => ({ ...call, ...(version === undefined ? {} : { version }) });
    const lists = {
      secret: (name: string) => secrets.listPropertiesOfSecretVersions(name, call),
      key: (name: string) => keys.listPropertiesOfKeyVersions(name, call),
      cert: (name: string) => certificates.listPropertiesOfCertificateVersions(name, call),
    };
    return {
      secret: async (name, version) =>
        understood(async () => {
          const { value, properties } = await secrets.getSecret(name, at(version));
          return { id: properties.id, value, contentType: properties.contentType, kid: properties.certificateKeyId };
        }),
      key: async (name, version) =>
        understood(async () => {
          const { id, key = {} } = await keys.getKey(name, at(version));
          const { crv, kty, n, e, x, y } = key;
          return { kid: id, kty, crv, n, e, x, y };
        }),
      certificate: async (name, version) =>
        understood(async () => {
          const found =
            version === undefined
              ? await certificates.getCertificate(name, call)
              : await certificates.getCertificateVersion(name, version, call);
          return { id: found.id ?? found.properties.id, cer: found.cer };
        }),
      versions: async (type, name) => understood(async () => enabledVersions(lists[type](name))),
    };
  };
}

/** Lets the connections of a client go somewhere else, as curl does with `--connect-to`. */
function placement({ placeOf, ca }: VaultSettings, hostname: string): Pick<SecretClientOptions, 'additionalPolicies'> {
  const place = placeOf?.(hostname);
  if (place === undefined) return {};
  if (place === 'nowhere') {
    throw new DependencyError('VAULT_UNREACHABLE', `getaddrinfo ENOTFOUND ${hostname}`, {
      retryable: true,
      action: 'Check keyvaultName in the SecretProviderClass.',
    });
  }
  const agent = new Agent();
  agent.createConnection = () => connect({ ...place, servername: hostname, ...(ca === undefined ? {} : { ca }) });
  const policy: PipelinePolicy = {
    name: 'vaultPlace',
    sendRequest: async (request, next) => {
      request.agent = agent;
      return next(request);
    },
  };
  return { additionalPolicies: [{ policy, position: 'perRetry' }] };
}

async function enabledVersions(all: AsyncIterable<VersionProperties>): Promise<readonly ListedVersion[]> {
  const listed: ListedVersion[] = [];
  for await (const { version, enabled, createdOn } of all) {
    if (enabled === true && version !== undefined) listed.push({ version, created: createdOn?.getTime() ?? 0 });
  }
  return listed;
}

async function understood<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw thrown instanceof DependencyError ? thrown : vaultProblem(thrown);
  }
}

/** Status, code and inner code in front of what the vault says; the SDK's error is the cause. */
function vaultProblem(thrown: unknown): DependencyError {
  const error: SdkError = typeof thrown === 'object' && thrown !== null ? thrown : {};
  const status = typeof error.statusCode === 'number' ? error.statusCode : undefined;
  const said = errorMessage(thrown).slice(0, 1500);
  if (status === undefined) {
    const credential = typeof error.name === 'string' && /Credential|Authentication/.test(error.name);
    return new DependencyError(credential ? 'VAULT_REFUSED' : 'VAULT_UNREACHABLE', said, {
      retryable: true,
      cause: thrown,
      action: credential
        ? 'Check the identity of the class: client id, federated credential, and that it is attached.'
        : 'Check name resolution and network rules for the vault.',
    });
  }
  const code = typeof error.code === 'string' ? error.code : 'Unknown';
  const inner = innerCodeOf(error.details);
  const failing = status === 408 || status === 429 || status >= 500;
  return new DependencyError(
    failing ? 'VAULT_UNREACHABLE' : 'VAULT_REFUSED',
    `status ${status}, code ${code}${inner === undefined ? '' : `, inner code ${inner}`}: ${said}`,
    {
      retryable: failing || inner === 'ForbiddenByRbac',
      cause: thrown,
      details: { status, vaultCode: code, innerCode: inner ?? null },
      action: 'Check the permissions of the identity on the vault, and the network rules of the vault.',
    },
  );
}

function innerCodeOf(body: unknown): string | undefined {
  const { error } = (body ?? {}) as { error?: { innerError?: { code?: unknown }; innererror?: { code?: unknown } } };
  const code = error?.innerError?.code ?? error?.innererror?.code;
  return typeof code === 'string' ? code : undefined;
}
