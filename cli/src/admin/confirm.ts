import { RequestError } from '@holdfast/base';

import type { CliIo } from '../context.ts';
import { readLine } from '../read-line.ts';

/**
 * Asks whether to go on although `consequences` follow.
 * @throws RequestError CONFIRMATION_REQUIRED where there is no terminal to ask on
 * @throws RequestError CONFIRMATION_DECLINED
 */
export async function confirm(io: CliIo, consequences: readonly string[]): Promise<void> {
  const details = { consequences };
  if (io.stdin.isTTY !== true || !io.stderr.isTerminal) {
    throw new RequestError('CONFIRMATION_REQUIRED', consequences.join(' '), {
      details,
      action: 'Nothing was changed. Add --yes to do it anyway.',
    });
  }
  for (const consequence of consequences) io.stderr.write(`warning: ${consequence}\n`);
  io.stderr.write('Go on? [y/N] ');
  if (/^y(?:es)?$/i.test((await readLine(io)).trim())) return;
  throw new RequestError('CONFIRMATION_DECLINED', 'nothing was changed', { details });
}
