import { fileNameOf } from './vault-object.ts';
import type { VaultObject } from './vault-object.ts';

/** One enabled version of an object in the vault. */
export interface ListedVersion {
  readonly version: string;
  /** Any unit, the same for all. */
  readonly created: number;
}

/** The word for the newest version. */
const LATEST = 'latest';

/** The object with one version, and the file it goes to. */
export interface ChosenVersion {
  /** Undefined for the newest. */
  readonly version: string | undefined;
  readonly object: VaultObject;
}

/**
 * The version of an object that has no history: as it says, or the newest. The word `latest` means the newest.
 * @param compatible Sends that word to the vault as if it were a version, as the Azure provider does; it then fails.
 */
export function singleVersion(object: VaultObject, compatible: boolean): ChosenVersion {
  const { objectVersion } = object;
  const newest = objectVersion === '' || (!compatible && objectVersion === LATEST);
  return { version: newest ? undefined : objectVersion, object };
}

/**
 * The newest versions of an object, from the one it names on, as files `<file>/0`, `<file>/1` and so on. A version that is
 * not there gives none.
 * @param compatible One more than the history asks for, as the Azure provider writes.
 */
export function selectVersions(
  object: VaultObject,
  listed: readonly ListedVersion[],
  compatible: boolean,
): readonly ChosenVersion[] {
  const sorted = listed.toSorted((a, b) => b.created - a.created);
  const { objectVersion } = object;
  const first =
    objectVersion === '' || objectVersion === LATEST ? 0 : sorted.findIndex(({ version }) => version === objectVersion);
  if (first < 0) return [];
  const count = object.objectVersionHistory + (compatible ? 1 : 0);
  return sorted.slice(first, first + count).map(({ version }, index) => ({
    version,
    object: { ...object, objectVersion: version, objectAlias: `${fileNameOf(object)}/${index}` },
  }));
}
