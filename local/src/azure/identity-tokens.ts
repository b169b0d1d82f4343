import type { Clock } from '@holdfast/base';

import type { ManagedIdentity } from './directory.ts';
import type { IssuedAccessToken, TokenIssuer } from './token-issuer.ts';

/** Tokens of managed identities as the service behind their endpoints hands them out. */
export interface IdentityTokens {
  /** A token of the identity for a resource; the same one again until it has run out. */
  tokenFor(identity: ManagedIdentity, resource: string): IssuedAccessToken;
}

const TOKEN_LIFE_SECONDS = 86_399;
/** A token with less life left is not handed out again. */
const MIN_LIFE_LEFT_SECONDS = 300;

/**
 * Tokens are kept per identity and resource for a day, which is why a new role can take that long to show for claims in the token.
 * Share one between endpoints that belong to one identity.
 */
export function createIdentityTokens(options: {
  readonly tokenIssuer: TokenIssuer;
  readonly clock: Clock;
}): IdentityTokens {
  const issued = new Map<string, IssuedAccessToken>();
  return {
    tokenFor(identity, resource) {
      const nowSeconds = Math.floor(options.clock() / 1000);
      const cacheKey = `${identity.clientId} ${resource}`;
      const known = issued.get(cacheKey);
      if (known !== undefined && known.expiresOn - nowSeconds >= MIN_LIFE_LEFT_SECONDS) return known;
      const token = options.tokenIssuer.issueAccessToken({
        resource,
        clientId: identity.clientId,
        objectId: identity.principalId,
        lifeSeconds: TOKEN_LIFE_SECONDS,
        clientAuthentication: '2',
        managedIdentityResourceId: identity.resourceId,
      });
      issued.set(cacheKey, token);
      return token;
    },
  };
}
