import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

import { programTests } from '../program-tests.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Tests of real processes: `npm run test:e2e`. Of them `npm test` has one story, testing/story. */
export default defineConfig({
  root,
  test: {
    name: 'e2e',
    pool: 'forks',
    // Each waits for processes most of the time.
    maxWorkers: '100%',
    include: ['testing/e2e/*.test.ts', ...programTests],
    globalSetup: './testing/e2e/seeded-home.ts',
    reporters: ['default', './tools/totals-reporter.ts'],
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/holdfast-tests', import.meta.url)) },
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
