import { BlockList, isIPv6 } from 'node:net';

/** Who may do what in a vault, and from where: the properties of the vault resource that decide it. */
export interface VaultProperties {
  /** True: only role assignments count. False: only access policies count. */
  readonly enableRbacAuthorization: boolean;
  readonly roleAssignments?: readonly {
    /** Object id of the principal. */
    readonly principalId: string;
    /** Built-in role name, for example `Key Vault Secrets User`. */
    readonly role: string;
  }[];
  readonly accessPolicies?: readonly {
    readonly objectId: string;
    readonly permissions: {
      readonly secrets?: readonly string[];
      readonly keys?: readonly string[];
      readonly certificates?: readonly string[];
    };
  }[];
  /** `Enabled` when missing. */
  readonly publicNetworkAccess?: 'Enabled' | 'Disabled';
  /** The firewall; everybody passes when missing. */
  readonly networkAcls?: {
    readonly defaultAction: 'Allow' | 'Deny';
    /** Addresses and ranges (CIDR) that pass. */
    readonly ipRules?: readonly string[];
    /** Ids of the subnets that pass. */
    readonly virtualNetworkRules?: readonly string[];
  };
  readonly privateEndpointConnections?: readonly {
    /** Id of the private endpoint. */
    readonly id: string;
    readonly status: 'Approved' | 'Pending' | 'Rejected';
  }[];
  /** For the text of a refusal. */
  readonly name?: string;
  readonly location?: string;
}

/** Where a request to a vault comes from. */
export interface VaultRequestSource {
  readonly address: string;
  /** Id of the private endpoint through which it came. */
  readonly privateEndpointId?: string;
  /** Id of the subnet it came from, where that subnet has the service endpoint of Key Vault. */
  readonly subnetId?: string;
}

const SECRET_ACTIONS = {
  get: 'Microsoft.KeyVault/vaults/secrets/getSecret/action',
  list: 'Microsoft.KeyVault/vaults/secrets/readMetadata/action',
  set: 'Microsoft.KeyVault/vaults/secrets/setSecret/action',
  delete: 'Microsoft.KeyVault/vaults/secrets/delete',
  recover: 'Microsoft.KeyVault/vaults/secrets/recover/action',
  purge: 'Microsoft.KeyVault/vaults/secrets/purge/action',
} as const;

const KEY_ACTIONS = {
  get: 'Microsoft.KeyVault/vaults/keys/read',
  list: 'Microsoft.KeyVault/vaults/keys/read',
  create: 'Microsoft.KeyVault/vaults/keys/create/action',
  import: 'Microsoft.KeyVault/vaults/keys/import/action',
  update: 'Microsoft.KeyVault/vaults/keys/update/action',
  delete: 'Microsoft.KeyVault/vaults/keys/delete',
  recover: 'Microsoft.KeyVault/vaults/keys/recover/action',
  purge: 'Microsoft.KeyVault/vaults/keys/purge/action',
  backup: 'Microsoft.KeyVault/vaults/keys/backup/action',
  restore: 'Microsoft.KeyVault/vaults/keys/restore/action',
  encrypt: 'Microsoft.KeyVault/vaults/keys/encrypt/action',
  decrypt: 'Microsoft.KeyVault/vaults/keys/decrypt/action',
  wrapKey: 'Microsoft.KeyVault/vaults/keys/wrap/action',
  unwrapKey: 'Microsoft.KeyVault/vaults/keys/unwrap/action',
  rotate: 'Microsoft.KeyVault/vaults/keys/rotate/action',
  release: 'Microsoft.KeyVault/vaults/keys/release/action',
} as const;

const CERTIFICATE_ACTIONS = {
  get: 'Microsoft.KeyVault/vaults/certificates/read',
  list: 'Microsoft.KeyVault/vaults/certificates/read',
  create: 'Microsoft.KeyVault/vaults/certificates/create/action',
  import: 'Microsoft.KeyVault/vaults/certificates/import/action',
  update: 'Microsoft.KeyVault/vaults/certificates/update/action',
  delete: 'Microsoft.KeyVault/vaults/certificates/delete',
  recover: 'Microsoft.KeyVault/vaults/certificates/recover/action',
  purge: 'Microsoft.KeyVault/vaults/certificates/purge/action',
} as const;

export type CertificatePermission = keyof typeof CERTIFICATE_ACTIONS;
export type SecretPermission = keyof typeof SECRET_ACTIONS;
export type KeyPermission = keyof typeof KEY_ACTIONS;
/** A permission and the collection it is about, such as `secrets/get`. */
export type VaultPermission =
  | `secrets/${SecretPermission}`
  | `keys/${KeyPermission}`
  | `certificates/${CertificatePermission}`;

/** A refusal of Key Vault: 403 with this inner code and text. */
export interface AccessRefusal {
  readonly innerCode: 'ForbiddenByConnection' | 'ForbiddenByFirewall' | 'ForbiddenByRbac' | 'AccessDenied';
  readonly message: string;
}

const ALL_SECRETS = (Object.keys(SECRET_ACTIONS) as SecretPermission[]).map(
  (name): VaultPermission => `secrets/${name}`,
);
const ALL_KEYS = (Object.keys(KEY_ACTIONS) as KeyPermission[]).map((name): VaultPermission => `keys/${name}`);
const ALL_CERTIFICATES = (Object.keys(CERTIFICATE_ACTIONS) as CertificatePermission[]).map(
  (name): VaultPermission => `certificates/${name}`,
);
const USE_KEYS: readonly VaultPermission[] = [
  'keys/get',
  'keys/list',
  'keys/update',
  'keys/backup',
  'keys/encrypt',
  'keys/decrypt',
  'keys/wrapKey',
  'keys/unwrapKey',
];

