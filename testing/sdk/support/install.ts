import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Outside version control, kept between runs. */
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/holdfast-sdk/', import.meta.url));
const SOURCES = fileURLToPath(new URL('../', import.meta.url));
const ON_WINDOWS = process.platform === 'win32';
const INSTALL_DEADLINE_MS = 8 * 60_000;

/** How to start a program that drives one official SDK, or why that is not possible here. */
export type SdkInstallation =
  | { readonly command: string; readonly args: readonly string[] }
  | { readonly missing: string };

export interface SdkInstallations {
  readonly python: SdkInstallation;
  readonly java: SdkInstallation;
}

/**
 * Makes both SDKs ready to run: each is installed once, from its own registry by its own tool, into a folder of the
 * cache. A language that is not on this machine is reported as missing; an installation that fails is an error.
 */
export async function installSdks(say: (line: string) => void): Promise<SdkInstallations> {
  return { python: await installPython(say), java: await installJava(say) };
}

async function installPython(say: (line: string) => void): Promise<SdkInstallation> {
  const python = [process.env['PYTHON'], 'python3', 'python'].find(
    (name) =>
      name !== undefined && works(name, ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 8))']),
  );
  if (python === undefined) {
    return { missing: 'Python 3.8 or newer with its venv module (Debian: apt-get install python3-venv)' };
  }
  const requirements = join(SOURCES, 'python', 'requirements.txt');
  const interpreter = await installOnce('python', readFileSync(requirements), async (folder) => {
    say(`installing the Python SDK with pip into ${folder}`);
    await run(python, ['-m', 'venv', folder]);
    await run(venvPython(folder), ['-m', 'pip', 'install', '--disable-pip-version-check', '-r', requirements]);
  });
  return { command: venvPython(interpreter), args: [join(SOURCES, 'python', 'sdk_program.py')] };
}

async function installJava(say: (line: string) => void): Promise<SdkInstallation> {
  const maven = ON_WINDOWS ? 'mvn.cmd' : 'mvn';
  if (!works('java', ['-version']) || !works('javac', ['-version']) || !works(maven, ['-version'])) {
    return { missing: 'a JDK 17 or newer and Maven (Debian: apt-get install openjdk-17-jdk-headless maven)' };
  }
  const project = join(SOURCES, 'java', 'pom.xml');
  const source = join(SOURCES, 'java', 'SdkProgram.java');
  const folder = await installOnce(
    'java',
    Buffer.concat([readFileSync(project), readFileSync(source)]),
    async (target) => {
      const jars = join(target, 'jars');
      say(`fetching the Java SDK with Maven into ${jars}`);
      await run(maven, [
        '--batch-mode',
        '--no-transfer-progress',
        `-Dmaven.repo.local=${join(CACHE, 'maven-repository')}`,
        '-f',
        project,
        'dependency:copy-dependencies',
        `-DoutputDirectory=${jars}`,
      ]);
      await run('javac', ['-proc:none', '-cp', join(jars, '*'), '-d', join(target, 'classes'), source]);
    },
  );
  const classPath = [join(folder, 'jars', '*'), join(folder, 'classes')].join(delimiter);
  return { command: 'java', args: ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'SdkProgram'] };
}

/** A folder that `install` filled for exactly this content; a half-filled one is done again. */
async function installOnce(name: string, content: Buffer, install: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 16)}`);
  const finished = join(folder, '.finished');
  if (!existsSync(finished)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await install(folder);
    writeFileSync(finished, '');
  }
  return folder;
}

function venvPython(folder: string): string {
  return ON_WINDOWS ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}

function works(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', shell: ON_WINDOWS, timeout: 30_000 }).status === 0;
}

async function run(command: string, args: readonly string[]): Promise<void> {
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
