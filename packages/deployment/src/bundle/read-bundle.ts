import { MalformedError, PlatformError } from '@holdfast/base';
import { defaultManifestLimits, readManifests } from '@holdfast/policy';
import { isAlias, isNode, visit } from 'yaml';

import { isObject } from './shape.ts';
import type { Json } from './shape.ts';
import { readZip } from './zip.ts';

/** A published release: the operator's Deployment and Service, as they came. */
export interface Bundle {
  readonly deployment: Json | undefined;
  readonly service: Json | undefined;
  /** Objects that are neither. */
  readonly others: readonly string[];
  readonly deployments: number;
  readonly services: number;
  /** SHA-256 of the policy that stood in a file of its own beside the manifest. */
  readonly publishedDigest: string | undefined;
}

/** What a bundle may be at most. */
export const bundleLimits = { maxBytes: 5 * 1024 * 1024, maxEntries: 100 } as const;

const DIGEST_FILE = /(^|\/)azure-aks-operator-digest-[^/]*\.txt$/;

/**
 * Reads a bundle: a manifest, or a ZIP with exactly one. Anchors, aliases and repeated keys are refused, because what is
 * read must be what is applied.
 * @throws MalformedError BUNDLE_ZIP_INVALID, BUNDLE_MANIFEST_INVALID
 */
export function readBundle(bytes: Uint8Array): Bundle {
  if (bytes.length > bundleLimits.maxBytes) throw invalid(`is larger than ${bundleLimits.maxBytes} bytes`);
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  return readBundleFiles(isZip ? readZip(bytes, bundleLimits) : new Map([['operator.yaml', bytes]]));
}

/** Reads the files of a bundle's folder, by path. */
export function readBundleFiles(files: ReadonlyMap<string, Uint8Array>): Bundle {
  const manifests = [...files].filter(([path]) => /\.ya?ml$/.test(path));
  const [manifest] = manifests;
  if (manifest === undefined) throw invalid('holds no YAML file');
  if (manifests.length > 1) throw invalid(`holds ${manifests.length} YAML files instead of operator.yaml alone`);
  const digest = [...files].find(([path]) => DIGEST_FILE.test(path))?.[1];
  const published = digest === undefined ? undefined : new TextDecoder().decode(digest).trim().toLowerCase();
  return { ...parse(manifest[1]), publishedDigest: /^[0-9a-f]{64}$/.test(published ?? '') ? published : undefined };
}

function parse(bytes: Uint8Array): Omit<Bundle, 'publishedDigest'> {
  const objects = documentsOf(bytes);
  const of = (kind: string, apiVersion: string): readonly Json[] =>
    objects.filter((object) => object['kind'] === kind && object['apiVersion'] === apiVersion);
  const deployments = of('Deployment', 'apps/v1');
  const services = of('Service', 'v1');
  const known = new Set([...deployments, ...services]);
  return {
    deployment: deployments[0],
    service: services[0],
    others: objects
      .filter((object) => !known.has(object))
      .map((object) => (typeof object['kind'] === 'string' ? object['kind'] : 'an object without kind')),
    deployments: deployments.length,
    services: services.length,
  };
}

function documentsOf(bytes: Uint8Array): readonly Json[] {
  try {
    const { documents } = readManifests(bytes, { ...defaultManifestLimits, maxBytes: bundleLimits.maxBytes });
    for (const { syntax } of documents) {
      visit(syntax, (_key, node) => {
        if (isAlias(node) || (isNode(node) && 'anchor' in node && node.anchor !== undefined)) {
          throw invalid('uses anchors or aliases');
        }
      });
    }
    return documents.flatMap(({ value }) => {
      if (value === null) return [];
      if (!isObject(value)) throw invalid('holds a document that is not an object');
      return [value];
    });
  } catch (cause) {
    if (cause instanceof MalformedError && cause.code === 'BUNDLE_MANIFEST_INVALID') throw cause;
    if (!(cause instanceof PlatformError)) throw cause;
    throw new MalformedError('BUNDLE_MANIFEST_INVALID', `the manifest of the bundle cannot be read: ${cause.message}`, {
      cause,
    });
  }
}

function invalid(problem: string): MalformedError {
  return new MalformedError('BUNDLE_MANIFEST_INVALID', `the bundle ${problem}`);
}
