import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
}

export interface LicenseNotices {
  readonly text: string;
  /** Files that it was made of. */
  readonly sources: readonly string[];
}

const LICENSE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

/**
 * What the licenses of packages ask for where their code is passed on: for each package its name, version and license, and the
 * text of it as far as the package has one. Sorted by name.
 * @param modules Files of packages; others are left out.
 */
export function thirdPartyLicenses(modules: Iterable<string>): LicenseNotices {
  const notices = new Map<string, string>();
  const sources: string[] = [];
  const seen = new Set<string>();
  for (const module of modules) {
    const folder = packageFolder(module);
    if (folder === undefined || seen.has(folder)) continue;
    seen.add(folder);
    const { name = '', version = '', license = 'no license named' } = readManifest(folder);
    const files = readdirSync(folder)
      .filter((file) => LICENSE_FILE.test(file))
      .sort()
      .map((file) => join(folder, file));
    sources.push(join(folder, 'package.json'), ...files);
    const texts = files.map((file) => readFileSync(file, 'utf8').trim());
    notices.set(`${name} ${version}`, [`${name} ${version} (${license})`, ...texts].join('\n\n'));
  }
  const sorted = [...notices].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, notice]) => notice);
  return { text: `${sorted.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`, sources };
}

/** The folder of the package that a file belongs to. */
function packageFolder(module: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0];
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
