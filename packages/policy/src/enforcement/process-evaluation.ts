import { keptEnvironment } from './environment.ts';
import type { EnvironmentJudge } from './environment.ts';
import { privilegedCapabilities, unprivilegedCapabilities } from './guest-defaults.ts';
import type { CapabilitySets, PolicyContainer } from './policy-container.ts';
import { capabilitySetNames } from './policy-container.ts';
import { capabilitiesEqual } from './predicates.ts';

/** One process to be started in a container, after the tests that narrow candidates one by one. */
export interface ProcessQuestion {
  /** Candidates that passed those tests. */
  readonly candidates: readonly PolicyContainer[];
  readonly envList: readonly string[];
  readonly capabilities: CapabilitySets | null;
  /** Of the container: decides which capabilities an undeclared list means. */
  readonly privileged: boolean;
  readonly environmentDropping: boolean;
  readonly capabilityDropping: boolean;
}

/** The steps of narrowing by environment and capabilities. Later fields are empty when an earlier step denies. */
export interface ProcessOutcome {
  /** Undefined when candidates would keep different environments. */
  readonly keptEnv: readonly string[] | undefined;
  readonly afterEnvironment: readonly PolicyContainer[];
  /** Undefined when candidates would keep different capabilities. */
  readonly keptCapabilities: CapabilitySets | undefined;
  readonly capabilitiesAmbiguous: boolean;
  readonly afterCapabilities: readonly PolicyContainer[];
}

const emptySets: CapabilitySets = { ambient: [], bounding: [], effective: [], inheritable: [], permitted: [] };

/** Narrows the candidates of a process by its environment, then by its capabilities, as the framework does. */
export function narrowProcess(question: ProcessQuestion, judge: EnvironmentJudge): ProcessOutcome {
  const { candidates, envList, environmentDropping } = question;
  const keptEnv = keptEnvironment(candidates, envList, environmentDropping, judge);
  const afterEnvironment =
    keptEnv === undefined ? [] : candidates.filter((candidate) => judge.listAccepted(candidate.envRules, keptEnv));
  if (afterEnvironment.length === 0 || question.capabilities === null) {
    return {
      keptEnv,
      afterEnvironment,
      keptCapabilities: undefined,
      capabilitiesAmbiguous: false,
      afterCapabilities: [],
    };
  }
  const kept = keptCapabilities(afterEnvironment, question.capabilities, question);
  return {
    keptEnv,
    afterEnvironment,
    keptCapabilities: kept,
    capabilitiesAmbiguous: kept === undefined,
    afterCapabilities:
      kept === undefined
        ? []
        : afterEnvironment.filter((candidate) => {
            const sets = capabilitiesOf(candidate, question.privileged);
            return sets !== undefined && capabilitiesEqual(sets, kept);
          }),
  };
}

/** The sets a candidate allows. Without a list it is the runtime's default for its privilege. */
export function capabilitiesOf(candidate: PolicyContainer, privileged: boolean): CapabilitySets | undefined {
  if (candidate.capabilities !== null) return candidate.capabilities;
  if (candidate.allowElevated === undefined) return undefined;
  return candidate.allowElevated && privileged ? privilegedSets : unprivilegedSets;
}

export const unprivilegedSets: CapabilitySets = {
  ...emptySets,
  bounding: unprivilegedCapabilities,
  effective: unprivilegedCapabilities,
  permitted: unprivilegedCapabilities,
};

export const privilegedSets: CapabilitySets = {
  ...emptySets,
  bounding: privilegedCapabilities,
  effective: privilegedCapabilities,
  inheritable: privilegedCapabilities,
  permitted: privilegedCapabilities,
};

/** The members of each request set that the allowed sets hold too, each once. */
export function intersectCapabilities(request: CapabilitySets, allowed: CapabilitySets): CapabilitySets {
  return mapSets((name) => {
    const members = new Set(allowed[name]);
    return [...new Set(request[name])].filter((capability) => members.has(capability));
  });
}

function keptCapabilities(
  candidates: readonly PolicyContainer[],
  request: CapabilitySets,
  question: Pick<ProcessQuestion, 'privileged' | 'capabilityDropping'>,
): CapabilitySets | undefined {
  if (!question.capabilityDropping) return request;
  const kept = candidates.flatMap((candidate) => {
    const allowed = capabilitiesOf(candidate, question.privileged);
    return allowed === undefined ? [] : [intersectCapabilities(request, allowed)];
  });
  const size = (sets: CapabilitySets): number =>
    capabilitySetNames.reduce((total, name) => total + sets[name].length, 0);
  const largest = kept.reduce((most, sets) => Math.max(most, size(sets)), -1);
  const [first, ...others] = kept.filter((sets) => size(sets) === largest);
  return first !== undefined && others.every((sets) => capabilitiesEqual(first, sets)) ? first : undefined;
}

function mapSets(make: (name: (typeof capabilitySetNames)[number]) => readonly string[]): CapabilitySets {
  return {
    ambient: make('ambient'),
    bounding: make('bounding'),
    effective: make('effective'),
    inheritable: make('inheritable'),
    permitted: make('permitted'),
  };
}
