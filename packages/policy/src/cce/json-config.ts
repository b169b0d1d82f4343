import { readJson } from '../manifests/json-syntax.ts';
import { asObject, type JsonObject } from '../manifests/json-value.ts';
import { execProcessList, probeProcess, volumeTypeOf } from './arm-container.ts';
import type { ContainerInput } from './container-input.ts';
import { workloadIdentityEnvRules, workloadIdentityLabel } from './data/default-env-rules.ts';
import { aciConfigMap, vn2PrivilegedMounts, vn2WorkloadIdentityMount } from './data/mounts.ts';
import { booleanOf, invalidInput, objectList, objectOf, optionalText, requiredText, textList } from './input-values.ts';
import type { EnvRule, PolicyMount } from './policy-model.ts';
import { policyMount } from './policy-mount.ts';

/** Containers and fragment imports of a JSON configuration. */
export interface JsonConfig {
  readonly containers: readonly ContainerInput[];
  readonly fragments: readonly JsonObject[];
}

/**
 * Reads a JSON configuration of the policy generator: version 1 (`containers[].properties`), or the flat version 0,
 * which is known by `containerImage` on the first container.
 * @throws MalformedError CCE_INPUT_INVALID; also the codes of `readJson`
 */
export function readJsonConfig(config: string | Uint8Array): JsonConfig {
  const root = asObject(readJson(config).root.value);
  if (root === undefined) throw invalidInput('the configuration is not a JSON object');
  const flat = objectList(root['containers'], 'containers');
  const containers = flat[0]?.['containerImage'] === undefined ? flat : flat.map((container) => upgraded(container));
  const scenario = optionalText(root['scenario'], 'scenario')?.toLowerCase();
  const labels = objectOf(root['labels'], 'labels');
  const vn2 = scenario === 'vn2';
  const identity = vn2 && labels[workloadIdentityLabel] === 'true';
  return {
    containers: containers.map((container) => configContainer(container, vn2, identity)),
    fragments: objectList(root['fragments'], 'fragments'),
  };
}

/** A container of version 0 as version 1 writes it. */
function upgraded(container: JsonObject): JsonObject {
  const image = requiredText(container['containerImage'], 'containerImage of a container');
  const variables = objectList(container['environmentVariables'], `environmentVariables of ${image}`);
  const mounts = objectList(container['mounts'], `mounts of ${image}`);
  const privileged = booleanOf(container['allow_elevated'], false, `allow_elevated of ${image}`);
  return {
    name: container['name'] ?? image,
    properties: {
      image,
      command: container['command'],
      workingDir: container['workingDir'],
      environmentVariables: variables.map((variable) => ({ ...variable, regex: variable['strategy'] === 're2' })),
      volumeMounts: mounts.map((mount, index) => ({
        name: `mount${index}`,
        ...mount,
        readOnly: mount['readOnly'] ?? mount['readonly'] ?? true,
      })),
      execProcesses: container['execProcesses'],
      livenessProbe: container['livenessProbe'],
      readinessProbe: container['readinessProbe'],
      ...(privileged ? { securityContext: { privileged } } : {}),
    },
  };
}

function configContainer(container: JsonObject, vn2: boolean, identity: boolean): ContainerInput {
  const properties = objectOf(container['properties'], 'properties of a container');
  const image = requiredText(properties['image'], 'the image of a container');
  const name = optionalText(container['name'], `the name of the container of ${image}`) ?? image;
  const securityContext = objectOf(properties['securityContext'], `securityContext of the container ${name}`);
  const privileged = vn2 && booleanOf(securityContext['privileged'], false, `privileged of the container ${name}`);
  const variables = objectList(properties['environmentVariables'], `environmentVariables of the container ${name}`);
  const stdio = properties['allowStdioAccess'];
  return {
    image,
    name,
    platform: vn2 ? 'vn2' : 'aci',
    env: [...variables.map((variable) => envRule(variable, name)), ...(identity ? workloadIdentityEnvRules : [])],
    command: { form: 'aci', command: textList(properties['command'], `command of the container ${name}`) },
    workingDir: optionalText(properties['workingDir'], `workingDir of the container ${name}`),
    mounts: [
      ...(identity ? [policyMount(vn2WorkloadIdentityMount)] : []),
      ...objectList(properties['volumeMounts'], `volumeMounts of the container ${name}`).map((mount) =>
        volumeMount(mount),
      ),
      ...(properties['configMap'] === undefined || properties['configMap'] === null ? [] : [policyMount(aciConfigMap)]),
      ...(privileged ? vn2PrivilegedMounts.map((mount) => policyMount(mount)) : []),
    ],
    execProcesses: [
      ...execProcessList(properties['execProcesses'], name),
      ...['readinessProbe', 'livenessProbe'].flatMap((key) => probeProcess(properties[key], key, name)),
    ],
    securityContext,
    allowStdioAccess:
      stdio === undefined ? undefined : booleanOf(stdio, true, `allowStdioAccess of the container ${name}`),
  };
}

function envRule(variable: JsonObject, container: string): EnvRule {
  const name = requiredText(variable['name'], `the name of a variable of the container ${container}`);
  const value = optionalText(
    variable['value'] ?? variable['secureValue'],
    `the variable ${name} of the container ${container}`,
  );
  if (value === undefined) throw invalidInput(`the variable ${name} of the container ${container} has no value`);
  const pattern =
    variable['strategy'] === 're2' || booleanOf(variable['regex'], false, `regex of the variable ${name}`);
  return { pattern: `${name}=${value}`, strategy: pattern ? 're2' : 'string', required: false };
}

function volumeMount(mount: JsonObject): PolicyMount {
  const destination = requiredText(mount['mountPath'], 'the path of a mount');
  const type = requiredText(mount['mountType'], `mountType of the mount ${destination}`);
  const options =
    mount['options'] === undefined ? undefined : textList(mount['options'], `options of the mount ${destination}`);
  const readOnly = booleanOf(mount['readOnly'], false, `readOnly of the mount ${destination}`);
  return policyMount({ destination, volumeType: volumeTypeOf([type], `the mount ${destination}`), readOnly }, options);
}
