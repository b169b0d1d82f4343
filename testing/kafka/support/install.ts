import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Outside version control, kept between runs. */
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/holdfast-kafka/', import.meta.url));
const PROJECT = fileURLToPath(new URL('../pom.xml', import.meta.url));
const ON_WINDOWS = process.platform === 'win32';
const INSTALL_DEADLINE_MS = 8 * 60_000;

export interface Programs {
  /** Folder with the jars of Apache Kafka. */
  readonly jars: string | undefined;
  /** A Chromium to drive. */
  readonly chromium: string | undefined;
  /** What is not on this machine and how to get it, one sentence each. */
  readonly missing: readonly string[];
}

/** Fetches Apache Kafka with Maven, once, and finds the programs that the tests need. A failed download is an error. */
export async function findPrograms(say: (line: string) => void): Promise<Programs> {
  const missing: string[] = [];
  const maven = ON_WINDOWS ? 'mvn.cmd' : 'mvn';
  let jars: string | undefined;
  if (works('java', ['-version']) && works(maven, ['-version'])) jars = await fetchKafka(maven, say);
  else missing.push('Java 17 or newer and Maven (Debian: apt-get install openjdk-17-jre-headless maven)');
  const chromium = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
    .filter((path) => path !== undefined)
    .find((path) => existsSync(path));
  if (chromium === undefined) {
    missing.push('Chromium (Debian: apt-get install chromium), or its path in the variable CHROMIUM');
  }
  return { jars, chromium, missing };
}

/** A folder that Maven filled for exactly this project file; a half-filled one is done again. */
async function fetchKafka(maven: string, say: (line: string) => void): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(PROJECT)).digest('hex').slice(0, 16);
  const folder = join(CACHE, `kafka-${digest}`);
  const jars = join(folder, 'jars');
  const finished = join(folder, '.finished');
  if (existsSync(finished)) return jars;
  say(`fetching Apache Kafka with Maven into ${jars}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await run(maven, [
    '--batch-mode',
    '--no-transfer-progress',
    `-Dmaven.repo.local=${join(CACHE, 'maven-repository')}`,
    '-f',
    PROJECT,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${jars}`,
  ]);
  writeFileSync(finished, '');
  return jars;
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
