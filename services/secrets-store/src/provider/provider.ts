import { DependencyError, errorMessage, PlatformError, RequestError } from '@holdfast/base';

import { vaultUrl } from './clouds.ts';
import { contentBytes, unusable } from './encoding.ts';
import { aboutObject } from './mount-error.ts';
import { certificateTexts, keyTexts, secretTexts } from './object-content.ts';
import type { ContentOptions, ObjectText } from './object-content.ts';
import { readMountParameters } from './parameters.ts';
import type { MountParameters, ParameterOptions } from './parameters.ts';
import { fileModeOf, fileNameOf, objectUid } from './vault-object.ts';
import type { VaultObject } from './vault-object.ts';
import type { VaultObjectType, VaultReader } from './vault-reader.ts';
import { selectVersions, singleVersion } from './versions.ts';
import type { ChosenVersion } from './versions.ts';

/** A file of a volume. */
export interface MountedFile {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly mode: number;
  readonly contents: Uint8Array;
}

/** Which version of an object a volume holds. */
export interface ObjectVersion {
  readonly id: string;
  readonly version: string;
}

export interface MountRequest {
  readonly attributes: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>> | undefined;
  /** Permission bits of files that name none. */
  readonly permission: number;
  readonly signal?: AbortSignal;
}

export interface MountResult {
  readonly files: readonly MountedFile[];
  readonly objectVersions: readonly ObjectVersion[];
}

/** Opens a vault as an identity; nothing is asked of it yet. */
export type OpenVault = (
  url: string,
  parameters: Pick<MountParameters, 'identity' | 'tenantId' | 'cloud'>,
  signal: AbortSignal | undefined,
) => Promise<VaultReader>;

export interface ProviderOptions extends ParameterOptions, ContentOptions {
  readonly openVault: OpenVault;
  /** Address of a vault that is not where its cloud has it; undefined for all others. */
  readonly vaultAddress?: (name: string) => string | undefined;
}

const TYPES: ReadonlySet<string> = new Set<VaultObjectType>(['secret', 'key', 'cert']);

/**
 * What a class asks for, from the vault: the files with the versions they hold. The first object that fails, fails all.
 * @throws RequestError MOUNT_PARAMETERS_INVALID, VAULT_OBJECT_UNUSABLE
 * @throws DependencyError VAULT_REFUSED, VAULT_UNREACHABLE
 */
export async function mountObjects(request: MountRequest, options: ProviderOptions): Promise<MountResult> {
  const parameters = readMountParameters(request.attributes, request.secrets, options);
  const files: MountedFile[] = [];
  const objectVersions: ObjectVersion[] = [];
  if (parameters.objects.length === 0) return { files, objectVersions };
  const reader = await openReader(parameters, options, request.signal);
  const compatible = options.compatible === true;
  for (const object of parameters.objects) {
    for (const chosen of await chooseVersions(object, reader, compatible)) {
      const id = objectUid(chosen.object);
      const mode = fileModeOf(object, request.permission) ?? 0;
      for (const { suffix, text, version } of await fetchTexts(chosen, reader, options)) {
        const contents = contentBytes(text, object.objectType, object.objectEncoding);
        files.push({ path: `${fileNameOf(chosen.object)}${suffix}`, mode, contents });
        objectVersions.push({ id, version });
      }
    }
  }
  return { files, objectVersions };
}

async function openReader(
  parameters: MountParameters,
  options: ProviderOptions,
  signal: AbortSignal | undefined,
): Promise<VaultReader> {
  const { keyvaultName, cloud } = parameters;
  const url = prefixed('failed to get vault: ', () => {
    const usual = vaultUrl(keyvaultName, cloud);
    return options.vaultAddress?.(keyvaultName.toLowerCase()) ?? usual;
  });
  try {
    return await options.openVault(url, parameters, signal);
  } catch (cause) {
    throw labelled(cause, 'failed to get keyvault client: ');
  }
}

async function chooseVersions(
  object: VaultObject,
  reader: VaultReader,
  compatible: boolean,
): Promise<readonly ChosenVersion[]> {
  if (object.objectVersionHistory <= 1) return [singleVersion(object, compatible)];
  const listed = await reader.versions(typeOf(object), object.objectName);
  return selectVersions(object, listed, compatible);
}

async function fetchTexts(
  { object, version }: ChosenVersion,
  reader: VaultReader,
  options: ContentOptions,
): Promise<readonly ObjectText[]> {
  const type = typeOf(object);
  const ask = async <T>(call: Promise<T>): Promise<T> =>
    call.catch((cause: unknown) => {
      throw labelled(cause, `${aboutObject(object)}: `);
    });
  const name = object.objectName;
  if (type === 'secret') return secretTexts(await ask(reader.secret(name, version)), object, options);
  if (type === 'key') return keyTexts(await ask(reader.key(name, version)), object);
  return certificateTexts(await ask(reader.certificate(name, version)));
}

function typeOf(object: VaultObject): VaultObjectType {
  if (TYPES.has(object.objectType)) return object.objectType as VaultObjectType;
  throw unusable(`${aboutObject(object)}: Invalid vaultObjectTypes. Should be secret, key, or cert`);
}

function prefixed<T>(prefix: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw labelled(cause, prefix);
  }
}

/** The same failure, with the provider's prefix in front of its message. */
function labelled(cause: unknown, prefix: string): unknown {
  if (!(cause instanceof PlatformError)) return cause;
  const message = `${prefix}${errorMessage(cause)}`;
  const options = { cause, details: cause.details, ...(cause.action === undefined ? {} : { action: cause.action }) };
  if (cause instanceof RequestError) return new RequestError(cause.code, message, options);
  const retryable = cause instanceof DependencyError && cause.retryable;
  return new DependencyError(cause.code, message, { ...options, retryable });
}
