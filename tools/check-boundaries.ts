import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { builtinModules } from 'node:module';

import { listWorkspaces, repositoryRoot } from './workspaces.ts';
import type { Workspace } from './workspaces.ts';

/**
 * The direction of dependencies as a table: a workspace may import what stands in a lower layer, and packages only what
 * stands before them in `PACKAGE_ORDER`. Services never import services; only `local` and `cli` start them.
 */
const LAYERS = ['packages', 'adapters', 'services', 'samples', 'local', 'cli', 'testing', 'bench'] as const;
const PACKAGE_ORDER = ['base', 'uid2', 'attestation', 'key-release', 'initdata', 'policy', 'admission', 'deployment'];
const ADAPTER_ORDER = ['process', 'http', 'azure', 'kubernetes', 'oci', 'kafka', 'redis', 'storage', 'core-client'];

const PURE_PACKAGE_DEPENDENCIES = new Set([
  'cborg',
  're2js',
  'zod',
  'jose',
  'yaml',
  'smol-toml',
  'ipaddr.js',
  'picomatch',
  'kubernetes-types',
]);
const TEST_ONLY = new Set(['vitest', 'fast-check']);
const BUILTIN = new Set(builtinModules);
const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'";]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

function layerOf(workspace: Workspace): number {
  return LAYERS.indexOf(workspace.folder.split('/', 1)[0] as (typeof LAYERS)[number]);
}

function mayImport(from: Workspace, to: Workspace): boolean {
  if (from.folder === to.folder) return true;
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)];
  if (fromLayer !== toLayer) return toLayer < fromLayer;
  const order = from.folder.startsWith('packages/')
    ? PACKAGE_ORDER
    : from.folder.startsWith('adapters/')
      ? ADAPTER_ORDER
      : [];
  const [fromPlace, toPlace] = [from, to].map(({ folder }) => order.indexOf(posix.basename(folder))) as [
    number,
    number,
  ];
  return toPlace >= 0 && toPlace < fromPlace;
}

function checkWorkspace(workspace: Workspace, all: ReadonlyMap<string, Workspace>): string[] {
  const problems: string[] = [];
  for (const file of globSync('**/*.{ts,tsx}', {
    cwd: join(repositoryRoot, workspace.folder),
    exclude: ['**/node_modules/**'],
  })) {
    const path = posix.join(workspace.folder, file.replaceAll('\\', '/'));
    const isTest = /\/(?:test|e2e|testing)\//.test(path) || workspace.folder === 'testing';
    for (const match of readFileSync(join(repositoryRoot, path), 'utf8').matchAll(IMPORT)) {
      const specifier = match[1] ?? match[2] ?? '';
      const problem = checkImport(workspace, all, { path, specifier, isTest });
      if (problem !== undefined) problems.push(`${path}: ${problem}`);
    }
  }
  return problems;
}

function checkImport(
  workspace: Workspace,
  all: ReadonlyMap<string, Workspace>,
  { path, specifier, isTest }: { path: string; specifier: string; isTest: boolean },
): string | undefined {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    return target.startsWith(`${workspace.folder}/`) ? undefined : `reaches outside its workspace: ${specifier}`;
  }
  if (specifier.startsWith('node:')) return undefined;
  if (BUILTIN.has(specifier)) return `write node:${specifier}`;
  const name = specifier.startsWith('@') ? specifier.split('/', 2).join('/') : (specifier.split('/', 1)[0] ?? '');
  if (isTest && (TEST_ONLY.has(name) || name === '@holdfast/base')) return undefined;
  const allowed = isTest ? [...workspace.dependencies, ...workspace.testDependencies] : workspace.dependencies;
  if (name !== workspace.name && !allowed.includes(name))
    return `imports ${name}, which its package.json does not name`;
  const target = all.get(name);
  if (target !== undefined) {
    return mayImport(workspace, target) ? undefined : `may not import ${name}: dependencies point downward only`;
  }
  if (workspace.folder.startsWith('packages/') && !isTest && !PURE_PACKAGE_DEPENDENCIES.has(name)) {
    return `a pure package may not depend on ${name}`;
  }
  return undefined;
}

const workspaces = listWorkspaces();
const byName = new Map(workspaces.map((workspace) => [workspace.name, workspace]));
const problems = workspaces.flatMap((workspace) => checkWorkspace(workspace, byName));
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
