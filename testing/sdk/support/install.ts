import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { InstallationCache, MAVEN, runInstaller, works } from '../../src/index.ts';

const SOURCES = fileURLToPath(new URL('../', import.meta.url));
const ON_WINDOWS = process.platform === 'win32';
const cache = new InstallationCache('holdfast-sdk');

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
  const interpreter = await cache.installOnce('python', readFileSync(requirements), async (folder) => {
    say(`installing the Python SDK with pip into ${folder}`);
    await runInstaller(python, ['-m', 'venv', folder]);
    await runInstaller(venvPython(folder), ['-m', 'pip', 'install', '--disable-pip-version-check', '-r', requirements]);
  });
  return { command: venvPython(interpreter), args: [join(SOURCES, 'python', 'sdk_program.py')] };
}

async function installJava(say: (line: string) => void): Promise<SdkInstallation> {
  if (!works('java', ['-version']) || !works('javac', ['-version']) || !works(MAVEN, ['-version'])) {
    return { missing: 'a JDK 17 or newer and Maven (Debian: apt-get install openjdk-17-jdk-headless maven)' };
  }
  const project = join(SOURCES, 'java', 'pom.xml');
  const source = join(SOURCES, 'java', 'SdkProgram.java');
  const folder = await cache.installOnce(
    'java',
    Buffer.concat([readFileSync(project), readFileSync(source)]),
    async (target) => {
      const jars = join(target, 'jars');
      say(`fetching the Java SDK with Maven into ${jars}`);
      await cache.copyMavenDependencies(project, jars);
      await runInstaller('javac', ['-proc:none', '-cp', join(jars, '*'), '-d', join(target, 'classes'), source]);
    },
  );
  const classPath = [join(folder, 'jars', '*'), join(folder, 'classes')].join(delimiter);
  return { command: 'java', args: ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'SdkProgram'] };
}

function venvPython(folder: string): string {
  return ON_WINDOWS ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}
