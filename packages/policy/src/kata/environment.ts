import { MalformedError, RequestError, UnsupportedError } from '@holdfast/base';

import type { ConfigSource, ConfigSources } from '../manifests/index.ts';
import { type Fields, optionalFields, optionalList, optionalText, requiredText } from './fields.ts';
import { ownValue } from './json-shape.ts';
import type { KataProfile } from './policy-data.ts';
import { compareUtf8 } from './policy-json.ts';

/** What variables of a container can refer to. */
export interface EnvironmentScope {
  readonly profile: KataProfile;
  readonly sources: ConfigSources;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Namespace of the pod; empty in the upstream profile when the manifest names none. */
  readonly namespace: string;
}

/** Placeholders that only the runtime can fill; they may stay in a value that is inserted elsewhere. */
const runtimePlaceholders: ReadonlySet<string> = new Set([
  'bundle-id',
  'host-ip',
  'node-name',
  'pod-ip',
  'pod-uid',
  'sandbox-id',
  'sandbox-name',
  'sandbox-namespace',
]);

/** Characters that expansion may add to a container's variables or arguments. References can double a value at each step. */
const mostGrowth = 1 << 20;

/**
 * The variables that a manifest declares for a container, `env` first, then `envFrom`, each as `NAME=value`.
 * @throws MalformedError KATA_MANIFEST_INVALID for a variable without a value
 * @throws RequestError KATA_REFERENCE_MISSING
 * @throws UnsupportedError KATA_MANIFEST_UNSUPPORTED for a source no policy can express
 */
export function declaredVariables(container: Fields, scope: EnvironmentScope): string[] {
  const single = optionalList(container, 'env').map(
    (variable) => `${requiredText(variable, 'name')}=${valueOf(variable, container, scope)}`,
  );
  const whole = optionalList(container, 'envFrom').flatMap((from) => allOf(from, scope));
  return [...single, ...whole];
}

function valueOf(variable: Fields, container: Fields, scope: EnvironmentScope): string {
  const literal = optionalText(variable, 'value');
  if (literal !== undefined) return literal;
  const from = optionalFields(variable, 'valueFrom');
  if (from === undefined) {
    throw new MalformedError(
      'KATA_MANIFEST_INVALID',
      `The variable ${requiredText(variable, 'name')} has neither a value nor a source.`,
      { details: { field: variable.where } },
    );
  }
  const configMap = optionalFields(from, 'configMapKeyRef');
  if (configMap !== undefined) return keyOf(configMap, 'ConfigMap', scope);
  const secret = optionalFields(from, 'secretKeyRef');
  if (secret !== undefined) return keyOf(secret, 'Secret', scope);
  const field = optionalFields(from, 'fieldRef');
  if (field !== undefined) return podField(requiredText(field, 'fieldPath'), container, scope);
  if (optionalFields(from, 'resourceFieldRef') !== undefined) return '$(resource-field)';
  throw unsupported(from.where, 'a source of a kind that no policy can express');
}

function unsupported(where: string, what: string): UnsupportedError {
  return new UnsupportedError('KATA_MANIFEST_UNSUPPORTED', `The field ${where} is ${what}.`, {
    details: { field: where },
  });
}

function missing(what: string): RequestError {
  return new RequestError('KATA_REFERENCE_MISSING', `${what} is not among the given resources.`, {
    action: 'Pass the resource in the same stream or as an extra file.',
  });
}

function sourceOf(kind: 'ConfigMap' | 'Secret', name: string, scope: EnvironmentScope): ConfigSource {
  const found = kind === 'Secret' ? scope.sources.secrets.get(name) : scope.sources.configMaps.get(name);
  if (found === undefined) throw missing(`The ${kind} ${name}`);
  return found;
}

function keyOf(reference: Fields, kind: 'ConfigMap' | 'Secret', scope: EnvironmentScope): string {
  const name = requiredText(reference, 'name');
  const key = requiredText(reference, 'key');
  const value = sourceOf(kind, name, scope).value(key);
  if (value === undefined) throw missing(`The key ${key} of the ${kind} ${name}`);
  return value;
}

function allOf(from: Fields, scope: EnvironmentScope): string[] {
  const configMap = optionalFields(from, 'configMapRef');
  const secret = optionalFields(from, 'secretRef');
  const reference = configMap ?? secret;
  if (reference === undefined) throw unsupported(from.where, 'neither a ConfigMap nor a Secret');
  const source = sourceOf(configMap === undefined ? 'Secret' : 'ConfigMap', requiredText(reference, 'name'), scope);
  return source.keys.toSorted(compareUtf8).map((key) => `${key}=${source.value(key) ?? ''}`);
}

