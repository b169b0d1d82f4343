import { errorMessage, RequestError } from '@holdfast/base';

import type { CliIo } from '../context.ts';
import { inputName, inputText, readInputBytes as readBytes } from '../input-bytes.ts';
import type { InputRules } from '../input-bytes.ts';

/** Far above any manifest, template, policy or recording. */
const RULES: InputRules = { maxBytes: 32 * 1024 * 1024, unreadable };

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
  const { name, bytes } = await readInputBytes(io, path);
  if (bytes.includes(0)) throw unreadable(name, 'it is a binary file, not a text');
  const text = inputText(bytes, path, RULES);
  if (text.trim() === '') throw unreadable(name, 'it is empty');
  return { name, text };
}

/**
 * Reads a file of any kind, or standard input for `-`.
 * @throws RequestError POLICY_INPUT_UNREADABLE for whatever is missing, a folder or too large
 */
export async function readInputBytes(
  io: CliIo,
  path: string,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  return { name: inputName(path), bytes: await readBytes(io, path, RULES) };
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
