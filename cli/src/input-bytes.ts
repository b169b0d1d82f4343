import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { errorMessage, fromUtf8 } from '@holdfast/base';

import type { CliIo } from './context.ts';

/** How much a command reads, and what it says of an input that it cannot use. */
export interface InputRules {
  readonly maxBytes: number;
  /** `problem` goes on from "… cannot be read: ". */
  readonly unreadable: (name: string, problem: string, cause?: unknown) => Error;
}

/** How messages name the path of an input. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path;
}

/** Reads a file, or standard input for `-`, as it is. @throws `unreadable` for what is missing, a folder, too large or a terminal */
export async function readInputBytes(io: CliIo, path: string, rules: InputRules): Promise<Uint8Array> {
  if (path === '-') return readStandardInput(io, rules);
  try {
    const file = resolve(io.cwd, path);
    const facts = await stat(file);
    if (facts.isDirectory()) throw new Error('it is a folder');
    if (facts.size > rules.maxBytes) {
      throw new Error(`it has ${facts.size} bytes, and at most ${rules.maxBytes} are read`);
    }
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    const missing = (cause as { readonly code?: unknown }).code === 'ENOENT';
    throw rules.unreadable(path, missing ? 'there is no such file' : errorMessage(cause), cause);
  }
}

/** The text of bytes that were read, with nothing changed. @throws `unreadable` for what is not UTF-8 */
export function inputText(bytes: Uint8Array, path: string, rules: InputRules): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw rules.unreadable(inputName(path), 'it is not UTF-8 text', cause);
  }
}

async function readStandardInput(io: CliIo, { maxBytes, unreadable }: InputRules): Promise<Uint8Array> {
  if (io.stdin.isTTY === true) throw unreadable('standard input', 'it is a terminal; pipe the input into the command');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of io.stdin) {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
    size += bytes.length;
    if (size > maxBytes) throw unreadable('standard input', `it is longer than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
