import type { Reporter, TestModule } from 'vitest/node';

/** Ends a test run with one plain line of totals, so that a run which executed nothing is visible. */
export class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let passed = 0;
    let failed = 0;
    let skipped = 0;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped += 1;
      }
      // A module that could not even be loaded holds no tests; it must not look like nothing happened.
      if (module.state() === 'failed' && module.errors().length > 0) failed += 1;
    }
    process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
}

// oxlint-disable-next-line import/no-default-export -- Vitest loads a reporter file by its default export.
export default TotalsReporter;
