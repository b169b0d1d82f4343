import { describe, it } from 'vitest';

import { disturbed, expectEnd, journals, undisturbed } from './disturbed.ts';
import { scenarios } from './worlds.ts';

/**
 * Requests that change nothing differ only in what the journal says: each fifth stands for its neighbours. With
 * HOLDFAST_EVERY_REQUEST set every one is tried, before and after it happened: with every journal (`1`, about five minutes), or
 * with one of them, in turns (`turns`, as `npm run test:slow` has it).
 */
const everyRequest = process.env['HOLDFAST_EVERY_REQUEST'] ?? '';
const STRIDE = 5;
const modes = Object.entries(journals);

describe('acceptance 2: an apply that is killed at any write, and at reads between them, and run again', () => {
  for (const scenario of scenarios) {
    it(`comes to the same end for ${scenario.name}`, async () => {
      const { end, requests } = await undisturbed(scenario);
      for (const { index, write } of requests.all) {
        if (!write && index % STRIDE !== 0) continue;
        const [mode, between] = modes[index % modes.length] ?? ['kept', () => undefined];
        const world = await disturbed(scenario, index, 'killed-after', between);
        expectEnd(world, end, `killed after request ${index}, journal ${mode}`);
      }
    });
  }
});

describe.runIf(everyRequest !== '')(
  'acceptance 2: an apply that is killed at every request and run again',
  { timeout: 600_000 },
  () => {
    const rounds = everyRequest === 'turns' ? [modes] : modes.map((mode) => [mode]);
    for (const scenario of scenarios) {
      for (const round of rounds) {
        const named = round.length > 1 ? 'a journal of each kind in turns' : `the journal ${round[0]?.[0] ?? ''}`;
        it(`comes to the same end for ${scenario.name}, with ${named}`, async () => {
          const { end, requests } = await undisturbed(scenario);
          for (const { index } of requests.all) {
            const [mode, between] = round[index % round.length] ?? ['kept', () => undefined];
            for (const fault of ['killed-before', 'killed-after'] as const) {
              const world = await disturbed(scenario, index, fault, between);
              expectEnd(world, end, `${fault} request ${index}, journal ${mode}`);
            }
          }
        });
      }
    }
  },
);

describe('acceptance 3: an apply whose answer is lost', () => {
  for (const scenario of scenarios) {
    it(`at any write comes to the same end when run again, for ${scenario.name}`, async () => {
      const { end, requests } = await undisturbed(scenario);
      for (const { index, write } of requests.all) {
        if (!write) continue;
        const world = await disturbed(scenario, index, 'answer-lost', () => undefined);
        expectEnd(world, end, `answer lost at request ${index}`);
      }
    });
  }
});
