import { type Fields, optionalFields, optionalTexts } from './fields.ts';
import type { KataCapabilities } from './policy-data.ts';

interface CapabilityLists {
  readonly default_caps: readonly string[];
  readonly privileged_caps: readonly string[];
}

/**
 * The capability sets of a container: the runtime's list, minus `drop`, plus `add`. A capability that is both dropped and added is
 * kept. A set that equals one of the two standard lists is written as its placeholder.
 */
export function containerCapabilities(
  privileged: boolean,
  securityContext: Fields | undefined,
  lists: CapabilityLists,
): KataCapabilities {
  let set = [...(privileged ? lists.privileged_caps : lists.default_caps)];
  const changes = securityContext === undefined ? undefined : optionalFields(securityContext, 'capabilities');
  if (changes !== undefined) {
    for (const name of optionalTexts(changes, 'drop') ?? []) {
      set = name === 'ALL' ? [] : set.filter((capability) => capability !== `CAP_${name}`);
    }
    for (const name of optionalTexts(changes, 'add') ?? []) {
      if (!set.includes(`CAP_${name}`)) set.push(`CAP_${name}`);
    }
  }
  const written = withPlaceholder(set, lists);
  return { Ambient: [], Bounding: written, Effective: written, Inheritable: [], Permitted: written };
}

function withPlaceholder(set: readonly string[], lists: CapabilityLists): readonly string[] {
  if (sameList(set, lists.default_caps)) return ['$(default_caps)'];
  if (sameList(set, lists.privileged_caps)) return ['$(privileged_caps)'];
  return set;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
