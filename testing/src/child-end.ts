import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Less than a hook may take, so that what fails names the process and shows its output. */
const STOP_DEADLINE_MS = 100_000;

/**
 * Waits for a child process that is told to end, or ends by itself; one that is still there at the deadline is killed,
 * and the error has its output. `event` is `close` where its output is read to the end.
 */
export async function childEnd(
  child: ChildProcess,
  event: 'exit' | 'close',
  output: () => string,
  deadlineMs = STOP_DEADLINE_MS,
): Promise<number | null> {
  try {
    const [code] = (await once(child, event, { signal: AbortSignal.timeout(deadlineMs) })) as [number | null];
    return code;
  } catch (cause) {
    child.kill('SIGKILL');
    throw new Error(`${child.spawnargs.join(' ')} has not ended within ${deadlineMs} ms:\n${output()}`, { cause });
  }
}
