import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { repositoryRoot } from './workspaces.ts';

/**
 * Runs the suites of the object store, its lock and the administrator's tools against Azurite, Microsoft's emulator of Azure Storage. The emulator is 400 MB with its
 * dependencies, so it is no dependency of this repository: npm puts it into a folder of its own below the system's temporary
 * folder, where the next run finds it. Where that is impossible the suites report their tests as skipped.
 */
const VERSION = '3.37.0';
const SUITES = ['adapters/storage/test', 'cli/test/admin/blob-world.test.ts'];
const folder = process.env['HOLDFAST_AZURITE_FOLDER'] ?? join(tmpdir(), `holdfast-azurite-${VERSION}`);
const entry = join(folder, 'node_modules/azurite/dist/src/blob/main.js');
const windows = process.platform === 'win32';

function install(): boolean {
  if (existsSync(entry)) return true;
  mkdirSync(folder, { recursive: true });
  // Its telemetry's newest version needs a package that not every registry has yet.
  const manifest = { private: true, overrides: { applicationinsights: '3.16.0' } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  process.stderr.write(`installing azurite ${VERSION} into ${folder}\n`);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', `azurite@${VERSION}`];
  spawnSync('npm', args, { cwd: folder, stdio: 'inherit', shell: windows });
  return existsSync(entry);
}

/** Starts the emulator on any free port and answers its account URL. */
function start(): Promise<{ readonly url: string; readonly process: ChildProcess }> {
  const args = [entry, '--inMemoryPersistence', '--blobHost', '127.0.0.1', '--blobPort', '0', '--skipApiVersionCheck'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const url = /successfully listen(?:s|ing) (?:at|on) (http:\/\/[\d.:]+)/.exec(output)?.[1];
      if (url !== undefined) resolve({ url: `${url}/devstoreaccount1`, process: child });
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`azurite ended with ${code}: ${output}`)));
  });
}

function runSuite(url: string | undefined): Promise<number> {
  const env = { ...process.env, ...(url === undefined ? {} : { HOLDFAST_AZURITE_URL: url }) };
  const args = ['run', '--project', 'unit', ...SUITES];
  const child = spawn('vitest', args, { cwd: repositoryRoot, stdio: 'inherit', env, shell: windows });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

if (install()) {
  const emulator = await start();
  process.exitCode = await runSuite(emulator.url);
  emulator.process.kill();
} else {
  process.stderr.write(`azurite ${VERSION} could not be installed; its tests are skipped\n`);
  process.exitCode = await runSuite(undefined);
}
