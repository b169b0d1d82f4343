import { MalformedError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { listen } from '@holdfast/http';

import {
  buildArmApp,
  CLUSTER,
  clusterSettings,
  clusterSource,
  createArmWorld,
  IDENTITY,
  isRedisReachable,
  REDIS,
  redisCacheState,
  setIssuer,
  vaultProperties,
  vaultsWithSecret,
} from '../arm/index.ts';
import type { ArmEffects, ArmSnapshot, ArmWorld, Authorization, FederatedCredentialState } from '../arm/index.ts';
import type { FederatedCredential, KeyStore, KeyVault, ManagedIdentity, TokenIssuer } from '../azure/index.ts';
import type { VaultProperties, VaultRequestSource } from '../azure/vault-access.ts';
import { readIfPresent } from '../home/read-if-present.ts';
import type { RedisServers } from '../redis/index.ts';
import { containerGroupsOf } from './container-groups.ts';
import { DebouncedFile } from './debounced-file.ts';
import { addForeignResources } from './foreign-resources.ts';
import type { LocalClusters } from './local-clusters.ts';
import { guidOf, SUBSCRIPTION_ID, TENANT_ID } from './local-names.ts';
import type { ClusterAzure } from './start-cluster.ts';

export interface ArmEndpointOptions {
  readonly file: string;
  readonly port: number;
  readonly tls: { readonly key: string; readonly cert: string };
  readonly clock: Clock;
  readonly tokenIssuer: TokenIssuer;
  readonly vault: KeyVault;
  readonly keys: KeyStore;
  /** Without a trailing slash. */
  readonly vaultUrl: string;
  readonly attestationUrl: string;
  readonly clusters: LocalClusters;
  /** What the clusters find here, beside their own resources. */
  readonly clusterAzure: Omit<ClusterAzure, 'settings' | 'hasVault' | 'identity'>;
  readonly caches: RedisServers;
  readonly onError: (error: unknown) => void;
}

/** Azure Resource Manager of a local cloud. */
export interface ArmEndpoint {
  /** Who may do what in a vault; undefined when there is none of that name. */
  vault(name: string): VaultProperties | undefined;
  /** Names of the vaults to which deployments wrote a secret of that name. */
  vaultsWithSecret(name: string): readonly string[];
  /** How a request from an address comes to a vault, beside that address. */
  vaultSource(address: string, vaultName: string): Omit<VaultRequestSource, 'address'>;
  identity(resourceId: string): ManagedIdentity | undefined;
  /** Those that deployments made. */
  identities(): readonly ManagedIdentity[];
  /** All identities of deployments, with what each of them trusts. */
  federated(): readonly { readonly identity: ManagedIdentity; readonly credentials: readonly FederatedCredential[] }[];
  /** Where the names of caches lead inside of pods. */
  cachePlaces(): Readonly<Record<string, string>>;
  /** Takes up the clusters that an earlier run left. */
  openClusters(): Promise<void>;
  stop(): Promise<void>;
}

const AUDIENCES = ['https://management.azure.com', 'https://management.core.windows.net'].flatMap((url) => [
  url,
  `${url}/`,
]);
const CREDENTIAL = `${IDENTITY}/federatedIdentityCredentials`;

/**
 * Starts Azure Resource Manager with what an earlier run left, and the clusters it knows of. What deployments make shows in the other
 * endpoints: secrets in the vault, identities in the directory, clusters as clusters.
 * @throws MalformedError WORLD_CORRUPT
 */
export async function startArmEndpoint(options: ArmEndpointOptions): Promise<ArmEndpoint> {
  const { clock, clusters, onError } = options;
  const snapshot = await readSnapshot(options.file);
  const file = new DebouncedFile(options.file, () => JSON.stringify(world.toJSON()), onError);
  const world: ArmWorld = createArmWorld(
    {
      subscriptions: [{ subscriptionId: SUBSCRIPTION_ID, tenantId: TENANT_ID, displayName: 'Holdfast local cloud' }],
      anySubscription: true,
      clock,
      // Waiting is for clouds that are far away.
      settings: { registered: 'all', pace: { polls: 0 }, whatIfNoise: false },
      effects: effectsOf(options),
      authorize: (header) => authorize(options.tokenIssuer, header),
      onChange: () => file.changed(),
    },
    snapshot,
  );
  clusters.attach({
    ...options.clusterAzure,
    settings: (id) => clusterSettings(world, id),
    hasVault: (name) => vaultProperties(world, name) !== undefined,
    identity: (resourceId) => identityOf(world, resourceId),
  });
  if (snapshot === undefined) addForeignResources(world);
  for (const cache of world.store.ofType(REDIS)) {
    // A cloud without one of its caches is of use; whoever needs it cannot reach it.
    await options.caches.put(redisCacheState(cache)).catch(onError);
  }
  const app = buildArmApp(world, { tls: options.tls });
  await listen(app, { host: '127.0.0.1', port: options.port });
  return {
    vault: (name) => vaultProperties(world, name),
    vaultsWithSecret: (name) => vaultsWithSecret(world, name),
    vaultSource: (address, vaultName) => {
      const id = clusters.at(address)?.id;
      return id === undefined ? {} : clusterSource(world, id, vaultName);
    },
    identity: (resourceId) => identityOf(world, resourceId),
    identities: () => world.store.ofType(IDENTITY).flatMap(({ id }) => identityOf(world, id) ?? []),
    federated: () => federatedOf(world),
    cachePlaces: () =>
      options.caches.places((id) => {
        const cache = world.store.get(id);
        return cache !== undefined && isRedisReachable(world, cache);
      }),
    openClusters: async () => {
      for (const { id } of world.store.ofType(CLUSTER)) {
        await clusters.open(id);
        setIssuer(world, id, await clusters.issuer(id));
      }
    },
    stop: async () => {
      await app.close();
      await world.settle();
      await file.flush();
    },
  };
}

function effectsOf({
  vault,
  keys,
  vaultUrl,
  attestationUrl,
  clusters,
  caches,
}: ArmEndpointOptions): Partial<ArmEffects> {
  const named = (name: string) => (one: { readonly name: string }) => one.name.toLowerCase() === name.toLowerCase();
  return {
    vaultUrl: () => `${vaultUrl}/`,
    onVaultSecret: async ({ name, value, contentType, enabled, tags }) =>
      (await vault.setSecret(name, value, { contentType, enabled, tags })).version,
    vaultSecret: (_, name) => {
      const secret = vault.listSecrets().find(named(name));
      if (secret === undefined) return undefined;
      const { version, contentType, attributes, tags = {} } = secret;
      return { version, contentType, enabled: attributes.enabled, tags };
    },
    vaultKey: (_, name) => {
      const key = keys.listKeys().find(named(name));
      if (key === undefined) return undefined;
      return { version: key.version, kty: key.material.kty, enabled: key.attributes.enabled };
    },
    identityIds: (id) => ({
      clientId: guidOf(`client ${id.toLowerCase()}`),
      principalId: guidOf(`principal ${id.toLowerCase()}`),
    }),
    onCluster: async (id, happened) => {
      if (happened === 'deleted') await clusters.remove(id);
      else await clusters.update(id);
    },
    oidcIssuer: async (id) => clusters.issuer(id),
    onRedis: async (cache, happened) => (happened === 'deleted' ? caches.remove(cache.id) : caches.put(cache)),
    containerGroups: (id) =>
      clusters.running
        .filter((cluster) => cluster.id.toLowerCase() === id.toLowerCase())
        .flatMap(({ store }) => containerGroupsOf(store)),
    kubeconfig: async (id) => clusters.kubeconfig(id),
    attestationUrl: () => attestationUrl,
  };
}

function authorize(tokenIssuer: TokenIssuer, header: string | undefined): Authorization {
  const token = /^bearer (.+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) return { refused: `The 'Authorization' header is not a bearer token.` };
  try {
    return { objectId: tokenIssuer.verifyAccessToken(token, AUDIENCES).objectId };
  } catch (error) {
    return { refused: `The access token is invalid: ${error instanceof Error ? error.message : String(error)}.` };
  }
}

async function readSnapshot(file: string): Promise<ArmSnapshot | undefined> {
  const text = await readIfPresent(file);
  if (text === undefined) return undefined;
  try {
    const snapshot = JSON.parse(text) as ArmSnapshot;
    if (snapshot.version === 1) return snapshot;
  } catch (cause) {
    throw corrupt(file, cause);
  }
  throw corrupt(file);
}

function corrupt(file: string, cause?: unknown): MalformedError {
  return new MalformedError('WORLD_CORRUPT', `the file ${file} is unusable: it is not what up writes`, {
    ...(cause === undefined ? {} : { cause }),
    details: { file },
    action: 'Restore the file, or delete it together with the folder clusters beside it: deployments are made anew.',
  });
}

function identityOf(world: ArmWorld, resourceId: string): ManagedIdentity | undefined {
  const found = world.store.get(resourceId);
  if (found?.type.toLowerCase() !== IDENTITY.toLowerCase()) return undefined;
  const { clientId = '', principalId = '' } = (found.body['properties'] ?? {}) as Readonly<Record<string, string>>;
  return { kind: 'user-assigned', clientId, principalId, resourceId: found.id };
}

function federatedOf(world: ArmWorld): ReturnType<ArmEndpoint['federated']> {
  return world.store.ofType(IDENTITY).flatMap(({ id }) => {
    const identity = identityOf(world, id);
    const credentials = world.store.children(id, CREDENTIAL).map(({ body }) => {
      const {
        issuer = '',
        subject = '',
        audiences = [],
      } = (body['properties'] ?? {}) as unknown as Partial<
        Pick<FederatedCredentialState, 'issuer' | 'subject' | 'audiences'>
      >;
      return { issuer, subject, audiences };
    });
    return identity === undefined ? [] : [{ identity, credentials }];
  });
}
