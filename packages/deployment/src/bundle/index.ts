export { inspectBundle, placeholdersIn, userPlaceholders } from './inspect-bundle.ts';
export type { BundleCheck, BundleFinding, BundleInspection } from './inspect-bundle.ts';
export { verifyManifestPolicy } from './policy-verifier.ts';
export type { PolicyFinding, PolicyVerdict, PolicyVerifier } from './policy-verifier.ts';
export { bundleLimits, readBundle, readBundleFiles } from './read-bundle.ts';
export type { Bundle } from './read-bundle.ts';
export { readZip } from './zip.ts';
