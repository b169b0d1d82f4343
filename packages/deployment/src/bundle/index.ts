export { inspectBundle, placeholdersIn } from './inspect-bundle.ts';
export type { BundleCheck, BundleFinding, BundleInspection } from './inspect-bundle.ts';
export { bundleLimits, readBundle, readBundleFiles } from './read-bundle.ts';
export type { Bundle } from './read-bundle.ts';
export { readZip } from './zip.ts';
export { writeZip } from './zip-writer.ts';
