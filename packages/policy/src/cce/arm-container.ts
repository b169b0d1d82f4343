import { UnsupportedError } from '@holdfast/base';

import { type JsonObject, memberIgnoringCase } from '../manifests/json-value.ts';
import type { ArmContainerGroup } from './arm-template.ts';
import type { ContainerContext, ContainerInput } from './container-input.ts';
import { aciPlaceholder } from './data/default-env-rules.ts';
import { aciConfigMap, mountSources } from './data/mounts.ts';
import { literalEnv, wildcardEnv } from './env-rules.ts';
import { booleanOf, invalidInput, objectList, objectOf, optionalText, requiredText, textList } from './input-values.ts';
import type { EnvRule, ExecProcess, PolicyMount } from './policy-model.ts';
import { policyMount } from './policy-mount.ts';

interface Reading {
  readonly group: ArmContainerGroup;
  readonly name: string;
  readonly properties: JsonObject;
  readonly context: ContainerContext;
}

/**
 * A container of a container group as the policy generator sees it. Ports, resources, restart policy, DNS, identities
 * and addresses never enter a policy.
 * @throws MalformedError CCE_INPUT_INVALID
 * @throws UnsupportedError CCE_ARM_UNRESOLVED
 */
export function armContainer(
  group: ArmContainerGroup,
  container: JsonObject,
  context: ContainerContext,
): ContainerInput {
  const found = group.expressions.resolve(memberIgnoringCase(container, 'name')).value;
  const name = requiredText(found, `the name of a container of ${group.name}`);
  const properties = objectOf(memberIgnoringCase(container, 'properties'), `properties of the container ${name}`);
  const reading: Reading = { group, name, properties, context };
  return {
    name,
    platform: 'aci',
    image: requiredText(member(reading, 'image'), `the image of the container ${name}`),
    env: environment(reading),
    command: { form: 'aci', command: textList(member(reading, 'command'), `command of the container ${name}`) },
    workingDir: optionalText(member(reading, 'workingDir'), `workingDir of the container ${name}`),
    mounts: mounts(reading),
    execProcesses: execProcesses(reading),
    securityContext: objectOf(member(reading, 'securityContext'), `securityContext of the container ${name}`),
  };
}

/** A member of a container's properties with its references put in. */
function member({ group, name, properties }: Reading, key: string): unknown {
  const { value, unresolved } = group.expressions.resolve(memberIgnoringCase(properties, key));
  if (unresolved) {
    throw new UnsupportedError(
      'CCE_ARM_UNRESOLVED',
      `${key} of the container ${name} holds an expression that is not evaluated`,
      {
        details: { container: name, member: key },
      },
    );
  }
  return value;
}

function environment(reading: Reading): EnvRule[] {
  const where = `environmentVariables of the container ${reading.name}`;
  return objectList(memberIgnoringCase(reading.properties, 'environmentVariables'), where).flatMap((variable) =>
    envRule(reading, variable),
  );
}

function envRule({ group, name: container, context }: Reading, variable: JsonObject): EnvRule[] {
  const resolve = (key: string) => group.expressions.resolve(memberIgnoringCase(variable, key));
  const name = requiredText(resolve('name').value, `the name of a variable of the container ${container}`);
  const secure = memberIgnoringCase(variable, 'secureValue');
  const key = memberIgnoringCase(variable, 'value') === undefined && secure !== undefined ? 'secureValue' : 'value';
  const { value, unresolved } = resolve(key);
  if (unresolved) return unresolvedVariable(name, container, context);
  const text = optionalText(value, `the variable ${name} of the container ${container}`);
  if (text === undefined) throw invalidInput(`the variable ${name} of the container ${container} has no value`);
  if (key === 'secureValue' || group.expressions.isSecure(memberIgnoringCase(variable, key))) {
    context.warn('CCE-SECRET-IN-POLICY', `the secure value of ${name} stands in the policy in clear text`, container);
  }
  const placeholder = name === aciPlaceholder.name && aciPlaceholder.value.test(text);
  return [placeholder ? wildcardEnv(name) : literalEnv(name, text)];
}

