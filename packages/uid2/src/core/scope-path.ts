/** Whose copy of a store: everybody's, one site's, or one site's encrypted with its keys. */
export type StoreScope =
  | { readonly kind: 'global' }
  | { readonly kind: 'site'; readonly siteId: number }
  | { readonly kind: 'encrypted'; readonly siteId: number; readonly view: 'public' | 'private' };

/**
 * The metadata path of a store in a scope. The last segment of the configured path is the file name, whatever it is; a
 * trailing slash does not count.
 */
export function scopedMetadataPath(metadataPath: string, scope: StoreScope): string {
  const { folder, file } = split(metadataPath);
  return `${folder}${scopeFolder(scope)}${file}`;
}

/** The path of a data file beside the metadata of a store in a scope. */
export function scopedFilePath(metadataPath: string, scope: StoreScope, fileName: string): string {
  return `${split(metadataPath).folder}${scopeFolder(scope)}${fileName}`;
}

function scopeFolder(scope: StoreScope): string {
  if (scope.kind === 'global') return '';
  return scope.kind === 'site' ? `site/${scope.siteId}/` : `encrypted/${scope.siteId}_${scope.view}/`;
}

function split(path: string): { readonly folder: string; readonly file: string } {
  const trimmed = path.replace(/\/$/, '');
  const slash = trimmed.lastIndexOf('/');
  return { folder: trimmed.slice(0, slash + 1), file: trimmed.slice(slash + 1) };
}
