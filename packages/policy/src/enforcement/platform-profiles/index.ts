export { aciProfile, platformProfiles, virtualNodeProfile } from './azure.ts';
export type { InjectedVariable, InjectionCondition, PlatformProfile } from './profile.ts';
