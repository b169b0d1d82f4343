import { defineConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 20_000, hookTimeout: 60_000 } as const;

export default defineConfig({
  test: {
    reporters: ['default', './tools/totals-reporter.ts'],
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: [
            '{packages,adapters,services}/*/test/**/*.test.ts',
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
