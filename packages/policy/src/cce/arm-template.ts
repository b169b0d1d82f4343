import { UnsupportedError } from '@holdfast/base';

import { type JsonSource, readJson } from '../manifests/json-syntax.ts';
import { asObject, type JsonObject, memberIgnoringCase } from '../manifests/json-value.ts';
import type { ManifestPath } from '../manifests/pod-template.ts';
import { ArmExpressions } from './arm-expressions.ts';
import { invalidInput, objectList, objectOf, textList } from './input-values.ts';

/** A container group, or a profile for several, of an ARM template. */
export interface ArmContainerGroup {
  readonly name: string;
  /** From the template to the resource. */
  readonly path: ManifestPath;
  readonly properties: JsonObject;
  readonly tags: JsonObject;
  /** Containers, then init containers. */
  readonly containers: readonly JsonObject[];
  readonly volumes: readonly JsonObject[];
  /** The policy that is there, undefined for none or an empty one. */
  readonly ccePolicy: string | undefined;
  /** References of fragments that the platform should fetch. */
  readonly standaloneFragments: readonly string[];
  readonly expressions: ArmExpressions;
}

export interface ArmTemplate {
  readonly source: JsonSource;
  readonly groups: readonly ArmContainerGroup[];
}

const GROUP_TYPES = new Set([
  'microsoft.containerinstance/containergroups',
  'microsoft.containerinstance/containergroupprofiles',
]);

/** From a group's resource to its policy. */
export const armPolicyPath: ManifestPath = ['properties', 'confidentialComputeProperties', 'ccePolicy'];

/**
 * Reads the container groups of an ARM template (JSON, comments accepted; keys in any letter case).
 * @throws MalformedError CCE_INPUT_INVALID when there is none; also the codes of `readJson`
 * @throws UnsupportedError CCE_PLATFORM_UNSUPPORTED for Windows groups
 */
export function readArmTemplate(
  template: string | Uint8Array,
  parameters?: string | Uint8Array,
  compatible = false,
): ArmTemplate {
  const source = readJson(template);
  const root = asObject(source.root.value);
  if (root === undefined) throw invalidInput('the template is not a JSON object');
  const parameterFile =
    parameters === undefined ? undefined : objectOf(readJson(parameters).root.value, 'the parameter file');
  const expressions = new ArmExpressions(root, parameterFile, compatible);
  const groups = resources(root).flatMap(([path, resource]) =>
    isGroup(resource) ? [containerGroup(path, resource, expressions)] : [],
  );
  if (groups.length === 0) throw invalidInput('the template has no container group');
  return { source, groups };
}

/** Resources with their paths: a list, or a mapping by symbolic names. */
function resources(root: JsonObject): [ManifestPath, JsonObject][] {
  const value = memberIgnoringCase(root, 'resources');
  const symbolic = asObject(value);
  if (symbolic === undefined) {
    return objectList(value, 'resources of the template').map((resource, index) => [['resources', index], resource]);
  }
  return Object.entries(symbolic).map(([name, resource]) => [
    ['resources', name],
    objectOf(resource, `resource ${name}`),
  ]);
}

function isGroup(resource: JsonObject): boolean {
  const type = memberIgnoringCase(resource, 'type');
  return typeof type === 'string' && GROUP_TYPES.has(type.toLowerCase());
}

function containerGroup(path: ManifestPath, resource: JsonObject, expressions: ArmExpressions): ArmContainerGroup {
  const resolvedName = expressions.resolve(memberIgnoringCase(resource, 'name')).value;
  const name = typeof resolvedName === 'string' ? resolvedName : path.join('/');
  const properties = objectOf(memberIgnoringCase(resource, 'properties'), `properties of ${name}`);
  const os = expressions.resolve(memberIgnoringCase(properties, 'osType')).value;
  if (typeof os === 'string' && os.toLowerCase() === 'windows') {
    throw new UnsupportedError('CCE_PLATFORM_UNSUPPORTED', `the container group ${name} is for Windows`);
  }
  const listed = (member: string) => objectList(memberIgnoringCase(properties, member), `${member} of ${name}`);
  const confidential = asObject(memberIgnoringCase(properties, 'confidentialComputeProperties')) ?? {};
  const policy = memberIgnoringCase(confidential, 'ccePolicy');
  return {
    name,
    path,
    properties,
    tags: asObject(memberIgnoringCase(resource, 'tags')) ?? {},
    containers: [...listed('containers'), ...listed('initContainers')],
    volumes: listed('volumes'),
    ccePolicy: typeof policy === 'string' && policy !== '' ? policy : undefined,
    standaloneFragments: textList(
      memberIgnoringCase(confidential, 'standaloneFragments'),
      `standaloneFragments of ${name}`,
    ),
    expressions,
  };
}
