export { inspectRelease, recordMismatches } from './inspect-release.ts';
export type { ReleaseInspection } from './inspect-release.ts';
export { releaseManifest } from './release-manifest.ts';
export type { ReleaseImages } from './release-manifest.ts';
export { releasePolicy } from './release-policy.ts';
export type { ReleasePolicy } from './release-policy.ts';
export { parseReleaseRecord, releaseRecordText } from './release-record.ts';
export type { ReleaseRecord } from './release-record.ts';
