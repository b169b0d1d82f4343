export {
  credentialCommand,
  credentialTemplate,
  ISSUER_PLACEHOLDER,
  migrateWorkload,
  serviceAccountFor,
  serviceAccountNameOf,
  withoutBindingLabel,
} from './migrate.ts';
export type { FederatedCredential, Migration, ServiceAccountInput } from './migrate.ts';
export { proxyRoute, proxyTokenBody, scopeOf } from './proxy-contract.ts';
export type { ExchangedToken, ProxyRoute } from './proxy-contract.ts';
export { withProxyContainers, withProxyInit, withProxySidecar } from './proxy-sidecar.ts';
export { selectorIdentities } from './selectors.ts';
export type { SelectorIdentities } from './selectors.ts';
export { defaultMigrationSettings, MIGRATION_RELEASE, parseTokenExpiration } from './settings.ts';
export type { MigrationSettings } from './settings.ts';
export { assertOwnerKind, podLabelsOf, podTemplateIn, topOwner, withPodTemplate, workloadKinds } from './workloads.ts';
export type { ReadOwner } from './workloads.ts';
