import { lstatSync, openSync, readlinkSync, readSync, closeSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

const FIRST_LINE_BYTES = 128;
const NODE_SCRIPT = /^#!(?:\/usr\/bin\/env |\/usr\/local\/bin\/|\/usr\/bin\/)node\s*$/m;
const MAX_LINKS = 40;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Why a container's command cannot be run, in the words of a container runtime. */
export type ProgramRefusal = { readonly refused: string };

/**
 * The command line on this machine that stands for a command inside an unpacked image. Local images hold no C library and
 * no Node: the node runs programs written for Node, with the Node it runs on itself, and nothing else.
 * @param root The unpacked image.
 * @param command Argument vector as the container has it.
 * @param runtime The program that runs programs for Node; the one this process runs on when missing.
 */
export function containerProgram(
  root: string,
  command: readonly string[],
  searchPath = DEFAULT_PATH,
  runtime: string = process.execPath,
): readonly string[] | ProgramRefusal {
  const [name, ...args] = command;
  if (name === undefined || name === '') return { refused: 'no command specified' };
  const [file, shown, rest] = name === 'node' ? [args[0] ?? '', args[0] ?? '', args.slice(1)] : [name, name, args];
  const found = find(root, file, searchPath);
  if (found === undefined) return { refused: `exec: "${shown}": no such file in the image` };
  if (name !== 'node' && !isNodeScript(found)) {
    return { refused: `exec: "${shown}": a local virtual node runs only programs for Node` };
  }
  return [runtime, found, ...rest];
}

function find(root: string, name: string, searchPath: string): string | undefined {
  const candidates = name.includes('/') ? [name] : searchPath.split(':').map((folder) => `${folder}/${name}`);
  return candidates.map((path) => resolveInside(root, path)).find((path) => path !== undefined);
}

/** Follows links without ever leaving the image: an absolute link starts at the image's root. */
function resolveInside(root: string, path: string): string | undefined {
  let rest = posix.normalize(`/${path}`).split('/').filter(Boolean);
  let at: string[] = [];
  for (let links = 0; rest.length > 0;) {
    const [part = '', ...behind] = rest;
    rest = behind;
    if (part === '..') {
      at.pop();
      continue;
    }
    const place = join(root, ...at, part);
    const kind = lstatSync(place, { throwIfNoEntry: false });
    if (kind === undefined) return undefined;
    if (!kind.isSymbolicLink()) {
      at.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    const target = readlinkSync(place);
    if (target.startsWith('/')) at = [];
    rest = [...target.split('/').filter((piece) => piece !== '' && piece !== '.'), ...rest];
  }
  const file = join(root, ...at);
  return statSync(file).isFile() ? file : undefined;
}

function isNodeScript(file: string): boolean {
  const line = new Uint8Array(FIRST_LINE_BYTES);
  const handle = openSync(file, 'r');
  try {
    const length = readSync(handle, line);
    return NODE_SCRIPT.test(new TextDecoder().decode(line.subarray(0, length)).split('\n', 1)[0] ?? '');
  } finally {
    closeSync(handle);
  }
}
