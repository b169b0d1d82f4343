import type { Secret } from '@holdfast/base';

/** How a caller proves who it is to a registry. */
export type RegistryCredential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: Secret }
  /** A refresh token of the registry's token server, as `docker login` keeps it for some registries. */
  | { readonly kind: 'identityToken'; readonly token: Secret }
  /** A token that the registry takes as it is. */
  | { readonly kind: 'registryToken'; readonly token: Secret }
  /** An access token of Microsoft Entra ID, which Azure Container Registry exchanges for one of its own. */
  | { readonly kind: 'entraToken'; readonly token: Secret; readonly tenant?: string };

/** Credentials for a registry, undefined for anonymous access. `host` as in references: `docker.io`, `ghcr.io`, `localhost:5000`. */
export type CredentialSource = (host: string) => Promise<RegistryCredential | undefined>;
