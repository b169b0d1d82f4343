import type { CliContext } from '../context.ts';
import { stopRequests } from '../up/run-up.ts';
import { withExitCodes } from './exit-codes.ts';
import { openDeployment } from './open-deployment.ts';
import type { CloudFlags, Connect, OpenDeployment } from './open-deployment.ts';

/** Opens the deployment of the flags to look at it: without the operator key, and without events. */
export async function lookingAt(
  context: CliContext,
  flags: CloudFlags,
  connect: Connect | undefined,
  look: (opened: OpenDeployment, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { io } = context;
  await withExitCodes(context, flags.json, async () => {
    const stop = stopRequests(io);
    const opened = await openDeployment(io, flags, {
      onEvent: () => undefined,
      signal: stop.signal,
      withKey: false,
      ...(connect === undefined ? {} : { connect }),
    });
    try {
      await look(opened, stop.signal);
    } finally {
      stop.release();
      await opened.close();
    }
  });
}
