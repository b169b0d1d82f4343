import { spawn } from 'node:child_process';

import { repositoryRoot } from './workspaces.ts';

/**
 * Runs the tests against Apache Kafka and a browser. The broker is fetched from Maven Central at the first run (Java 17 and
 * Maven are needed), kept in node_modules/.cache, started for the tests and stopped after them. What this machine lacks is
 * said, and the tests that need it are reported as skipped.
 */
const args = ['run', '--config', 'testing/kafka/vitest.config.ts', ...process.argv.slice(2)];
const child = spawn('vitest', args, { cwd: repositoryRoot, stdio: 'inherit', shell: process.platform === 'win32' });
child.once('error', (error) => {
  process.stderr.write(`vitest cannot be started: ${error.message}\n`);
  process.exitCode = 1;
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
