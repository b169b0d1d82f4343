import { setTimeout as pause } from 'node:timers/promises';

/**
 * Polls what another process brings about; there is no event to wait for across process borders. `describe` says what
 * there is instead when the deadline has passed.
 */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
  describe: () => string,
  everyMs = 50,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms:\n${describe()}`);
    await pause(everyMs);
  }
}
