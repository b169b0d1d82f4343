import type { Reporter, TestModule } from 'vitest/node';

/** What the totals need to know of a test module. */
export interface CountedModule {
  readonly children: {
    allTests(): Iterable<{ result(): { readonly state: string } }>;
    allSuites(): Iterable<CountedSuite>;
  };
  errors(): readonly unknown[];
}

type CountedSuite = Pick<CountedModule, 'errors'>;

/** One line; whatever makes a run fail is in its number of failures. */
export function totalsOf(modules: readonly CountedModule[], unhandledErrors: readonly unknown[]): string {
  let passed = 0;
  let failed = unhandledErrors.length;
  let skipped = 0;
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') passed += 1;
      else if (state === 'failed') failed += 1;
      else skipped += 1;
    }
    // A module that could not even be loaded holds no tests, and those of a suite whose hook failed are skipped, or have passed.
    for (const group of [module, ...module.children.allSuites()]) if (group.errors().length > 0) failed += 1;
  }
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Ends a test run with one plain line of totals, so that a run which executed nothing is visible. */
export class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    process.stdout.write(`${totalsOf(modules, unhandledErrors)}\n`);
  }
}

// oxlint-disable-next-line import/no-default-export -- Vitest loads a reporter file by its default export.
export default TotalsReporter;
