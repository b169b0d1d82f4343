/** A managed identity of the local tenant. */
export interface ManagedIdentity {
  readonly kind: 'user-assigned' | 'system-assigned';
  /** Application (client) id: a GUID. */
  readonly clientId: string;
  /** Object id of its service principal: what roles and access policies name. */
  readonly principalId: string;
  /** `/subscriptions/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>` */
  readonly resourceId: string;
}

/** Trust in tokens of another issuer, for workload identity federation. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Milliseconds since the epoch from which on it counts; at once when missing. */
  readonly effectiveAt?: number;
}

/** An application registration that asks the token endpoint itself. */
export interface Application {
  readonly clientId: string;
  readonly objectId: string;
  readonly secrets?: readonly {
    readonly value: string;
    /** Milliseconds since the Unix epoch; never when missing. */
    readonly expiresAt?: number;
  }[];
  readonly federatedCredentials?: readonly FederatedCredential[];
  /** Of the managed identity that this is; its tokens live a day instead of an hour. */
  readonly managedIdentityResourceId?: string;
}

/**
 * What tokens can be asked for in every tenant, beside what an installation adds: Resource Manager, vaults, managed HSMs,
 * storage and SQL databases. `aud` of a token is the resource as it was asked for.
 */
export const KNOWN_RESOURCES: readonly string[] = [
  'https://management.azure.com',
  'https://management.core.windows.net',
  'https://vault.azure.net',
  'https://managedhsm.azure.net',
  'https://storage.azure.com',
  'https://database.windows.net',
  'https://ossrdbms-aad.database.windows.net',
  'https://attest.azure.net',
  'https://graph.microsoft.com',
];

/** Whether a resource is in the list, with or without a slash at its end and in any case. */
export function isKnownResource(resource: string, known: readonly string[]): boolean {
  const plain = (text: string): string => text.replace(/\/+$/, '').toLowerCase();
  return known.some((one) => plain(one) === plain(resource));
}

/** What Entra ID says of a resource that nobody has in the tenant. */
export function unknownResource(resource: string, tenantId: string): string {
  return (
    `The resource principal named ${resource} was not found in the tenant named ${tenantId}. This can happen if the ` +
    'application has not been installed by the administrator of the tenant or consented to by any user in the tenant.'
  );
}
