import { int32Of, memberOf, parseYamlStruct, textOf } from './yaml-struct.ts';

/** One entry of the `objects` parameter: what to take from the vault, and how to write it. */
export interface VaultObject {
  readonly objectName: string;
  /** `secret`, `key` or `cert`; anything else fails when it is fetched. */
  readonly objectType: string;
  /** Path of the file; the name of the object when empty. */
  readonly objectAlias: string;
  /** Empty for the newest. */
  readonly objectVersion: string;
  /** How many versions to write; one when below 2. */
  readonly objectVersionHistory: number;
  readonly objectFormat: string;
  readonly objectEncoding: string;
  /** Octal digits; the permission of the request when empty. */
  readonly filePermission: string;
}

const TEXT_FIELDS = [
  'objectName',
  'objectType',
  'objectAlias',
  'objectVersion',
  'objectFormat',
  'objectEncoding',
  'filePermission',
] as const;

/**
 * Reads one element of the list, a YAML mapping; texts come back trimmed. Unknown keys are ignored.
 * @throws Error with the reason; the caller says which element it is
 */
export function parseVaultObject(text: string): VaultObject {
  const struct = parseYamlStruct(text, 'types.KeyVaultObject');
  const texts = Object.fromEntries(
    TEXT_FIELDS.map((name) => {
      const node = memberOf(struct, name);
      return [name, node === undefined ? '' : textOf(node)];
    }),
  ) as Record<(typeof TEXT_FIELDS)[number], string>;
  const history = memberOf(struct, 'objectVersionHistory');
  return trimmed({ ...texts, objectVersionHistory: history === undefined ? 0 : int32Of(history) });
}

/** The object without white space around its texts. */
export function trimmed(object: VaultObject): VaultObject {
  const texts = Object.fromEntries(TEXT_FIELDS.map((name) => [name, object[name].trim()]));
  return { ...object, ...texts };
}

/** What is wrong with an object before anything is fetched, in the provider's words; undefined when nothing is. */
export function problemOf(object: VaultObject): string | undefined {
  return formatProblem(object) ?? encodingProblem(object) ?? fileNameProblem(fileNameOf(object));
}

/** Path of the file, relative to the mount. */
export function fileNameOf(object: Pick<VaultObject, 'objectAlias' | 'objectName'>): string {
  return object.objectAlias === '' ? object.objectName : object.objectAlias;
}

/** What an object is called in status objects: `<type>/<name>`, and the index of the version where there are several. */
export function objectUid(
  object: Pick<VaultObject, 'objectType' | 'objectName' | 'objectAlias' | 'objectVersionHistory'>,
): string {
  const uid = `${object.objectType}/${object.objectName}`;
  return object.objectVersionHistory <= 1 ? uid : `${uid}/${fileNameOf(object).split('/').at(-1) ?? ''}`;
}

/**
 * Permission bits of the file; `undefined` when the text is no octal number.
 * @param requestMode What the caller of the mount asked for.
 */
export function fileModeOf(
  { filePermission }: Pick<VaultObject, 'filePermission'>,
  requestMode: number,
): number | undefined {
  if (filePermission === '') return requestMode;
  return /^[0-7]{1,5}$/.test(filePermission) ? Number.parseInt(filePermission, 8) : undefined;
}

function formatProblem({ objectFormat, objectType }: VaultObject): string | undefined {
  if (objectFormat === '') return undefined;
  if (!['pem', 'pfx'].includes(objectFormat.toLowerCase())) {
    return `invalid objectFormat: ${objectFormat}, should be PEM or PFX`;
  }
  // The provider compares without folding case here, so PFX in capitals passes and is then used as PEM.
  if (objectFormat === 'pfx' && objectType !== 'secret') return 'PFX format only supported for objectType: secret';
  return undefined;
}

function encodingProblem({ objectEncoding, objectType }: VaultObject): string | undefined {
  if (objectEncoding === '') return undefined;
  if (objectType !== 'secret') return 'objectEncoding only supported for objectType: secret';
  if (['utf-8', 'base64', 'hex'].includes(objectEncoding.toLowerCase())) return undefined;
  return `invalid objectEncoding: ${objectEncoding}, should be hex, base64 or utf-8`;
}

function fileNameProblem(name: string): string | undefined {
  if (name === '') return 'file name must not be empty';
  if (name.startsWith('/')) return 'file name must be a relative path';
  if (name.includes('..')) return "file name must not contain '..'";
  return undefined;
}