function unresolvedVariable(name: string, container: string, { approveWildcards, warn }: ContainerContext): EnvRule[] {
  const decision = approveWildcards
    ? 'any value of it is allowed'
    : 'it was left out: approve wildcards to allow any value';
  warn('CCE-ENV-UNRESOLVED', `the value of ${name} is an expression that is not evaluated; ${decision}`, container);
  return approveWildcards ? [wildcardEnv(name)] : [];
}

function mounts(reading: Reading): PolicyMount[] {
  const { group, name } = reading;
  const declared = objectList(member(reading, 'volumeMounts'), `volumeMounts of the container ${name}`).map((mount) => {
    const volume = requiredText(memberIgnoringCase(mount, 'name'), `the name of a mount of the container ${name}`);
    const destination = requiredText(memberIgnoringCase(mount, 'mountPath'), `the path of the mount ${volume}`);
    const readOnly = booleanOf(memberIgnoringCase(mount, 'readOnly'), false, `readOnly of the mount ${volume}`);
    return policyMount({ destination, volumeType: volumeType(group, volume, name), readOnly });
  });
  const configMap = memberIgnoringCase(reading.properties, 'configMap');
  return configMap === undefined || configMap === null ? declared : [...declared, policyMount(aciConfigMap)];
}

/** The type of a volume: the last of its keys that names one. */
function volumeType(group: ArmContainerGroup, name: string, container: string): string {
  const volume = group.volumes.find(
    (candidate) => group.expressions.resolve(memberIgnoringCase(candidate, 'name')).value === name,
  );
  if (volume === undefined)
    throw invalidInput(`the container ${container} mounts the volume ${name}, which does not exist`);
  return volumeTypeOf(Object.keys(volume), `the volume ${name}`);
}

/** The last of the given names that is a volume type, in the spelling of `mountSources`. */
export function volumeTypeOf(names: readonly string[], where: string): string {
  const types = Object.keys(mountSources);
  const spelled = names.map((name) => types.find((type) => type.toLowerCase() === name.toLowerCase()));
  const type = spelled.findLast((candidate) => candidate !== undefined);
  if (type === undefined) throw invalidInput(`${where} is of no type that confidential container groups know`);
  return type;
}

function execProcesses(reading: Reading): ExecProcess[] {
  const { name, context } = reading;
  const declared = execProcessList(member(reading, 'execProcesses'), name);
  const probes = ['readinessProbe', 'livenessProbe'].flatMap((key) => probeProcess(member(reading, key), key, name));
  return context.generation.deduplicateProbes ? withoutRepetition([...declared, ...probes]) : [...declared, ...probes];
}

/** Declared processes; their signals are kept where given. */
export function execProcessList(value: unknown, container: string): ExecProcess[] {
  const where = `execProcesses of the container ${container}`;
  return objectList(value, where).map((process) => ({
    command: textList(memberIgnoringCase(process, 'command'), where),
    signals: signalList(memberIgnoringCase(process, 'signals'), where),
  }));
}

function signalList(value: unknown, where: string): number[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && (value as unknown[]).every((item) => Number.isInteger(item))) return value as number[];
  throw invalidInput(`signals in ${where} are not integers`);
}

/** The process of a probe of the `exec` kind; other kinds add nothing. */
export function probeProcess(probe: unknown, key: string, container: string): ExecProcess[] {
  const where = `${key} of the container ${container}`;
  const exec = memberIgnoringCase(objectOf(probe, where), 'exec');
  if (exec === undefined || exec === null) return [];
  const command = textList(memberIgnoringCase(objectOf(exec, where), 'command'), where);
  if (command.length === 0) throw invalidInput(`${where} has exec without a command`);
  return [{ command, signals: [] }];
}

function withoutRepetition(processes: readonly ExecProcess[]): ExecProcess[] {
  const seen = new Set<string>();
  return processes.filter(({ command }) => {
    const key = JSON.stringify(command);
    return !seen.has(key) && seen.add(key);
  });
}
