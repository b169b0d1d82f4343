export { openIdentityCloud } from '../../testing/identity-cloud.ts';
export type { IdentityCloud, PodParts, SdkAnswer, TestIdentity } from '../../testing/identity-cloud.ts';
