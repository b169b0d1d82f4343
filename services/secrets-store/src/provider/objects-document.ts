import { errorMessage } from '@holdfast/base';

import { aboutObject, invalidParameters } from './mount-error.ts';
import { fileModeOf, parseVaultObject, problemOf } from './vault-object.ts';
import type { VaultObject } from './vault-object.ts';
import { parseYamlStruct, textsOf } from './yaml-struct.ts';

/**
 * The `objects` parameter: a YAML mapping whose `array` is a list of texts, each a YAML mapping itself. All elements are
 * checked before anything is fetched.
 * @param options.compatible Accepts a `filePermission` that is no octal number, as the Azure provider does.
 * @throws RequestError MOUNT_PARAMETERS_INVALID
 */
export function parseObjects(text: string, options: { readonly compatible: boolean }): readonly VaultObject[] {
  if (text === '') throw invalidParameters('objects is not set');
  let elements: readonly string[];
  try {
    elements = textsOf(parseYamlStruct(text, 'types.StringArray'), 'array');
  } catch (cause) {
    throw invalidParameters(`failed to yaml unmarshal objects, error: ${errorMessage(cause)}`, cause);
  }
  return elements.map((element, index) => {
    const object = parseElement(element, index);
    const problem = problemOf(object) ?? permissionProblem(object, options.compatible);
    if (problem !== undefined) throw invalidParameters(`${aboutObject(object)}: ${problem}`);
    return object;
  });
}

function parseElement(text: string, index: number): VaultObject {
  try {
    return parseVaultObject(text);
  } catch (cause) {
    throw invalidParameters(
      `unmarshal failed for keyVaultObjects at index ${index}, error: ${errorMessage(cause)}`,
      cause,
    );
  }
}

function permissionProblem(object: VaultObject, compatible: boolean): string | undefined {
  if (compatible || fileModeOf(object, 0) !== undefined) return undefined;
  return `invalid filePermission: ${object.filePermission}, should be an octal number such as "0644"`;
}
