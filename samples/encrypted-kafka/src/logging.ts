import { createWriteStream } from 'node:fs';

import { createLogger } from '@holdfast/process';
import type { Logger } from '@holdfast/process';

/** A log of its own in LOG_FILE when that is set, else the one of the process. */
export function openLog(
  name: string,
  logFile: string | undefined,
  processLogger: Logger,
): { readonly logger: Logger; close(): Promise<void> } {
  if (logFile === undefined) return { logger: processLogger, close: () => Promise.resolve() };
  const destination = createWriteStream(logFile, { flags: 'a', mode: 0o644 });
  // A log that cannot be written must not end the sample; whoever reads it sees that nothing comes.
  destination.on('error', (error) => processLogger.error({ logFile, reason: error.message }, 'cannot write the log'));
  return {
    logger: createLogger({ name, destination }),
    close: () => new Promise((resolve) => destination.end(() => resolve())),
  };
}
