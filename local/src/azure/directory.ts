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
}
