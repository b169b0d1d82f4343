import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

import { programTests } from './testing/program-tests.ts';

/** What `npm test` runs. Tests that take longer have commands of their own: CONTRIBUTING.md lists them. */
export default defineConfig({
  test: {
    // All processors: the default leaves one free, which is half of a small machine.
    maxWorkers: '100%',
    reporters: ['default', './tools/totals-reporter.ts'],
    pool: 'forks',
    // Long, so that a machine with other work fails nothing; a test that hangs ends all the same.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Programs that tests start need not strip and compile their sources anew each time.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/holdfast-tests', import.meta.url)) },
    projects: [
      {
        extends: true,
        test: { name: 'story', include: ['testing/story/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'unit',
          // Files share a worker's modules: loading them anew for each of over 400 files takes longer than the tests.
          isolate: false,
          include: [
            '{packages,adapters,services,samples}/*/test/**/*.test.ts',
            '{local,cli,testing,tools,bench}/test/**/*.test.ts',
          ],
          exclude: [...programTests],
        },
      },
    ],
  },
});
