import { RequestError } from '@holdfast/base';

import type { CliIo } from '../context.ts';

const MAX_CHARS = 256 * 1024 * 1024;

/**
 * The lines of standard input that are not blank, without surrounding white space.
 * @throws RequestError INPUT_MISSING when standard input is a terminal or holds nothing
 */
export async function readInputLines(io: CliIo, what: string): Promise<string[]> {
  if (io.stdin.isTTY === true) throw missing(what);
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of io.stdin) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.length > MAX_CHARS) {
      throw new RequestError('INPUT_TOO_LARGE', 'standard input is longer than 256 MiB', {
        action: 'Split the input.',
      });
    }
  }
  const lines = (text + decoder.decode())
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) throw missing(what);
  return lines;
}

function missing(what: string): RequestError {
  return new RequestError('INPUT_MISSING', `${what} missing`, {
    action: 'Give the input as an argument, or pipe it into standard input.',
  });
}
