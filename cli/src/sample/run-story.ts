import type { CliContext } from '../context.ts';
import { EXIT_INTERRUPTED } from '../failure.ts';
import { stopRequests } from '../up/run-up.ts';
import type { StopRequests } from '../up/run-up.ts';

/** A sample from its beginning on, and what ends whatever of it has begun. */
export interface Story {
  tell(): Promise<void>;
  end(): Promise<void>;
}

/** Tells a story until it is over or somebody stops it, and ends it either way. Only a stopped `--check` has not succeeded. */
export async function runStory(
  context: CliContext,
  { check }: { readonly check: boolean },
  begin: (stop: StopRequests) => Story,
): Promise<void> {
  const stop = stopRequests(context.io);
  const story = begin(stop);
  try {
    await story.tell();
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    if (check) context.setExitCode(EXIT_INTERRUPTED);
  } finally {
    await story.end();
    stop.release();
  }
}
