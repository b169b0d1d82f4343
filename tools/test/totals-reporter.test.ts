import { describe, expect, it } from 'vitest';

import { totalsOf } from '../totals-reporter.ts';
import type { CountedModule } from '../totals-reporter.ts';

const broken = [new Error('broken')];

function moduleOf(
  states: readonly string[],
  suiteErrors: readonly Error[] = [],
  errors: readonly Error[] = [],
): CountedModule {
  const tests = states.map((state) => ({ result: () => ({ state }) }));
  return {
    children: { allTests: () => tests, allSuites: () => [{ errors: () => suiteErrors }] },
    errors: () => errors,
  };
}

describe('the line of totals', () => {
  it('counts tests over all modules', () => {
    const modules = [moduleOf(['passed', 'failed', 'skipped', 'pending']), moduleOf(['passed'])];
    expect(totalsOf(modules, [])).toBe('2 passed, 1 failed, 2 skipped');
    expect(totalsOf([], [])).toBe('0 passed, 0 failed, 0 skipped');
  });

  it('has a failure for a module that cannot be loaded, for a suite whose hook fails, and for an error outside of tests', () => {
    expect(totalsOf([moduleOf([], [], broken)], [])).toBe('0 passed, 1 failed, 0 skipped');
    expect(totalsOf([moduleOf(['skipped'], broken)], [])).toBe('0 passed, 1 failed, 1 skipped');
    expect(totalsOf([moduleOf(['passed'])], broken)).toBe('1 passed, 1 failed, 0 skipped');
  });
});
