import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

/** The tests against Apache Kafka and a browser: `npm run test:kafka`. They are no part of `npm test`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'kafka',
    pool: 'forks',
    fileParallelism: false,
    include: ['testing/kafka/*.test.ts'],
    globalSetup: './testing/kafka/support/setup.ts',
    reporters: ['default', './tools/totals-reporter.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
