import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

/** Long runs: `npm run test:slow`. They are no part of `npm test`. One file at a time, as they measure memory. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'slow',
    pool: 'forks',
    fileParallelism: false,
    execArgv: ['--expose-gc'],
    include: ['testing/soak/*.test.ts', 'packages/deployment/test/engine/interruption.test.ts'],
    // A deployment killed at every request, each with one of the three journals.
    env: { HOLDFAST_EVERY_REQUEST: 'turns' },
    globalSetup: './testing/e2e/seeded-home.ts',
    reporters: ['default', './tools/totals-reporter.ts'],
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});
