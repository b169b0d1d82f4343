import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      '{packages,adapters,services}/*/test/**/*.test.ts',
      '{local,cli,testing,tools,bench}/{test,e2e}/**/*.test.ts',
    ],
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ['default', './tools/totals-reporter.ts'],
  },
});
