import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Tests whose loops are shorter in `npm test`. */
const thoroughTests = globSync(
  ['{packages,adapters,services,samples}/*/test/**/*.test.ts', '{local,cli}/test/**/*.test.ts'],
  { cwd: root },
).filter((file) => readFileSync(join(root, file), 'utf8').includes("'@holdfast/base/testing/thorough'"));

/** Long runs: `npm run test:slow`. They are no part of `npm test`. One file at a time, as they measure memory. */
export default defineConfig({
  root,
  test: {
    name: 'slow',
    pool: 'forks',
    fileParallelism: false,
    execArgv: ['--expose-gc'],
    include: ['testing/soak/*.test.ts', 'packages/deployment/test/engine/interruption.test.ts', ...thoroughTests],
    // A deployment killed at every request, each with one of the three journals; loops over every place, not each few.
    env: { HOLDFAST_EVERY_REQUEST: 'turns', HOLDFAST_THOROUGH: '1' },
    globalSetup: './testing/e2e/seeded-home.ts',
    reporters: ['default', './tools/totals-reporter.ts'],
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});
