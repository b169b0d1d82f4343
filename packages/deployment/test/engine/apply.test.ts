import { describe, expect, it } from 'vitest';

import { apply } from '../../src/index.ts';
import { endState, runOf, scenarios, worldFor } from './worlds.ts';

describe('acceptance 1: a fresh apply', () => {
  for (const scenario of scenarios) {
    it(`of ${scenario.name} reaches the end; a second one writes nothing`, async () => {
      const world = worldFor(scenario);
      const first = await apply(await runOf(world, scenario));
      expect(first.changed).toBe(true);
      expect(world.requests.writes()).toMatchSnapshot();
      const before = endState(world);
      world.requests.revive();
      const second = await apply(await runOf(world, scenario));
      expect(world.requests.writes()).toEqual([]);
      expect(second.changed).toBe(false);
      expect(second.stages.every(({ outcome }) => outcome === 'already')).toBe(true);
      expect(endState(world)).toEqual(before);
    });
  }
});
