import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

import type { LayerEntry } from '@holdfast/oci';

import { plainContent, plainName } from './plain-javascript.ts';

/** One file or link of an image, by its absolute path inside. */
export type ProgramFile =
  | {
      readonly path: string;
      /** The file that it is made of. */
      readonly source: string;
      /** Whether the image holds it as `plainContent` makes it; byte for byte as it is when missing. */
      readonly isPlain?: true;
    }
  | { readonly path: string; readonly linkTarget: string };

/** What a program of this repository needs at run time. */
export interface ProgramFiles {
  /** Third-party packages. */
  readonly dependencies: readonly ProgramFile[];
  /** This repository's own sources, as plain JavaScript. */
  readonly program: readonly ProgramFile[];
}

/** Where the repository stands inside an image. */
const APP = '/app';
/** What is never loaded at run time: type declarations, source maps, documentation. */
const LOADED = /\.(?:js|mjs|cjs|json|wasm|node)$/;
const OWN_FOLDERS = ['src', 'bin', 'web'];

/** Which program an image holds. */
export interface ProgramSelection {
  /** Folders of workspaces that are taken with everything they depend on, such as `services/operator`. */
  readonly workspaces: readonly string[];
  /** A workspace that loads what a command needs only when it runs: of its dependencies, the named packages are taken. */
  readonly commandLine: { readonly workspace: string; readonly dependencies: readonly string[] };
}

/** A file of a program as a layer of an image holds it. */
export function programEntry(file: ProgramFile): LayerEntry {
  const { path } = file;
  if ('linkTarget' in file) return { kind: 'symlink', path, target: file.linkTarget };
  return { kind: 'file', path, source: file.isPlain === true ? plainContent(file.source) : file.source };
}

/**
 * The files of some workspaces, the workspaces they depend on, and all packages those depend on, in the places where
 * this repository has them: an image holds what runs and nothing else, and sources without their types. Paths are sorted, so the same tree gives the same
 * list on every machine.
 * @param repository Its root folder.
 */
export function collectProgramFiles(repository: string, selection: ProgramSelection): ProgramFiles {
  const root = realpathSync(repository);
  const folders = new Set<string>();
  for (const workspace of selection.workspaces) followDependencies(root, join(root, workspace), folders);
  const cli = join(root, selection.commandLine.workspace);
  for (const name of selection.commandLine.dependencies) {
    followDependencies(root, packageFolder(root, cli, name), folders);
  }
  folders.add(cli);
  const dependencies: ProgramFile[] = [];
  const program: ProgramFile[] = [];
  for (const folder of folders) {
    if (relative(root, folder).split(sep).includes('node_modules')) dependencies.push(...filesOf(root, folder));
    else program.push(...ownFiles(root, folder));
  }
  return { dependencies: sorted(dependencies), program: sorted(program) };
}

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function followDependencies(root: string, folder: string, found: Set<string>): void {
  if (found.has(folder)) return;
  found.add(folder);
  for (const name of Object.keys(readManifest(folder).dependencies ?? {})) {
    followDependencies(root, packageFolder(root, folder, name), found);
  }
}

/** The folder that Node would load a package from, links followed. */
function packageFolder(root: string, from: string, name: string): string {
  for (let folder = from; folder.startsWith(root); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
  }
  throw new RangeError(`${name}, needed by ${from}, is not installed`);
}

/** A workspace: its manifest, its sources, and the link under which others import it. */
function ownFiles(root: string, folder: string): ProgramFile[] {
  const sources = [join(folder, 'package.json')];
  for (const name of OWN_FOLDERS) {
    if (existsSync(join(folder, name))) sources.push(...walk(join(folder, name), () => true));
  }
  const files = sources.map((source): ProgramFile => ({
    path: inImage(root, plainName(source)),
    source,
    isPlain: true,
  }));
  const link = `${APP}/node_modules/${readManifest(folder).name}`;
  const up = '../'.repeat(link.split('/').length - 3);
  return [...files, { path: link, linkTarget: up + relative(root, folder).replaceAll(sep, '/') }];
}

function filesOf(root: string, folder: string): ProgramFile[] {
  return walk(folder, (name) => LOADED.test(name)).map((source) => ({ path: inImage(root, source), source }));
}

function walk(folder: string, wanted: (name: string) => boolean): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const source = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : walk(source, wanted);
    return entry.isFile() && wanted(entry.name) ? [source] : [];
  });
}

function inImage(root: string, file: string): string {
  return `${APP}/${relative(root, file).replaceAll(sep, '/')}`;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

function sorted(files: readonly ProgramFile[]): ProgramFile[] {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)));
}
