import { RequestError } from '@holdfast/base';

import type { ConfigSource, ConfigSources } from '../manifests/config-sources.ts';
import type { JsonObject } from '../manifests/json-value.ts';
import type { ContainerContext } from './container-input.ts';
import { vn2Placeholder } from './data/default-env-rules.ts';
import { literalEnv, wildcardEnv } from './env-rules.ts';
import { invalidInput, objectList, objectOf, optionalText, requiredText } from './input-values.ts';
import type { EnvRule } from './policy-model.ts';
import { scaledQuantity } from './resource-quantity.ts';

export interface Vn2EnvReading {
  readonly name: string;
  readonly container: JsonObject;
  readonly sources: ConfigSources;
  readonly context: ContainerContext;
}

/**
 * Rules for the declared variables of a Kubernetes container, in order.
 * @throws MalformedError CCE_INPUT_INVALID, MANIFEST_CONFIG_INVALID
 * @throws RequestError CCE_WILDCARD_NEEDED
 */
export function vn2Env(reading: Vn2EnvReading): EnvRule[] {
  const { name, container, context } = reading;
  if (container['envFrom'] !== undefined && container['envFrom'] !== null) {
    // The reference generator skips it and the container is denied at run time.
    if (!context.compatible)
      throw invalidInput(`envFrom of the container ${name} is not supported: name the variables in env`);
    context.warn('CCE-ENV-FROM', 'envFrom is ignored: its variables are not in the policy', name);
  }
  return objectList(container['env'], `env of the container ${name}`).flatMap((variable) => rule(variable, reading));
}

function rule(variable: JsonObject, reading: Vn2EnvReading): EnvRule[] {
  const name = requiredText(variable['name'], `the name of a variable of the container ${reading.name}`);
  const where = `the variable ${name} of the container ${reading.name}`;
  const source = objectOf(variable['valueFrom'], `valueFrom of ${where}`);
  if (source['configMapKeyRef'] !== undefined)
    return [configMapRule(name, where, source['configMapKeyRef'], reading)].flat();
  if (source['secretKeyRef'] !== undefined) return [secretRule(name, where, source['secretKeyRef'], reading)].flat();
  if (source['fieldRef'] !== undefined) {
    requiredText(objectOf(source['fieldRef'], where)['fieldPath'], `fieldPath of ${where}`);
    return [wildcardEnv(name)];
  }
  if (source['resourceFieldRef'] !== undefined) return resourceRule(name, where, source['resourceFieldRef'], reading);
  const value = optionalText(variable['value'], where) ?? '';
  return [vn2Placeholder.test(value) ? wildcardEnv(name) : literalEnv(name, value)];
}

interface KeyReference {
  readonly source: string;
  readonly key: string;
  readonly optional: boolean;
}

function keyReference(value: unknown, where: string): KeyReference {
  const reference = objectOf(value, where);
  return {
    source: requiredText(reference['name'], `the name of the source of ${where}`),
    key: requiredText(reference['key'], `the key of ${where}`),
    optional: reference['optional'] === true,
  };
}

function configMapRule(
  name: string,
  where: string,
  value: unknown,
  { sources, context, name: container }: Vn2EnvReading,
): EnvRule[] {
  const { source, key, optional } = keyReference(value, where);
  const map = sources.configMaps.get(source);
  if (map !== undefined) return valueOf(map, key, name, where, optional);
  if (context.approveWildcards) return [wildcardEnv(name)];
  context.warn(
    'CCE-CONFIGMAP-MISSING',
    `the ConfigMap ${source} was not given, so ${name} must be empty at run time`,
    container,
  );
  return [literalEnv(name, '')];
}

function secretRule(
  name: string,
  where: string,
  value: unknown,
  { sources, context, name: container }: Vn2EnvReading,
): EnvRule[] {
  const { source, key, optional } = keyReference(value, where);
  const secret = sources.secrets.get(source);
  if (secret !== undefined) {
    context.warn(
      'CCE-SECRET-IN-POLICY',
      `the value of ${name}, from the Secret ${source}, stands in the policy in clear text`,
      container,
    );
    return valueOf(secret, key, name, where, optional);
  }
  if (context.approveWildcards) return [wildcardEnv(name)];
  throw new RequestError('CCE_WILDCARD_NEEDED', `${where} comes from the Secret ${source}, which was not given`, {
    details: { container, variable: name, secret: source },
  });
}

function valueOf(source: ConfigSource, key: string, name: string, where: string, optional: boolean): EnvRule[] {
  const value = source.value(key);
  if (value !== undefined) return [literalEnv(name, value)];
  // Kubernetes does not set the variable then.
  if (optional) return [];
  throw invalidInput(`${where} needs the key ${key} of ${source.name}, which has none`);
}

function resourceRule(
  name: string,
  where: string,
  value: unknown,
  { container, name: own, context }: Vn2EnvReading,
): EnvRule[] {
  const reference = objectOf(value, where);
  const of = optionalText(reference['containerName'], `containerName of ${where}`);
  if (of === undefined ? context.compatible : of !== own) {
    throw invalidInput(`${where} refers to resources of ${of ?? 'no container'}, not of its own container`);
  }
  const resource = requiredText(reference['resource'], `resource of ${where}`);
  const dot = resource.indexOf('.');
  const kind = resource.slice(0, dot);
  if (dot < 0 || (kind !== 'requests' && kind !== 'limits'))
    throw invalidInput(`${where} names the unknown resource ${resource}`);
  const amounts = objectOf(objectOf(container['resources'], `resources of the container ${own}`)[kind], kind);
  const amount = amounts[resource.slice(dot + 1)];
  if (amount === undefined || amount === null) return [];
  const quantity =
    typeof amount === 'number' ? String(amount) : requiredText(amount, `${resource} of the container ${own}`);
  if (context.compatible) return [literalEnv(name, quantity)];
  const divisor = reference['divisor'];
  return [
    literalEnv(
      name,
      scaledQuantity(
        quantity,
        typeof divisor === 'number' ? String(divisor) : optionalText(divisor, `divisor of ${where}`),
      ),
    ),
  ];
}
