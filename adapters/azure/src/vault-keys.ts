import { DependencyError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';
import type { JsonWebKey as SdkKey, KeyClient, KeyVaultKey } from '@azure/keyvault-keys';

import { keyError } from './key-error.ts';
import { untilAborted } from './until-aborted.ts';
import { checkedVaultUrl, isAzureVaultHost } from './vault-url.ts';

export interface VaultConnection {
  /** `https://<name>.vault.azure.net`, `https://<name>.managedhsm.azure.net`, or another https host that speaks the protocol. */
  readonly vaultUrl: string;
  readonly credential:
    | { readonly kind: 'default' }
    | {
        readonly kind: 'client-secret';
        readonly tenantId: string;
        readonly clientId: string;
        readonly clientSecret: Secret;
        /** Where the tenant is, when not in Azure: https URL. */
        readonly authorityUrl?: string;
      };
  /** Longest time for one operation, retries of the SDKs included, in milliseconds; 60 seconds when missing. */
  readonly timeoutMs?: number;
}

/** A key as the vault shows it. Times are ISO 8601. */
export interface VaultKey {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** RSA, RSA-HSM, EC, EC-HSM, oct or oct-HSM. */
  readonly kind: string;
  readonly operations: readonly string[];
  readonly enabled: boolean;
  readonly exportable: boolean;
  readonly created: string | null;
  readonly updated: string | null;
  readonly notBefore: string | null;
  readonly expires: string | null;
  readonly tags: Readonly<Record<string, string>>;
  /** JSON text as the vault normalised it. */
  readonly releasePolicy: { readonly policy: string; readonly immutable: boolean } | null;
  /** Public members: n and e, or crv, x and y; Base64url. */
  readonly publicKey: Readonly<Record<string, string>>;
}

export interface NewVaultKey {
  readonly kind: string;
  readonly sizeBits?: number;
  readonly curve?: string;
  readonly operations?: readonly string[];
  /** JSON text; a key with a release policy is exportable. */
  readonly releasePolicy?: { readonly policy: string; readonly immutable: boolean };
}

/** The keys of one vault. All methods throw as `keyError` says. */
export interface VaultKeys {
  create(name: string, key: NewVaultKey): Promise<VaultKey>;
  /** Imports a private JWK (RFC 7517) into hardware. */
  importKey(
    name: string,
    jwk: Readonly<Record<string, unknown>>,
    options: Omit<NewVaultKey, 'kind'>,
  ): Promise<VaultKey>;
  get(name: string, version?: string): Promise<VaultKey>;
  list(): Promise<readonly VaultKey[]>;
  /** Newest first. */
  versions(
    name: string,
  ): Promise<readonly { readonly version: string; readonly enabled: boolean; readonly created: string | null }[]>;
  setReleasePolicy(name: string, policy: string, immutable: boolean): Promise<VaultKey>;
  /** The signed answer (JWS) of a release. */
  release(
    name: string,
    token: string,
    options: { readonly version?: string; readonly nonce?: string; readonly algorithm?: string },
  ): Promise<string>;
}

const PUBLIC_MEMBERS = ['crv', 'e', 'n', 'x', 'y'] as const;
const PRIVATE_MEMBERS = ['d', 'dp', 'dq', 'k', 'p', 'q', 'qi'] as const;

/**
 * Opens the keys of a vault through the official Azure SDK, which is loaded here: it takes long to import.
 * @throws ConfigError AZURE_VAULT_URL_INVALID
 */
export async function openVaultKeys(connection: VaultConnection): Promise<VaultKeys> {
  const vaultUrl = checkedVaultUrl(connection.vaultUrl);
  const client = await createClient(vaultUrl, connection);
  const timeoutMs = connection.timeoutMs ?? 60_000;
  const run = async <T>(keyName: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await untilAborted(work(signal), signal);
    } catch (thrown) {
      if (!signal.aborted) throw keyError(thrown, { vaultUrl: vaultUrl.origin, keyName });
      throw new DependencyError(
        'AZURE_UNREACHABLE',
        `the vault ${vaultUrl.origin} did not answer within ${timeoutMs} ms`,
        {
          retryable: true,
          cause: thrown,
          details: { vaultUrl: vaultUrl.origin, keyName },
          action: 'Check that the vault and the token endpoint can be reached from here.',
        },
      );
    }
  };

  return {
    create: (name, key) =>
      run(name, async (abortSignal) => {
        const created = await client.createKey(name, key.kind, {
          ...optionsOf(key),
          ...(key.sizeBits === undefined ? {} : { keySize: key.sizeBits }),
          ...(key.curve === undefined ? {} : { curve: key.curve }),
          abortSignal,
        });
        return shown(created);
      }),
    importKey: (name, jwk, key) =>
      run(name, async (abortSignal) => {
        const { keyOps, ...options } = optionsOf(key);
        const sdkKey = { ...sdkKeyOf(jwk), ...(keyOps === undefined ? {} : { keyOps }) };
        return shown(await client.importKey(name, sdkKey, { ...options, hardwareProtected: true, abortSignal }));
      }),
    get: (name, version) =>
      run(name, async (abortSignal) =>
        shown(await client.getKey(name, { ...(version === undefined ? {} : { version }), abortSignal })),
      ),
    list: () =>
      run('*', async (abortSignal) => {
        const keys: VaultKey[] = [];
        for await (const { name } of client.listPropertiesOfKeys({ abortSignal })) {
          keys.push(shown(await client.getKey(name, { abortSignal })));
        }
        return keys;
      }),
    versions: (name) =>
      run(name, async (abortSignal) => {
        const versions = [];
        for await (const key of client.listPropertiesOfKeyVersions(name, { abortSignal })) {
          versions.push({
            version: key.version ?? '',
            enabled: key.enabled ?? true,
            created: iso(key.createdOn),
            at: key.createdOn?.getTime() ?? 0,
          });
        }
        return versions
          .toSorted((a, b) => b.at - a.at)
          .map(({ version, enabled, created }) => ({ version, enabled, created }));
      }),
    setReleasePolicy: (name, policy, immutable) =>
      run(name, async (abortSignal) => {
        const releasePolicy = { encodedPolicy: Buffer.from(policy), ...(immutable ? { immutable } : {}) };
        return shown(await client.updateKeyProperties(name, { releasePolicy, abortSignal }));
      }),
    release: (name, token, { version, nonce, algorithm }) =>
      run(name, async (abortSignal) => {
        const { value } = await client.releaseKey(name, token, {
          ...(version === undefined ? {} : { version }),
          ...(nonce === undefined ? {} : { nonce }),
          ...(algorithm === undefined ? {} : { algorithm }),
          abortSignal,
        });
        return value;
      }),
  };
}

