import type { DeploymentConfig, ProfileName } from '../config/profiles.ts';
import type { ConfigPath } from '../config/yaml-places.ts';
import type { Facts } from './facts.ts';

/** An error blocks, a warning does not, and an information is good to know. */
export type Severity = 'error' | 'warning' | 'info';

/** What a check looks at. */
export type Need = 'config' | 'files' | 'tools' | 'azure' | 'cluster';

/** What a check found. */
export interface Finding {
  readonly message: string;
  /** Where in the configuration. */
  readonly path?: ConfigPath;
  /** When it is another one than that of the check. */
  readonly severity?: Severity;
  /** When it is more exact than that of the check. */
  readonly remedy?: string;
}

/** Nothing could be said, because something is not known. */
export const notChecked = 'not-checked';

/** Nothing wrong is an empty list. */
export type CheckAnswer = readonly Finding[] | typeof notChecked;

/** One thing that can be wrong with a deployment. */
export interface Check<CONFIG extends DeploymentConfig = DeploymentConfig> {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly profiles: readonly ProfileName[];
  readonly needs: readonly Need[];
  /** Why it matters. */
  readonly explanation: string;
  readonly remedy: string;
  run(config: CONFIG, facts: Facts): CheckAnswer;
}

const everyProfile: readonly ProfileName[] = ['uid2-vn2', 'kata-cc', 'peer-pods', 'private-link'];

type Definition<CONFIG extends DeploymentConfig> = Omit<Check<CONFIG>, 'profiles' | 'needs'> & {
  readonly needs?: readonly Need[];
};

/** A check for all profiles. */
export function check(definition: Definition<DeploymentConfig>): Check {
  return { needs: ['config'], ...definition, profiles: everyProfile };
}

/** A check for some profiles, whose configurations it gets. */
export function checkFor<const NAMES extends readonly ProfileName[]>(
  profiles: NAMES,
  definition: Definition<Extract<DeploymentConfig, { readonly profile: NAMES[number] }>>,
): Check {
  const { run, needs = ['config'], ...rest } = definition;
  return {
    ...rest,
    needs,
    profiles,
    // Only called for the profiles named, whose configurations have that type.
    run: (config, facts) => run(config as Extract<DeploymentConfig, { readonly profile: NAMES[number] }>, facts),
  };
}

/** A finding for each message. */
export function findings(...messages: readonly (string | undefined | false)[]): readonly Finding[] {
  return messages.flatMap((message) => (typeof message === 'string' ? [{ message }] : []));
}

/** Compares versions such as `2.44.1` part by part. */
export function olderThan(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split('.').map((part) => Number.parseInt(part, 10) || 0));
  for (let index = 0; index < 3; index += 1) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
