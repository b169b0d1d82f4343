import type { ExitCodes, StartService } from '@holdfast/process';

import { startSkr } from './main.ts';

export { buildApp } from './app.ts';
export { createAttestedSecrets } from './attested-secrets/attested-secrets.ts';
export type { AttestedSecrets, AttestedSecretsOptions, Pause } from './attested-secrets/attested-secrets.ts';
export { createSecretFolder } from './attested-secrets/secret-folder.ts';
export type { SecretFolder } from './attested-secrets/secret-folder.ts';
export type { AttestedSecretFile, AttestedSecretsSettings } from './attested-secrets/settings.ts';
export { createAttester } from './attester.ts';
export type { Attester, AttesterOptions, Evidence } from './attester.ts';
export { configSchema, readConfig } from './config.ts';
export type { SkrConfig } from './config.ts';
export type { SkrContext } from './context.ts';
export { errorCodes } from './error-codes.ts';
export { createEvents } from './events.ts';
export type { Events } from './events.ts';
export { createHostCertificates } from './host-certificates.ts';
export type { HostCertificates } from './host-certificates.ts';
export { endpointOrigin } from './endpoint.ts';
export type { EndpointRules } from './endpoint.ts';
export { createKeyReleaser } from './key-release/key-releaser.ts';
export type { KeyReleaserOptions, KeyRequest, PrivateJwk, ReleaseKey } from './key-release/key-releaser.ts';
export { systemTrustedRoots } from './key-release/trusted-roots.ts';
export type { PodIdentity } from './key-release/vault-token.ts';
export { maaOrigin } from './maa-endpoint.ts';
export type { MaaEndpointRules } from './maa-endpoint.ts';
export type { SnpReportSource } from './report-source/report-source.ts';
export { createSimulatedReportSource } from './report-source/simulated.ts';
export { createTsmReportSource } from './report-source/tsm.ts';
export type { ConfigFs } from './report-source/tsm.ts';
export { loadSecurityContext } from './security-context.ts';
export type { SecurityContext } from './security-context.ts';
export { startSkr };

export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'skr',
  start: startSkr,
  exitCodes: {},
};
