import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot: string = fileURLToPath(new URL('..', import.meta.url));

export interface Workspace {
  /** Folder relative to the repository root, with forward slashes. */
  readonly folder: string;
  readonly name: string;
  readonly description: string;
  readonly dependencies: readonly string[];
  /** What only its tests need. */
  readonly testDependencies: readonly string[];
}

/** All workspaces of the repository, in the order of the root package.json. */
export function listWorkspaces(): Workspace[] {
  const root = readJson(join(repositoryRoot, 'package.json'));
  return root.workspaces
    .flatMap((pattern: string) => globSync(pattern, { cwd: repositoryRoot }).sort())
    .filter((folder: string) => existsSync(join(repositoryRoot, folder, 'package.json')))
    .map((folder: string) => {
      const manifest = readJson(join(repositoryRoot, folder, 'package.json'));
      return {
        folder: folder.replaceAll('\\', '/'),
        name: manifest.name,
        description: manifest.description,
        dependencies: Object.keys(manifest.dependencies ?? {}),
        testDependencies: Object.keys(manifest.devDependencies ?? {}),
      };
    });
}

interface Manifest {
  readonly name: string;
  readonly description: string;
  readonly workspaces: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function readJson(file: string): Manifest {
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
}
