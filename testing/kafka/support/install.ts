import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { InstallationCache, MAVEN, works } from '../../src/index.ts';

const PROJECT = fileURLToPath(new URL('../pom.xml', import.meta.url));

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
  let jars: string | undefined;
  if (works('java', ['-version']) && works(MAVEN, ['-version'])) jars = await fetchKafka(say);
  else missing.push('Java 17 or newer and Maven (Debian: apt-get install openjdk-17-jre-headless maven)');
  const chromium = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
    .filter((path) => path !== undefined)
    .find((path) => existsSync(path));
  if (chromium === undefined) {
    missing.push('Chromium (Debian: apt-get install chromium), or its path in the variable CHROMIUM');
  }
  return { jars, chromium, missing };
}

async function fetchKafka(say: (line: string) => void): Promise<string> {
  const cache = new InstallationCache('holdfast-kafka');
  const folder = await cache.installOnce('kafka', readFileSync(PROJECT), async (target) => {
    say(`fetching Apache Kafka with Maven into ${target}`);
    await cache.copyMavenDependencies(PROJECT, join(target, 'jars'));
  });
  return join(folder, 'jars');
}
