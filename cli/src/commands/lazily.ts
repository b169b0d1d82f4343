import type { CliContext } from '../context.ts';

type Run<FLAGS, ARGS extends readonly unknown[]> = (context: CliContext, flags: FLAGS, ...args: ARGS) => Promise<void>;

/** A loader for a command whose implementation takes its context as an argument and is imported when it is run. */
export function lazily<FLAGS, ARGS extends readonly unknown[]>(
  load: () => Promise<Run<FLAGS, ARGS>>,
): () => Promise<(this: CliContext, flags: FLAGS, ...args: ARGS) => Promise<void>> {
  return async () => {
    const run = await load();
    return function (this: CliContext, flags: FLAGS, ...args: ARGS) {
      return run(this, flags, ...args);
    };
  };
}
