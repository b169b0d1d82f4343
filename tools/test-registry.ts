import { spawnSync } from 'node:child_process';

import { findProgram } from './find-program.ts';
import { repositoryRoot } from './workspaces.ts';

/**
 * Runs the registry suite against the real registry of Debian's package docker-registry, which the suite starts on loopback
 * ports with its data in temporary folders. Without the program the suite reports its tests as skipped.
 */
const program = process.env['HOLDFAST_DOCKER_REGISTRY'] ?? findProgram('docker-registry');
if (program === undefined) {
  process.stderr.write('docker-registry is not installed (apt-get install docker-registry); its tests are skipped\n');
}
const { status } = spawnSync('vitest', ['run', '--project', 'unit', 'adapters/oci/test/real-registry.test.ts'], {
  cwd: repositoryRoot,
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, ...(program === undefined ? {} : { HOLDFAST_DOCKER_REGISTRY: program }) },
});
process.exitCode = status ?? 1;
