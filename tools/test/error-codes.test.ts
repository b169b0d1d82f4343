import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { describe, expect, it } from 'vitest';

import { listWorkspaces, repositoryRoot } from '../workspaces.ts';

const THROWN =
  /new (Malformed|Unsupported|Verification|Policy|Request|Dependency|Config|Internal)Error\(\s*'([A-Z][A-Z0-9_]+)'/g;

interface Registered {
  readonly folder: string;
  readonly code: string;
  readonly family: string;
  readonly meaning: string;
}

const workspaces = listWorkspaces().filter(({ folder }) =>
  existsSync(join(repositoryRoot, folder, 'src/error-codes.ts')),
);

async function registeredIn(folder: string): Promise<Registered[]> {
  const file = join(repositoryRoot, folder, 'src/error-codes.ts');
  const { errorCodes } = (await import(pathToFileURL(file).href)) as {
    errorCodes: Record<string, { family: string; meaning: string }>;
  };
  return Object.entries(errorCodes).map(([code, { family, meaning }]) => ({ folder, code, family, meaning }));
}

const registry = (await Promise.all(workspaces.map(({ folder }) => registeredIn(folder)))).flat();

function sourcesOf(folder: string): { path: string; text: string }[] {
  return globSync('src/**/*.ts', { cwd: join(repositoryRoot, folder) })
    .filter((path) => !path.endsWith('error-codes.ts'))
    .map((path) => ({ path, text: readFileSync(join(repositoryRoot, folder, path), 'utf8') }));
}

describe.each(workspaces)('error codes of $folder', ({ folder }) => {
  it('every code thrown by name is registered with the family it is thrown with', () => {
    const unregistered: string[] = [];
    for (const { path, text } of sourcesOf(folder)) {
      for (const [, family = '', code = ''] of text.matchAll(THROWN)) {
        const known = registry.some((row) => row.code === code && row.family === family.toLowerCase());
        if (!known) unregistered.push(`${path}: ${code} (${family})`);
      }
    }
    expect(unregistered).toEqual([]);
  });

  it('every registered code is used by its sources', () => {
    const text = sourcesOf(folder)
      .map((source) => source.text)
      .join('\n');
    const unused = registry.filter((row) => row.folder === folder && !text.includes(`'${row.code}'`));
    expect(unused.map(({ code }) => code)).toEqual([]);
  });
});

it('a code that several workspaces register means the same in each', () => {
  const meanings = Map.groupBy(registry, ({ code }) => code);
  const ambiguous = [...meanings].filter(([, rows]) => new Set(rows.map((row) => row.family + row.meaning)).size > 1);
  expect(ambiguous.map(([code, rows]) => [code, ...rows.map(({ folder }) => folder)])).toEqual([]);
});