function podField(path: string, container: Fields, scope: EnvironmentScope): string {
  switch (path) {
    case 'metadata.name':
      return '$(sandbox-name)';
    case 'metadata.namespace':
      return scope.namespace === '' ? '$(sandbox-namespace)' : scope.namespace;
    case 'metadata.uid':
      return '$(pod-uid)';
    case 'status.hostIP':
      return '$(host-ip)';
    case 'status.podIP':
      return '$(pod-ip)';
    case 'spec.nodeName':
      return '$(node-name)';
    case 'spec.serviceAccountName':
      return optionalText(container, 'serviceAccountName') ?? 'default';
    default:
      return metadataField(path, scope);
  }
}

function metadataField(path: string, scope: EnvironmentScope): string {
  const [, map, key] = /^metadata\.(annotations|labels)\['([^']*)'\]$/u.exec(path) ?? [];
  if (key !== undefined && (map === 'annotations' || scope.profile === 'upstream')) {
    const value = ownValue(map === 'annotations' ? scope.annotations : scope.labels, key);
    // The annotation may be added by somebody else before the pod starts; any value is then accepted.
    return value ?? '$(todo-annotation)';
  }
  throw unsupported(path, 'a pod field that no policy can express');
}

/** Adds variables that are not there yet in exactly this form. A name may occur twice; nothing is overridden. */
export function appendMissing(target: string[], additions: readonly string[]): void {
  const known = new Set(target);
  for (const addition of additions) {
    if (known.has(addition)) continue;
    known.add(addition);
    target.push(addition);
  }
}

const reference = /\$\(([^)]*)\)/u;
const references = /\$\(([^)]*)\)/gu;

/** Splits `NAME=value`; undefined unless there is exactly one `=`, as the rules of the agent require. */
export function splitVariable(variable: string): [name: string, value: string] | undefined {
  const parts = variable.split('=');
  return parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : undefined;
}

/** Values that may be inserted elsewhere: nothing in them is left to expand but what only the runtime can fill. */
class SettledValues {
  readonly #byName = new Map<string, { readonly index: number; readonly value: string }>();

  constructor(variables: readonly string[]) {
    variables.forEach((variable, index) => {
      this.note(variable, index);
    });
  }

  /** Remembers a variable if it is settled. Of several with one name the first in the list counts. */
  note(variable: string, index: number): void {
    const [name, value] = splitVariable(variable) ?? [];
    if (name === undefined || value === undefined) return;
    const known = this.#byName.get(name);
    if (known !== undefined && known.index <= index) return;
    const settled = [...value.matchAll(references)].every((found) => runtimePlaceholders.has(found[1] ?? ''));
    if (settled) this.#byName.set(name, { index, value });
  }

  of(name: string): string | undefined {
    return runtimePlaceholders.has(name) ? undefined : this.#byName.get(name)?.value;
  }
}

/**
 * Expands `$(NAME)` references between variables, in place, until nothing changes. Only the first reference of a value is ever
 * looked at, so one that cannot be resolved keeps all later ones as they are.
 * @throws UnsupportedError KATA_MANIFEST_UNSUPPORTED when the values grow beyond 1 MiB
 */
export function expandVariables(variables: string[]): void {
  const settled = new SettledValues(variables);
  let grown = 0;
  for (let changed = true; changed;) {
    changed = false;
    variables.forEach((variable, index) => {
      const [name, value] = splitVariable(variable) ?? [];
      const wanted = value === undefined ? undefined : reference.exec(value)?.[1];
      const found = wanted === undefined ? undefined : settled.of(wanted);
      if (name === undefined || value === undefined || wanted === undefined || found === undefined) return;
      const expanded = `${name}=${value.replaceAll(`$(${wanted})`, () => found)}`;
      grown += Math.max(0, expanded.length - variable.length);
      requireBounded(grown);
      variables[index] = expanded;
      settled.note(expanded, index);
      changed = true;
    });
  }
}

/**
 * Expands `$(NAME)` references of arguments from the variables, each argument's first reference first.
 * @throws UnsupportedError KATA_MANIFEST_UNSUPPORTED when the arguments grow beyond 1 MiB
 */
export function expandArguments(args: readonly string[], variables: readonly string[]): string[] {
  const settled = new SettledValues(variables);
  let grown = 0;
  return args.map((argument) => {
    let current = argument;
    for (;;) {
      const wanted = reference.exec(current)?.[1];
      const found = wanted === undefined ? undefined : settled.of(wanted);
      if (wanted === undefined || found === undefined) return current;
      grown += found.length;
      requireBounded(grown);
      current = current.replace(`$(${wanted})`, () => found);
    }
  });
}

function requireBounded(length: number): void {
  if (length <= mostGrowth) return;
  throw new UnsupportedError(
    'KATA_MANIFEST_UNSUPPORTED',
    'The variables or arguments grow beyond 1 MiB when their references are expanded.',
    { details: { most: mostGrowth } },
  );
}
