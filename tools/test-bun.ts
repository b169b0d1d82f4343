import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { repositoryRoot } from './workspaces.ts';

/**
 * Runs end-to-end tests with the operator's process on Bun instead of Node; docs/decisions/runtime.md says what came of it.
 * Bun is no dependency of this repository: npm puts it into a folder of its own, where the next run finds it. Words after
 * `npm run test:bun --` choose other test files.
 */
const VERSION = '1.4.5';
const FILES = ['testing/e2e/requests.test.ts', 'testing/e2e/trust.test.ts', 'testing/e2e/administration.test.ts'];
const folder = join(repositoryRoot, 'node_modules/.cache', `bun-${VERSION}`);
const program = join(folder, 'node_modules/@oven/bun-linux-x64/bin/bun');

function install(): boolean {
  if (existsSync(program)) return true;
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  process.stderr.write(`installing bun ${VERSION} into ${folder}\n`);
  const name = `@oven/bun-linux-x64@${VERSION}`;
  spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', name], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (existsSync(program)) chmodSync(program, 0o755);
  return existsSync(program);
}

/** Bun with what it lacks of Node, as one program. */
function writeRuntime(): string {
  const runtime = join(folder, 'bun-with-preload.sh');
  const preload = join(repositoryRoot, 'tools/bun-preload.mjs');
  writeFileSync(runtime, `#!/bin/sh\nexec '${program}' --preload '${preload}' "$@"\n`, { mode: 0o755 });
  return runtime;
}

/** The reporter of the repository ends with `N passed, N failed, N skipped`. */
function runTests(files: readonly string[]): Promise<number> {
  const env = { ...process.env, HOLDFAST_OPERATOR_RUNTIME: writeRuntime() };
  const args = ['run', '--config', 'testing/e2e/vitest.config.ts', ...files];
  const child = spawn('vitest', args, { cwd: repositoryRoot, stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

if (install()) {
  const chosen = process.argv.slice(2);
  process.exitCode = await runTests(chosen.length === 0 ? FILES : chosen);
} else {
  process.stderr.write(`bun ${VERSION} could not be installed here; nothing was tested\n`);
  process.stdout.write('0 passed, 0 failed, 1 skipped\n');
}
