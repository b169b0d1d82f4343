import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

import { repositoryRoot } from './workspaces.ts';

/**
 * Runs the registry suite against the real registry of Debian's package docker-registry, which the suite starts on loopback
 * ports with its data in temporary folders. Without the program the suite reports its tests as skipped.
 */
function findProgram(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder of the search path.
    }
  }
  return undefined;
}

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