/** Built-in roles of vaults and local roles of managed HSMs, in lower case. */
const ROLE_PERMISSIONS: ReadonlyMap<string, readonly VaultPermission[]> = new Map<string, readonly VaultPermission[]>([
  ['key vault secrets user', ['secrets/get', 'secrets/list']],
  ['key vault secrets officer', ALL_SECRETS],
  ['key vault administrator', [...ALL_SECRETS, ...ALL_KEYS, ...ALL_CERTIFICATES]],
  ['key vault reader', ['secrets/list', 'keys/get', 'keys/list', 'certificates/get', 'certificates/list']],
  ['key vault certificates officer', ALL_CERTIFICATES],
  [
    'key vault certificate user',
    ['certificates/get', 'certificates/list', 'secrets/get', 'secrets/list', 'keys/get', 'keys/list'],
  ],
  ['key vault crypto officer', ALL_KEYS],
  ['key vault crypto user', USE_KEYS],
  ['key vault crypto service encryption user', ['keys/get', 'keys/list', 'keys/wrapKey', 'keys/unwrapKey']],
  ['key vault crypto service release user', ['keys/release']],
  ['managed hsm crypto officer', ALL_KEYS],
  ['managed hsm crypto user', [...USE_KEYS, 'keys/create', 'keys/import', 'keys/delete', 'keys/rotate']],
  ['managed hsm crypto service release user', ['keys/release']],
]);

/**
 * Decides as Key Vault does once the token is known to be good: first the network, then the permission in the model that
 * is switched on; grants in the other model are ignored. Undefined means allowed.
 */
export function checkVaultAccess(
  properties: VaultProperties,
  caller: { readonly objectId: string; readonly clientId: string; readonly issuer: string },
  permission: VaultPermission,
  source: VaultRequestSource = { address: '127.0.0.1' },
): AccessRefusal | undefined {
  const principal = caller.objectId.toLowerCase();
  const who = `appid=${caller.clientId};oid=${caller.objectId};iss=${caller.issuer}`;
  const closed = networkRefusal(properties, source, who);
  if (closed !== undefined) return closed;
  if (properties.enableRbacAuthorization) {
    const allowed = properties.roleAssignments?.some(
      ({ principalId, role }) =>
        principalId.toLowerCase() === principal && ROLE_PERMISSIONS.get(role.toLowerCase())?.includes(permission),
    );
    if (allowed === true) return undefined;
    return {
      innerCode: 'ForbiddenByRbac',
      message:
        'Caller is not authorized to perform action on resource. If role assignments, deny assignments or role ' +
        `definitions were changed recently, please observe propagation time. Caller: ${who} Action: '${actionOf(permission)}'`,
    };
  }
  const [collection, name] = permission.split('/') as ['secrets' | 'keys' | 'certificates', string];
  const allowed = properties.accessPolicies?.some(
    ({ objectId, permissions }) =>
      objectId.toLowerCase() === principal &&
      permissions[collection]?.some((granted) => ['all', name.toLowerCase()].includes(granted.toLowerCase())),
  );
  if (allowed === true) return undefined;
  return {
    innerCode: 'AccessDenied',
    message: `The user, group or application '${who}' does not have ${collection} ${name} permission on key vault.`,
  };
}

/** A private endpoint always passes; its being there closes nothing for others. */
function networkRefusal(
  { publicNetworkAccess, networkAcls, privateEndpointConnections = [], name = '', location = '' }: VaultProperties,
  { address, privateEndpointId, subnetId }: VaultRequestSource,
  who: string,
): AccessRefusal | undefined {
  const same = (a: string, b: string | undefined): boolean => a.toLowerCase() === b?.toLowerCase();
  const isPrivate = privateEndpointConnections.some(
    ({ id, status }) => status === 'Approved' && same(id, privateEndpointId),
  );
  if (isPrivate) return undefined;
  if (publicNetworkAccess === 'Disabled') {
    return {
      innerCode: 'ForbiddenByConnection',
      message:
        'Public network access is disabled and request is not from a trusted service nor via an approved private link.' +
        `\r\nCaller: ${who}\r\nVault: ${name};location=${location}`,
    };
  }
  if (networkAcls?.defaultAction !== 'Deny') return undefined;
  if (networkAcls.virtualNetworkRules?.some((id) => same(id, subnetId)) === true) return undefined;
  if (isListed(address, networkAcls.ipRules ?? [])) return undefined;
  return {
    innerCode: 'ForbiddenByFirewall',
    message:
      'Client address is not authorized and caller is not a trusted service.' +
      `\r\nClient address: ${address}\r\nCaller: ${who}\r\nVault: ${name};location=${location}`,
  };
}

function isListed(address: string, rules: readonly string[]): boolean {
  const list = new BlockList();
  for (const rule of rules) {
    const [network = '', bits] = rule.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    try {
      list.addSubnet(network, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
    } catch {
      // Resource Manager refuses such a rule; here it lets nobody in.
    }
  }
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

function actionOf(permission: VaultPermission): string {
  const [collection, name] = permission.split('/') as ['secrets' | 'keys' | 'certificates', never];
  if (collection === 'certificates') return CERTIFICATE_ACTIONS[name];
  return collection === 'secrets' ? SECRET_ACTIONS[name] : KEY_ACTIONS[name];
}
