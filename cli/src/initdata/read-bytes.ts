import { RequestError } from '@holdfast/base';

import type { CliIo } from '../context.ts';
import { inputName, inputText, readInputBytes } from '../input-bytes.ts';
import type { InputRules } from '../input-bytes.ts';

/** Above any document, encoded or not, and any manifests around it. */
const RULES: InputRules = { maxBytes: 8 * 1024 * 1024, unreadable };

/** How messages name a path. */
export const nameOf = inputName;

/**
 * Reads a file, or standard input for `-`, as it is.
 * @throws RequestError INPUT_UNREADABLE for what is missing, a folder, too large, or a terminal
 */
export function readBytes(io: CliIo, path: string): Promise<Uint8Array> {
  return readInputBytes(io, path, RULES);
}

/**
 * Reads a text with nothing changed: line ends are measured.
 * @throws RequestError INPUT_UNREADABLE, also for what is not UTF-8
 */
export async function readText(io: CliIo, path: string): Promise<string> {
  return inputText(await readBytes(io, path), path, RULES);
}

/** The error for an input that a command cannot use as it is. */
export function unreadable(name: string, problem: string, cause?: unknown): RequestError {
  return new RequestError('INPUT_UNREADABLE', `${name} cannot be read: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    action: 'Check the path, the permissions and the content of the file.',
  });
}
