import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { findMounted, shownPath } from './mount-paths.ts';
import type { FoundPath, MountTable } from './mount-paths.ts';

/*
 * Loaded into every program of a container with volumes before the program itself. A container has a file system of its own;
 * programs on this machine share one. So the functions of node:fs translate paths below a mount to the folder of the volume, and
 * refuse to write to what is mounted for reading. Nothing measured changes for it.
 */

type Callable = (this: unknown, ...args: unknown[]) => unknown;
type Functions = Record<string, Callable | undefined>;

/** Functions whose first argument is a path, without those that end in Sync. */
const READING =
  'access createReadStream createWriteStream exists lstat open openAsBlob opendir readFile readdir readlink realpath stat statfs unwatchFile watch watchFile'.split(
    ' ',
  );
const WRITING = 'appendFile chmod chown lchown lutimes mkdir mkdtemp rm rmdir truncate unlink utimes writeFile'.split(
  ' ',
);
/** Functions with two paths; the second is written, with `rename` the first too. */
const BOTH = ['copyFile', 'cp', 'link', 'rename', 'symlink'];
/** Functions that answer a path. */
const ANSWERING = new Set(['realpath', 'readlink', 'mkdtemp']);

const table = JSON.parse(process.env['HOLDFAST_POD_MOUNTS'] ?? '{"mounts":[],"kept":[]}') as MountTable;

if (table.mounts.length > 0) translate();

function translate(): void {
  const plain = fs as unknown as Functions;
  const promises = fs.promises as unknown as Functions;
  for (const name of [...READING, ...WRITING, ...BOTH]) {
    replace(plain, name, name);
    replace(plain, `${name}Sync`, name);
    replace(promises, name, name);
  }
  const chdir = process.chdir.bind(process);
  process.chdir = (folder) => chdir(placeOf(folder)?.path ?? folder);
  // What was imported by name from node:fs and node:fs/promises is the translated function too.
  syncBuiltinESMExports();
}

/** Puts a translating function in the place of another, with everything that hangs on that (`realpath.native`). */
function replace(functions: Functions, key: string, name: string): void {
  const original = functions[key];
  if (original === undefined) return;
  const isSync = key.endsWith('Sync') || key.startsWith('create') || key === 'watch';
  const wrapped = translated(original, name, isSync);
  Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(original));
  const { native } = original as unknown as { readonly native?: Callable };
  if (native !== undefined) Object.defineProperty(wrapped, 'native', { value: translated(native, name, isSync) });
  functions[key] = wrapped;
}

function translated(original: Callable, name: string, isSync: boolean): Callable {
  return function (this: unknown, ...args: unknown[]): unknown {
    const paths = BOTH.includes(name) ? 2 : 1;
    const found = args.slice(0, paths).map(placeOf);
    const given = args.map((value, index) => found[index]?.path ?? value);
    const refused = writtenPaths(name, args, found).find((place) => place?.readOnly === true);
    if (refused !== undefined) return refuse(name, refused, args.at(-1), isSync);
    if (!ANSWERING.has(name)) return Reflect.apply(original, this, given);
    const callback = given.at(-1);
    if (typeof callback === 'function') {
      given[given.length - 1] = (error: unknown, answer: unknown) => void (callback as Callable)(error, shown(answer));
    }
    const answer = Reflect.apply(original, this, given);
    return answer instanceof Promise ? answer.then(shown) : shown(answer);
  };
}

function writtenPaths(
  name: string,
  args: readonly unknown[],
  found: readonly (FoundPath | undefined)[],
): readonly (FoundPath | undefined)[] {
  if (WRITING.includes(name)) return found;
  if (BOTH.includes(name)) return name === 'rename' ? found : found.slice(1);
  return name === 'open' && writes(args[1]) ? found : [];
}

function writes(flags: unknown): boolean {
  if (typeof flags === 'string') return !/^s?r(?:s|)$/.test(flags);
  const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;
  return typeof flags === 'number' && (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)) !== 0;
}

/** As the kernel refuses to write to a file system that is mounted for reading. */
function refuse(syscall: string, { path }: FoundPath, callback: unknown, isSync: boolean): unknown {
  const shownAs = shownPath(path, table);
  const error = Object.assign(new Error(`EROFS: read-only file system, ${syscall} '${shownAs}'`), {
    errno: -30,
    code: 'EROFS',
    syscall,
    path: shownAs,
  });
  if (isSync) throw error;
  if (typeof callback === 'function') {
    process.nextTick(callback, error);
    return undefined;
  }
  return Promise.reject(error);
}

function placeOf(path: unknown): FoundPath | undefined {
  const text = textOf(path);
  return text === undefined ? undefined : findMounted(text, table);
}

function textOf(path: unknown): string | undefined {
  if (typeof path === 'string') return path;
  if (path instanceof URL) return path.protocol === 'file:' ? fileURLToPath(path) : undefined;
  return Buffer.isBuffer(path) ? path.toString() : undefined;
}

function shown(answer: unknown): unknown {
  return typeof answer === 'string' ? shownPath(answer, table) : answer;
}
