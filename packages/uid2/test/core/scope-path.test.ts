import { describe, expect, it } from 'vitest';

import { scopedFilePath, scopedMetadataPath } from '../../src/core/scope-path.ts';
import type { StoreScope } from '../../src/core/scope-path.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

const SCOPES: Readonly<Record<string, StoreScope>> = {
  global: { kind: 'global' },
  'site 5': { kind: 'site', siteId: 5 },
  'encrypted private site 5': { kind: 'encrypted', siteId: 5, view: 'private' },
  'encrypted public site 5': { kind: 'encrypted', siteId: 5, view: 'public' },
};

interface ScopeCase {
  readonly root: string;
  readonly scope: string;
  readonly metadata?: string;
  readonly file: string;
  readonly resolve?: string;
}

describe.skipIf(!hasVectors)('scope paths, known answers', () => {
  it.each(coreVector<{ cases?: ScopeCase[] }>('scope-path').cases ?? [])('resolves $scope below $root', (entry) => {
    const scope = SCOPES[entry.scope];
    if (scope === undefined) throw new Error(`unknown scope ${entry.scope}`);
    if (entry.metadata !== undefined) expect(scopedMetadataPath(entry.root, scope)).toBe(entry.metadata);
    expect(scopedFilePath(entry.root, scope, entry.resolve ?? 'file.xyz')).toBe(entry.file);
  });
});
