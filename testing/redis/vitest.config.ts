import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

/** The tests against a real redis-server and a browser: `npm run test:redis`. Those in `testing/redis` are no part of `npm test`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'redis',
    pool: 'forks',
    fileParallelism: false,
    include: [
      'adapters/redis/test/real-redis.test.ts',
      'local/test/redis/*.test.ts',
      'samples/vote/test/page-in-browser.test.ts',
      'services/trustee/test/storage.test.ts',
      'testing/redis/*.test.ts',
    ],
    reporters: ['default', './tools/totals-reporter.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
