import { createHash } from 'node:crypto';

import { InternalError } from '@holdfast/base';

import { inspectBundle } from '../bundle/inspect-bundle.ts';
import type { BundleFinding } from '../bundle/inspect-bundle.ts';
import type { Bundle } from '../bundle/read-bundle.ts';
import { containersOf } from '../bundle/shape.ts';
import { readConfig } from '../config/read-config.ts';
import type { ReleaseRecord } from './release-record.ts';

/** What a release is, and what is wrong with it. */
export interface ReleaseInspection {
  /** SHA-256 of the policy in the manifest. */
  readonly digest: string | undefined;
  readonly images: readonly { readonly container: string; readonly image: string }[];
  readonly findings: readonly BundleFinding[];
}

interface Expected {
  readonly environment: 'integ' | 'prod';
  /** The digest that was published, from somewhere else than the bundle. */
  readonly digest?: string;
}

/** Judges a bundle as the doctor does before it is deployed. */
export function inspectRelease(bundle: Bundle, { environment, digest }: Expected): ReleaseInspection {
  const published = digest === undefined ? '' : `, digest: "${digest}"`;
  const { config } = readConfig(
    `profile: uid2-vn2\noperator: {environment: ${environment}, bundle: {path: bundle${published}}}\n`,
  );
  if (config?.profile !== 'uid2-vn2')
    throw new InternalError('RELEASE_POLICY_MISSING', 'a fixed configuration is wrong');
  const { findings, digest: found } = inspectBundle(bundle, config);
  const images = containersOf(bundle.deployment).map(({ name, image }) => ({ container: name, image }));
  return { digest: found, images, findings };
}

/** Where the files of a release are not those of its record. */
export function recordMismatches(
  record: ReleaseRecord,
  files: { readonly manifest: Uint8Array; readonly bundle: Uint8Array },
  inspection: ReleaseInspection,
): readonly string[] {
  const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const named = new Set(inspection.images.map(({ image }) => image));
  return [
    ...(hash(files.manifest) === record.manifest.sha256 ? [] : [`${record.manifest.file} was changed`]),
    ...(hash(files.bundle) === record.bundle.sha256 ? [] : [`${record.bundle.file} was changed`]),
    ...(inspection.digest === record.policy.sha256
      ? []
      : [`the policy has the digest ${inspection.digest ?? 'unknown'}, the record names ${record.policy.sha256}`]),
    ...record.images
      .filter(({ reference }) => !named.has(reference))
      .map(({ reference }) => `the manifest does not use ${reference}`),
  ];
}
