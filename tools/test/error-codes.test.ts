import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { describe, expect, it } from 'vitest';

import { listWorkspaces, repositoryRoot } from '../workspaces.ts';

const THROWN =
  /new (Malformed|Unsupported|Verification|Policy|Request|Dependency|Config|Internal)Error\(\s*'([A-Z][A-Z0-9_]+)'/g;

const families = listWorkspaces()
  .map((workspace) => ({ workspace, file: join(repositoryRoot, workspace.folder, 'src/error-codes.ts') }))
  .filter(({ file }) => existsSync(file));

describe.each(families)('error codes of $workspace.folder', ({ workspace, file }) => {
  it('every code thrown by name is registered here with the family it is thrown with', async () => {
    const { errorCodes } = (await import(pathToFileURL(file).href)) as {
      errorCodes: Record<string, { family: string }>;
    };
    const unregistered: string[] = [];
    for (const source of globSync('src/**/*.ts', { cwd: join(repositoryRoot, workspace.folder) })) {
      const text = readFileSync(join(repositoryRoot, workspace.folder, source), 'utf8');
      for (const [, family = '', code = ''] of text.matchAll(THROWN)) {
        if (errorCodes[code]?.family !== family.toLowerCase()) unregistered.push(`${source}: ${code} (${family})`);
      }
    }
    expect(unregistered).toEqual([]);
  });

  it('every registered code is used by its sources', async () => {
    const { errorCodes } = (await import(pathToFileURL(file).href)) as { errorCodes: Record<string, unknown> };
    const sources = globSync('src/**/*.ts', { cwd: join(repositoryRoot, workspace.folder) })
      .filter((source) => !source.endsWith('error-codes.ts'))
      .map((source) => readFileSync(join(repositoryRoot, workspace.folder, source), 'utf8'))
      .join('\n');
    expect(Object.keys(errorCodes).filter((code) => !sources.includes(code))).toEqual([]);
  });
});

it('no two workspaces register the same code', async () => {
  const owners = new Map<string, string>();
  const twice: string[] = [];
  for (const { workspace, file } of families) {
    const { errorCodes } = (await import(pathToFileURL(file).href)) as { errorCodes: Record<string, unknown> };
    for (const code of Object.keys(errorCodes)) {
      const owner = owners.get(code);
      if (owner !== undefined) twice.push(`${code}: ${owner} and ${workspace.folder}`);
      owners.set(code, workspace.folder);
    }
  }
  expect(twice).toEqual([]);
});
