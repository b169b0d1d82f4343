export { authorityHost } from './authority-host.ts';
export { USE_LABEL } from './annotations.ts';
export { workloadIdentityMutation } from './mutate.ts';
export type { ReadServiceAccount } from './mutate.ts';
export { DEFAULT_AUDIENCE } from './settings.ts';
export type { CustomTokenEndpoint, NamingProfile, ProxySettings, WorkloadIdentitySettings } from './settings.ts';
export { volumeName } from './token-volume.ts';
