import { type DefaultMount, mountSources } from './data/mounts.ts';
import type { PolicyMount } from './policy-model.ts';

/** A bind mount of a policy. `volumeType` is a key of `mountSources`. */
export function policyMount(
  { destination, volumeType, readOnly }: DefaultMount,
  options: readonly string[] = ['rbind', 'rshared', readOnly ? 'ro' : 'rw'],
): PolicyMount {
  return { destination, options, source: mountSources[volumeType] ?? '', type: 'bind' };
}