async function createClient(vaultUrl: URL, { credential }: VaultConnection): Promise<KeyClient> {
  const [keys, identity] = await Promise.all([import('@azure/keyvault-keys'), import('@azure/identity')]);
  const tokens =
    credential.kind === 'default'
      ? new identity.DefaultAzureCredential()
      : new identity.ClientSecretCredential(
          credential.tenantId,
          credential.clientId,
          credential.clientSecret.reveal(),
          {
            // A tenant outside Azure is not in Azure's list of instances.
            disableInstanceDiscovery: credential.authorityUrl !== undefined,
            ...(credential.authorityUrl === undefined ? {} : { authorityHost: credential.authorityUrl }),
          },
        );
  return new keys.KeyClient(vaultUrl.origin, tokens, {
    // Other hosts cannot name the domain of Azure's vaults in their challenge.
    disableChallengeResourceVerification: !isAzureVaultHost(vaultUrl.hostname),
  });
}

interface SdkKeyOptions {
  readonly keyOps?: string[];
  readonly exportable?: boolean;
  readonly releasePolicy?: { readonly encodedPolicy: Uint8Array; readonly immutable?: boolean };
}

function optionsOf({ operations, releasePolicy }: Omit<NewVaultKey, 'kind'>): SdkKeyOptions {
  return {
    ...(operations === undefined ? {} : { keyOps: [...operations] }),
    ...(releasePolicy === undefined
      ? {}
      : {
          exportable: true,
          releasePolicy: {
            encodedPolicy: Buffer.from(releasePolicy.policy),
            ...(releasePolicy.immutable ? { immutable: true } : {}),
          },
        }),
  };
}

/** The SDK takes bytes where a JWK has Base64url. */
function sdkKeyOf(jwk: Readonly<Record<string, unknown>>): SdkKey {
  const bytes = [...PUBLIC_MEMBERS, ...PRIVATE_MEMBERS].flatMap((name) => {
    const value = jwk[name];
    return name === 'crv' || typeof value !== 'string' ? [] : [[name, Buffer.from(value, 'base64url')] as const];
  });
  return {
    kty: jwk['kty'] as string,
    ...(typeof jwk['crv'] === 'string' ? { crv: jwk['crv'] } : {}),
    ...Object.fromEntries(bytes),
  };
}

function shown(key: KeyVaultKey): VaultKey {
  const { properties, name } = key;
  const policy = properties.releasePolicy;
  return {
    id: key.id ?? '',
    name,
    version: properties.version ?? '',
    kind: key.keyType ?? '',
    operations: key.keyOperations ?? [],
    enabled: properties.enabled ?? true,
    exportable: properties.exportable ?? false,
    created: iso(properties.createdOn),
    updated: iso(properties.updatedOn),
    notBefore: iso(properties.notBefore),
    expires: iso(properties.expiresOn),
    tags: properties.tags ?? {},
    releasePolicy:
      policy?.encodedPolicy === undefined
        ? null
        : { policy: Buffer.from(policy.encodedPolicy).toString('utf8'), immutable: policy.immutable ?? false },
    publicKey: Object.fromEntries(
      PUBLIC_MEMBERS.flatMap((member) => {
        const value = key.key?.[member];
        if (value === undefined) return [];
        return [[member, typeof value === 'string' ? value : Buffer.from(value).toString('base64url')]];
      }),
    ),
  };
}

function iso(date: Date | undefined): string | null {
  return date?.toISOString() ?? null;
}
