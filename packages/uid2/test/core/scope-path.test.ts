import { describe, expect, it } from 'vitest';

import { scopedFilePath, scopedMetadataPath, scopeForOperator } from '../../src/core/scope-path.ts';
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

  it.each(
    coreVector<{ cases?: { operator_type: 'PUBLIC' | 'PRIVATE'; encrypted: boolean; path: string }[] }>('metadata-path')
      .cases ?? [],
  )('serves $path to a $operator_type operator, encrypted $encrypted', ({ operator_type, encrypted, path }) => {
    const scope = scopeForOperator({ operatorType: operator_type, siteId: 42, encrypted, privateSiteData: true });
    expect(scopedMetadataPath('s3://test-bucket/folder/', scope)).toBe(path);
  });
});

describe('scopeForOperator', () => {
  it('serves everything to private operators while there are no private copies', () => {
    const operator = { operatorType: 'PRIVATE', siteId: 42, encrypted: false, privateSiteData: false } as const;
    expect(scopeForOperator(operator)).toEqual({ kind: 'global' });
  });
});
