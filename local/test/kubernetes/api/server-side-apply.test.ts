import { describe, expect, it } from 'vitest';

import { runScenario } from './ssa-world.ts';
import type { Scenario } from './ssa-world.ts';
import { LIST_SCENARIOS } from './ssa-list-scenarios.ts';
import { MAP_SCENARIOS } from './ssa-map-scenarios.ts';

/** What a step expects when it says nothing: no conflict. */
function expectedConflicts(scenario: Scenario): readonly (readonly string[])[] {
  return scenario.steps.flatMap((step) => ('apply' in step ? [step.conflicts ?? []] : []));
}

describe.each([
  ['scalars and maps', MAP_SCENARIOS],
  ['lists', LIST_SCENARIOS],
] as const)('acceptance 16: serverSideApply, %s', (_group, scenarios) => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_name, scenario) => {
    const outcome = runScenario(scenario.steps);
    expect(outcome.conflicts).toEqual(expectedConflicts(scenario));
    expect(outcome.object).toEqual(scenario.object);
    expect(outcome.owners).toEqual(
      Object.fromEntries(Object.entries(scenario.owners).map(([name, fields]) => [name, [...fields].sort()])),
    );
  });
});

describe('the scenarios', () => {
  it('are at least sixty, each with a name of its own', () => {
    const names = [...MAP_SCENARIOS, ...LIST_SCENARIOS].map((scenario) => scenario.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(60);
  });
});
