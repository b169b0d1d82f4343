import { spawnSync } from 'node:child_process';

import { findProgram } from './find-program.ts';
import { repositoryRoot } from './workspaces.ts';

/**
 * Runs the suites that need Redis, and a browser for the page of the voting application, against the programs of Debian's
 * packages redis-server and chromium. The suites start Redis on loopback. What is missing is said and its tests are skipped.
 * Arguments go to vitest.
 */
const programs = { HOLDFAST_REDIS_SERVER: 'redis-server', HOLDFAST_CHROMIUM: 'chromium' } as const;
const env: NodeJS.ProcessEnv = { ...process.env };
for (const [variable, name] of Object.entries(programs)) {
  env[variable] ??= findProgram(name);
  if (env[variable] === undefined) {
    delete env[variable];
    process.stderr.write(`${name} is not installed (apt-get install ${name}); its tests are skipped\n`);
  }
}
const { status } = spawnSync(
  'vitest',
  ['run', '--config', 'testing/redis/vitest.config.ts', ...process.argv.slice(2)],
  {
    cwd: repositoryRoot,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env,
  },
);
process.exitCode = status ?? 1;
