import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ON_WINDOWS = process.platform === 'win32';
const INSTALL_DEADLINE_MS = 8 * 60_000;

export const MAVEN = ON_WINDOWS ? 'mvn.cmd' : 'mvn';

/** Whether a program is on this machine and ends well. */
export function works(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', shell: ON_WINDOWS, timeout: 30_000 }).status === 0;
}

/** Runs a tool that installs something; fails with its output, also when it takes longer than eight minutes. */
export async function runInstaller(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: ON_WINDOWS,
    timeout: INSTALL_DEADLINE_MS,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`);
}

/** What other people's tools install for tests: in a folder outside version control, kept between runs. */
export class InstallationCache {
  readonly #folder: string;

  /** `name` is that of its folder in `node_modules/.cache`. */
  constructor(name: string) {
    this.#folder = fileURLToPath(new URL(`../../node_modules/.cache/${name}/`, import.meta.url));
  }

  /** A folder that `install` filled for exactly this content; a half-filled one is done again. */
  async installOnce(name: string, content: Uint8Array, install: (folder: string) => Promise<void>): Promise<string> {
    const folder = join(this.#folder, `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 16)}`);
    const finished = join(folder, '.finished');
    if (!existsSync(finished)) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      await install(folder);
      writeFileSync(finished, '');
    }
    return folder;
  }

  /** Fetches the jars that a Maven project file names into a folder. */
  async copyMavenDependencies(project: string, jars: string): Promise<void> {
    await runInstaller(MAVEN, [
      '--batch-mode',
      '--no-transfer-progress',
      `-Dmaven.repo.local=${join(this.#folder, 'maven-repository')}`,
      '-f',
      project,
      'dependency:copy-dependencies',
      `-DoutputDirectory=${jars}`,
    ]);
  }
}
