import { asList, asObject, type JsonObject } from '../manifests/json-value.ts';
import { privilegedCapabilities, unprivilegedCapabilities } from './data/capabilities.ts';
import { invalidInput } from './input-values.ts';
import type { CapabilitySets, Warn } from './policy-model.ts';
import { compareCodePoints } from './python-json.ts';

export interface CapabilityOptions {
  readonly privileged: boolean;
  /** Read `ALL` and names without `CAP_` as Kubernetes means them; otherwise names are taken verbatim. */
  readonly expandNames: boolean;
  readonly container: string;
  readonly warn: Warn;
}

/** The five capability sets of a container, each sorted and without repetition; `drop` wins over `add`. */
export function capabilitySets(securityContext: JsonObject, options: CapabilityOptions): CapabilitySets {
  const capabilities = asObject(securityContext['capabilities']) ?? {};
  const add = capabilityNames(capabilities['add'], 'add', options);
  const drop = new Set(capabilityNames(capabilities['drop'], 'drop', options));
  const base = options.privileged ? privilegedCapabilities : unprivilegedCapabilities;
  const granted = sortedSet([...base, ...add].filter((name) => !drop.has(name)));
  return {
    bounding: granted,
    effective: granted,
    permitted: granted,
    inheritable: options.privileged ? granted : [],
    ambient: [],
  };
}

function capabilityNames(value: unknown, member: 'add' | 'drop', options: CapabilityOptions): readonly string[] {
  if (value === undefined || value === null) return [];
  const { container } = options;
  const names = asList(value)?.map((name) => {
    if (typeof name === 'string') return name;
    throw invalidInput(`capabilities.${member} of the container ${container} holds a value that is no text`);
  });
  if (names === undefined) throw invalidInput(`capabilities.${member} of the container ${container} is not a list`);
  return names.flatMap((name) => capabilityName(name, member, options));
}

function capabilityName(
  name: string,
  member: 'add' | 'drop',
  { expandNames, container, warn }: CapabilityOptions,
): readonly string[] {
  const upper = name.toUpperCase();
  if (upper === 'ALL' || upper === 'CAP_ALL') {
    if (expandNames) return privilegedCapabilities;
    warn(
      'CCE-CAP-ALL',
      `${member} names ${name}, which a policy takes for a capability of that name; expand it`,
      container,
    );
  } else if (!name.startsWith('CAP_')) {
    if (expandNames) return [`CAP_${upper}`];
    warn('CCE-CAP-NAME', `${member} names ${name} without CAP_, which matches no capability`, container);
  }
  return [name];
}

function sortedSet(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted(compareCodePoints);
}
