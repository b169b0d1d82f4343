import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { errorMessage, fromUtf8, RequestError } from '@holdfast/base';

import type { CliIo } from '../context.ts';

/** Above any document, encoded or not, and any manifests around it. */
const MAX_BYTES = 8 * 1024 * 1024;

/** How messages name a path. */
export function nameOf(path: string): string {
  return path === '-' ? 'standard input' : path;
}

/**
 * Reads a file, or standard input for `-`, as it is.
 * @throws RequestError INPUT_UNREADABLE for what is missing, a folder or too large, INPUT_MISSING for a terminal
 */
export async function readBytes(io: CliIo, path: string): Promise<Uint8Array> {
  if (path === '-') return readStandardInput(io);
  const file = resolve(io.cwd, path);
  try {
    const facts = await stat(file);
    if (facts.isDirectory()) throw new Error('it is a folder');
    if (facts.size > MAX_BYTES) throw new Error(`it has ${facts.size} bytes, and at most ${MAX_BYTES} are read`);
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    const missing = (cause as { readonly code?: unknown }).code === 'ENOENT';
    throw unreadable(path, missing ? 'there is no such file' : errorMessage(cause), cause);
  }
}

/**
 * Reads a text with nothing changed: line ends are measured.
 * @throws RequestError INPUT_UNREADABLE, also for what is not UTF-8, INPUT_MISSING
 */
export async function readText(io: CliIo, path: string): Promise<string> {
  const bytes = await readBytes(io, path);
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw unreadable(nameOf(path), 'it is not UTF-8 text', cause);
  }
}

/** The error for an input that a command cannot use as it is. */
export function unreadable(name: string, problem: string, cause?: unknown): RequestError {
  return new RequestError('INPUT_UNREADABLE', `${name} cannot be read: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    action: 'Check the path, the permissions and the content of the file.',
  });
}

async function readStandardInput(io: CliIo): Promise<Uint8Array> {
  if (io.stdin.isTTY === true) {
    throw new RequestError('INPUT_MISSING', 'standard input is a terminal', { action: 'Pipe the initdata into it.' });
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of io.stdin) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > MAX_BYTES) throw unreadable('standard input', `it is longer than ${MAX_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
