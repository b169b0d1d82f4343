import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { errorMessage, fromUtf8, RequestError } from '@holdfast/base';

import type { CliIo } from '../context.ts';

/** Far above any manifest, template, policy or recording. */
const MAX_BYTES = 32 * 1024 * 1024;

/** A text that a command was given, and how to name where it comes from. */
export interface InputText {
  /** As the command line has it; `standard input` for `-`. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads a text file, or standard input for `-`.
 * @throws RequestError POLICY_INPUT_UNREADABLE for whatever is missing, a folder, too large, empty or no text
 */
export async function readInputText(io: CliIo, path: string): Promise<InputText> {
  const name = path === '-' ? 'standard input' : path;
  const bytes = path === '-' ? await readStandardInput(io) : await readFileOf(resolve(io.cwd, path), name);
  const text = textOf(bytes, name);
  if (text.trim() === '') throw unreadable(name, 'it is empty');
  return { name, text };
}

/**
 * Reads a JSON file.
 * @throws RequestError POLICY_INPUT_UNREADABLE
 */
export async function readInputJson(io: CliIo, path: string): Promise<{ readonly name: string; value: unknown }> {
  const { name, text } = await readInputText(io, path);
  try {
    return { name, value: JSON.parse(text) as unknown };
  } catch (cause) {
    throw unreadable(name, `it is not JSON: ${errorMessage(cause).replaceAll(/\s+/gu, ' ')}`, cause);
  }
}

async function readFileOf(file: string, name: string): Promise<Uint8Array> {
  try {
    const facts = await stat(file);
    if (facts.isDirectory()) throw new Error('it is a folder');
    if (facts.size > MAX_BYTES) throw new Error(`it has ${facts.size} bytes, and at most ${MAX_BYTES} are read`);
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    const missing = (cause as { readonly code?: unknown }).code === 'ENOENT';
    throw unreadable(name, missing ? 'there is no such file' : errorMessage(cause), cause);
  }
}

async function readStandardInput(io: CliIo): Promise<Uint8Array> {
  if (io.stdin.isTTY === true) throw unreadable('standard input', 'it is a terminal; pipe the text into the command');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of io.stdin) {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
    size += bytes.length;
    if (size > MAX_BYTES) throw unreadable('standard input', `it is longer than ${MAX_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function textOf(bytes: Uint8Array, name: string): string {
  if (bytes.includes(0)) throw unreadable(name, 'it is a binary file, not a text');
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw unreadable(name, 'it is not UTF-8 text', cause);
  }
}

/** The error for an input that cannot be used as it is. */
export function unreadable(name: string, problem: string, cause?: unknown): RequestError {
  return new RequestError('POLICY_INPUT_UNREADABLE', `${name} cannot be read: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    action: 'Name a file of a kind that the command takes; its help lists them.',
  });
}

/** The error for options that do not go together. */
export function optionsConflict(problem: string, action = 'See the help of the command.'): RequestError {
  return new RequestError('POLICY_OPTIONS_CONFLICT', problem, { action });
}
