import { expect } from 'vitest';

import { apply } from '../../src/index.ts';
import type { FakeWorld, Fault } from '../../testing/index.ts';
import { endState, runOf, worldFor } from './worlds.ts';
import type { Scenario } from './worlds.ts';

/** What becomes of the journal between a run that dies and the next one. */
export const journals: Readonly<Record<string, (world: FakeWorld) => void>> = {
  kept: () => undefined,
  deleted: (world) => {
    for (const name of world.state.files.keys()) if (name.startsWith('journals/')) world.state.files.delete(name);
  },
  stale: (world) => {
    for (const [name, text] of world.state.files) {
      if (name.startsWith('journals/'))
        world.state.files.set(name, text.replaceAll(/"configHash":"\w/g, '"configHash":"x'));
    }
  },
};

/** A run that nothing happens to: what there is in the end, and what it asked. */
export async function undisturbed(
  scenario: Scenario,
): Promise<{ readonly end: unknown; readonly requests: FakeWorld['requests'] }> {
  const world = worldFor(scenario);
  await apply(await runOf(world, scenario));
  return { end: endState(world), requests: world.requests };
}

/** Lets a run go wrong at one request, begins anew until it ends, and answers what there is then. */
export async function disturbed(
  scenario: Scenario,
  index: number,
  fault: Fault,
  between: (world: FakeWorld) => void,
): Promise<FakeWorld> {
  const world = worldFor(scenario);
  world.requests.failAt(index, fault);
  const attempt = async (): Promise<unknown> => await apply(await runOf(world, scenario));
  await attempt().then(
    () => expect(['refused', 'answer-lost']).toContain(fault),
    () => undefined,
  );
  world.requests.revive();
  between(world);
  // A lock that the dead run left is taken over when it has expired.
  world.clock.pass(61_000);
  await attempt();
  return world;
}

/** Comparing texts first is much faster; the difference is only shown when there is one. */
export function expectEnd(world: FakeWorld, end: unknown, what: string): void {
  const reached = endState(world);
  if (JSON.stringify(reached) !== JSON.stringify(end)) expect({ what, reached }).toEqual({ what, reached: end });
}
