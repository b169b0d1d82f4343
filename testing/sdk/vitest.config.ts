import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

/** The contract tests with the official SDKs: `npm run test:sdk`. They are no part of `npm test`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'sdk',
    pool: 'forks',
    include: ['testing/sdk/*.test.ts'],
    globalSetup: './testing/sdk/support/setup.ts',
    reporters: ['default', './tools/totals-reporter.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
