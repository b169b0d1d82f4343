import { defineConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 20_000, hookTimeout: 60_000 } as const;

export default defineConfig({
  test: {
    // All processors: the default leaves one free, which is half of a small machine.
    maxWorkers: '100%',
    reporters: ['default', './tools/totals-reporter.ts'],
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          // Files share a worker's modules: loading them anew for each of over 200 files takes longer than the tests.
          isolate: false,
          include: [
            '{packages,adapters,services,samples}/*/test/**/*.test.ts',
            '{local,cli,testing,tools,bench}/test/**/*.test.ts',
          ],
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          include: ['testing/e2e/**/*.test.ts'],
          globalSetup: './testing/e2e/seeded-home.ts',
          testTimeout: 90_000,
        },
      },
    ],
  },
});
