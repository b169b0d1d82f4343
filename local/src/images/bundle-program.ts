import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

import { toUtf8 } from '@holdfast/base';
import type { OutputChunk, Plugin } from 'rolldown';

import { thirdPartyLicenses } from './third-party-licenses.ts';

/** What an image needs to run services of this repository. */
export interface ProgramBundle {
  /** By path, sorted. */
  readonly files: readonly ProgramFile[];
  /** Files of this machine that they were made of: as long as none of these changes, the bundle stays the same. */
  readonly sources: readonly string[];
}

/** A file as the layer of an image takes it. */
export interface ProgramFile {
  readonly kind: 'file';
  /** Absolute, inside the image. */
  readonly path: string;
  readonly source: Uint8Array;
}

/** Where a program stands inside an image. */
const APP = '/app';
const COMMAND_LINE = 'cli/bin/holdfast.mjs';
const LICENSES = 'THIRD-PARTY-LICENSES.txt';
const ROUTES = 'cli/src/commands/routes.ts';
/** Stands for the URL of the program's folder until it is known which file the code is in. */
const FOLDER_URL = '__HOLDFAST_FOLDER_URL__';
const ROUTES_MODULE = '\0routes';
/** How a source names another file by its own place. */
const OWN_URL = /new URL\(\s*'([^']+)',\s*import\.meta\.url\s*\)/g;
const CODE = /\.(?:ts|[cm]?js)$/;

/**
 * The program of an image: the command line, whose only command is `serve` with the named services, and what they load, in a few
 * files of plain JavaScript. Code of packages is among it, and their licenses in a file. Why: docs/decisions/bundled-images.md.
 *
 * What starts a thread or is read at run time is found by how sources name it, `new URL('other', import.meta.url)`, and
 * lies where this repository has it. The same sources give the same bytes on every machine.
 * @param repository Its root folder, with its packages installed.
 * @param services Folders of workspaces, such as `services/operator`.
 */
export async function bundleProgram(repository: string, services: readonly string[]): Promise<ProgramBundle> {
  // Most commands never build an image.
  const { rolldown } = await import('rolldown');
  const root = realpathSync(repository);
  const assets = new Set<string>();
  const bundle = await rolldown({
    cwd: root,
    input: { [withoutExtension(COMMAND_LINE)]: join(root, COMMAND_LINE) },
    platform: 'node',
    tsconfig: false,
    onLog: (level, log, report) => {
      // Other packages have more to be warned of than anybody could mend here.
      if (log.id === undefined || !isOfAPackage(log.id)) report(level, log);
    },
    plugins: [
      onlyServices(
        root,
        services.map((folder) => packageName(root, folder)),
      ),
      ownPlaces(root, assets),
    ],
  });
  try {
    const { output } = await bundle.generate({
      format: 'esm',
      // Errors show the names of their classes, stacks those of functions.
      keepNames: true,
      entryFileNames: '[name].mjs',
      chunkFileNames: 'chunks/[name].mjs',
    });
    const chunks = output.filter((file): file is OutputChunk => file.type === 'chunk');
    const licenses = thirdPartyLicenses(chunks.flatMap(({ moduleIds }) => moduleIds));
    const read = (await bundle.watchFiles).filter((file) => existsSync(file));
    const sources = new Set([join(root, 'package-lock.json'), ...read, ...licenses.sources, ...assets]);
    const files = [
      ...chunks.map(({ fileName, code }) =>
        fileEntry(fileName, toUtf8(code.replaceAll(FOLDER_URL, folderUrl(fileName)))),
      ),
      fileEntry(LICENSES, toUtf8(licenses.text)),
      ...[...assets].map((file) => fileEntry(inRepository(root, file), readFileSync(file))),
    ];
    return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), sources: [...sources].sort() };
  } finally {
    await bundle.close();
  }
}

function fileEntry(path: string, source: Uint8Array): ProgramFile {
  return { kind: 'file', path: `${APP}/${path}`, source };
}

/** The program's folder, as code of a file in it says it. */
function folderUrl(fileName: string): string {
  return `new URL('${'../'.repeat(fileName.split('/').length - 1) || './'}', import.meta.url)`;
}

/** Leaves out the commands that nobody runs in an image, and the services that are in another one. */
function onlyServices(root: string, packages: readonly string[]): Plugin {
  return {
    name: 'only-services',
    resolveId(source, importer, { kind }) {
      if (kind !== 'dynamic-import' || importer === undefined || !importer.startsWith(join(root, 'cli'))) return null;
      if (resolve(dirname(importer), source) === join(root, ROUTES)) return ROUTES_MODULE;
      const isOtherService = source.startsWith('@holdfast/') && !packages.includes(source);
      return isOtherService ? { id: source, external: true } : null;
    },
    load(id) {
      if (id !== ROUTES_MODULE) return null;
      const serve = JSON.stringify(join(root, 'cli/src/commands/serve.ts'));
      return `import { serveCommand } from ${serve};\nexport const routes = { serve: serveCommand };\n`;
    },
  };
}

/**
 * Lets sources name files by their own place wherever their code ends up. Code that is named so starts a thread: it becomes
 * an entry. Other files, and folders of files, are added to `assets`.
 */
function ownPlaces(root: string, assets: Set<string>): Plugin {
  return {
    name: 'own-places',
    transform: {
      filter: { id: CODE, code: 'import.meta.url' },
      handler(code, id) {
        if (!id.startsWith(root)) return null;
        for (const [, name = ''] of code.matchAll(OWN_URL)) {
          const file = resolve(dirname(id), name);
          if (!CODE.test(name)) for (const asset of assetsAt(root, id, file)) assets.add(asset);
          else if (inRepository(root, file) !== COMMAND_LINE) {
            this.emitFile({ type: 'chunk', id: file, fileName: `${withoutExtension(inRepository(root, file))}.mjs` });
          }
        }
        const place = `new URL(${JSON.stringify(inRepository(root, id))}, ${FOLDER_URL}).href`;
        return {
          code: code
            .replace(OWN_URL, (text, name: string) => text.replace(name, name.replace(CODE, '.mjs')))
            .replaceAll('import.meta.url', place),
        };
      },
    },
  };
}

/** A file that a source names by its own place, or all files of such a folder below the workspace of the source. */
function assetsAt(root: string, source: string, path: string): readonly string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  const workspace = workspaceOf(root, source);
  if (relative(workspace, path).startsWith('..') || path === workspace) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function workspaceOf(root: string, source: string): string {
  let folder = dirname(source);
  while (folder !== root && !existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function packageName(root: string, folder: string): string {
  return (JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as { readonly name: string }).name;
}

function isOfAPackage(path: string): boolean {
  return path.split(sep).includes('node_modules');
}

function inRepository(root: string, file: string): string {
  return relative(root, file).replaceAll(sep, '/');
}

function withoutExtension(file: string): string {
  return file.replace(CODE, '');
}
