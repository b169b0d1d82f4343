import type { OperatorRecord, StoreScope } from '@holdfast/uid2';

export interface ScopeChoice {
  readonly operator: Pick<OperatorRecord, 'operatorType'> & { readonly siteId: number };
  /** Whether the caller can decrypt files at rest (header `Encrypted`). */
  readonly encrypted: boolean;
  /** Whether private operators get the view of their own site. */
  readonly privateSiteData: boolean;
  /** Salts are the same for every site, so the setting for private site data says nothing about them. */
  readonly salts: boolean;
}

/** Which copy of a store an operator gets. */
export function scopeFor({ operator, encrypted, privateSiteData, salts }: ScopeChoice): StoreScope {
  const { siteId, operatorType } = operator;
  if (encrypted) {
    const ownView = operatorType === 'PRIVATE' && (privateSiteData || salts);
    return { kind: 'encrypted', siteId, view: ownView ? 'private' : 'public' };
  }
  if (operatorType === 'PRIVATE' && privateSiteData && !salts) return { kind: 'site', siteId };
  return { kind: 'global' };
}
