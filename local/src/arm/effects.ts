import type { ManagedIdentity } from '../azure/directory.ts';

/** A vault as other emulators need to know it. */
export interface VaultState {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly tenantId: string;
  /** As `vaultUri` says it, with a slash at the end. */
  readonly url: string;
  readonly kind: 'standard' | 'premium';
}

export interface VaultSecretWrite {
  readonly vaultUrl: string;
  readonly vaultName: string;
  readonly name: string;
  readonly value: string;
  readonly contentType: string | undefined;
  readonly enabled: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** The current version of a secret, as its vault has it. */
export interface VaultSecretState {
  /** 32 hexadecimal digits. */
  readonly version: string;
  readonly contentType: string | undefined;
  readonly enabled: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** The current version of a key, as its vault has it. */
export interface VaultKeyState {
  /** 32 hexadecimal digits. */
  readonly version: string;
  /** Such as `RSA-HSM`. */
  readonly kty: string;
  readonly enabled: boolean;
}

export interface RoleAssignmentState {
  readonly id: string;
  /** What it is about: a subscription, a group or a resource. */
  readonly scope: string;
  readonly principalId: string;
  /** GUID of the role. */
  readonly roleId: string;
}

export interface FederatedCredentialState {
  readonly id: string;
  readonly identityId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/** A cache as its data plane has to know it. */
export interface RedisCacheState {
  readonly id: string;
  readonly name: string;
  /** The public name, which its certificate has to have. */
  readonly hostName: string;
  /** Whether port 6379 is open, beside 6380 with TLS. */
  readonly nonSslPort: boolean;
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

/** A container group that a virtual node runs a pod in. */
export interface ContainerGroupState {
  readonly name: string;
  /** That of the nodes when missing. */
  readonly resourceGroup: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

export type Happened = 'created' | 'updated' | 'deleted';

/** How other emulators take part in what Azure Resource Manager does. Everything has a default that works alone. */
export interface ArmEffects {
  /** Address of a vault; `https://<name>.vault.azure.net/`. */
  vaultUrl(vaultName: string): string;
  onVault(vault: VaultState, happened: Happened | 'recovered' | 'purged'): Promise<void> | void;
  /** Writes a version of a secret and answers its name: 32 hexadecimal digits. The value is kept nowhere else. */
  onVaultSecret(secret: VaultSecretWrite): Promise<string> | string;
  /** The secret as the vault has it, which may have been written there; undefined to go by what was written here. */
  vaultSecret(vaultName: string, name: string): Promise<VaultSecretState | undefined> | VaultSecretState | undefined;
  /** A key of the vault; undefined when there is none. */
  vaultKey(vaultName: string, name: string): Promise<VaultKeyState | undefined> | VaultKeyState | undefined;
  /** Ids of an identity that is being made, where somebody else decides them. */
  identityIds(resourceId: string): { readonly clientId: string; readonly principalId: string };
  onIdentity(identity: ManagedIdentity, happened: Happened): Promise<void> | void;
  onFederatedCredential(credential: FederatedCredentialState, happened: Happened): Promise<void> | void;
  onRoleAssignment(assignment: RoleAssignmentState, happened: Happened): Promise<void> | void;
  onCluster(clusterId: string, happened: Happened): Promise<void> | void;
  /** Those that the virtual nodes of a cluster have now. */
  containerGroups(clusterId: string): readonly ContainerGroupState[];
  /** The kubeconfig of a cluster, YAML. */
  kubeconfig(clusterId: string): Promise<string> | string;
  /** The issuer of service account tokens of a cluster, with a slash at the end. */
  oidcIssuer(clusterId: string): Promise<string> | string;
  /** Resolves once the cache has the keys that its resource shows. */
  onRedis(cache: RedisCacheState, happened: Happened): Promise<void> | void;
  /** Address of an attestation provider, without a slash at the end. */
  attestationUrl(name: string, location: string): string;
}

/** Effects on nobody: addresses as Azure forms them, ids from `uuid`. */
export function standAloneEffects(uuid: () => string): ArmEffects {
  const none = (): void => {};
  return {
    vaultUrl: (name) => `https://${name.toLowerCase()}.vault.azure.net/`,
    onVault: none,
    onVaultSecret: () => uuid().replaceAll('-', ''),
    vaultSecret: () => undefined,
    vaultKey: () => undefined,
    identityIds: () => ({ clientId: uuid(), principalId: uuid() }),
    onIdentity: none,
    onFederatedCredential: none,
    onRoleAssignment: none,
    onCluster: none,
    containerGroups: () => [],
    onRedis: none,
    kubeconfig: (clusterId) => emptyKubeconfig(clusterId),
    oidcIssuer: (clusterId) => `https://eastus.oic.prod-aks.azure.com/${guidLike(clusterId)}/`,
    attestationUrl: (name, location) => `https://${name.toLowerCase()}.${location}.attest.azure.net`,
  };
}

function emptyKubeconfig(clusterId: string): string {
  const name = clusterId.split('/').at(-1) ?? '';
  return [
    'apiVersion: v1',
    'kind: Config',
    `clusters: [{name: ${name}, cluster: {server: "https://${name}.invalid:443"}}]`,
    `users: [{name: ${name}, user: {}}]`,
    `contexts: [{name: ${name}, context: {cluster: ${name}, user: ${name}}}]`,
    `current-context: ${name}`,
    '',
  ].join('\n');
}

/** Text in an address that is the same for the same cluster, in the place of Azure's two GUIDs. */
function guidLike(clusterId: string): string {
  return clusterId
    .toLowerCase()
    .split('/')
    .filter((_, index) => [2, 4, 8].includes(index))
    .join('/');
}
