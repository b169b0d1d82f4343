export { loadAdministrator, openAdministrator } from './administrator.ts';
export type { LocalAdministrator } from './administrator.ts';
export { createAuthorityKeys } from './authority-keys.ts';
export type { AuthorityKeys, PublishedKeys } from './authority-keys.ts';
export { openCertificateStore } from './certificate-store.ts';
export type {
  CertificateChanges,
  CertificateStore,
  CertificateVersion,
  DeletedCertificate,
  OpenCertificateStoreOptions,
} from './certificate-store.ts';
export { openCertificateAuthority } from './certificate-authority.ts';
export type { CertificateAuthority, ServerCertificate, ServerCertificateRequest } from './certificate-authority.ts';
export { openClusterIssuer } from './cluster-issuer.ts';
export type {
  ClusterIssuer,
  IssuedServiceAccountToken,
  OpenClusterIssuerOptions,
  ServiceAccountTokenClaims,
} from './cluster-issuer.ts';
export { buildIssuerApp } from './issuer-app.ts';
export type { IssuerAppOptions } from './issuer-app.ts';
export { issuerConfiguration, issuerDocument, issuerKey } from './issuer-documents.ts';
export type { IssuerKey } from './issuer-documents.ts';
export { createIssuerKeys } from './issuer-keys.ts';
export { KNOWN_RESOURCES } from './directory.ts';
export type { FetchIssuerKeys } from './client-assertion.ts';
export type { Application, FederatedCredential, ManagedIdentity } from './directory.ts';
export { buildEntraApp } from './entra-app.ts';
export type { EntraAppOptions } from './entra-app.ts';
export { azureErrorCodes } from './error-codes.ts';
export { createKeyRelease } from './key-release.ts';
export type { KeyReleaseDecision, KeyReleaseOptions, ReleaseKey } from './key-release.ts';
export { openKeyStore } from './key-store.ts';
export type { KeyChanges, KeyStore, KeyVersion, NewKey, OpenKeyStoreOptions, VaultKind } from './key-store.ts';
export { buildKeyVaultApp } from './key-vault-app.ts';
export type { KeyVaultAppOptions } from './key-vault-app.ts';
export { openKeyVault } from './key-vault.ts';
export type { DeletedSecret, KeyVault, OpenKeyVaultOptions, SecretChanges, SecretVersion } from './key-vault.ts';
export { buildManagedIdentityApp } from './managed-identity-app.ts';
export type { IdentityFault, ManagedIdentityAppOptions } from './managed-identity-app.ts';
export { buildAppServiceIdentityApp, identityVariables } from './app-service-identity-app.ts';
export type { AppServiceIdentityAppOptions } from './app-service-identity-app.ts';
export { createIdentityTokens } from './identity-tokens.ts';
export type { IdentityTokens } from './identity-tokens.ts';
export { serviceAccountTokens } from './service-account-tokens.ts';
export { serviceAccountUser } from './service-account-user.ts';
export { openTokenIssuer } from './token-issuer.ts';
export type { AccessTokenClaims, IssuedAccessToken, TokenIssuer, TokenIssuerOptions } from './token-issuer.ts';
export type { VaultProperties, VaultRequestSource } from './vault-access.ts';
