/** Runs `task` at once and then again and again, `pauseMs` after it last ended. `task` must not reject. */
export function startPeriodically(task: () => Promise<void>, pauseMs: number): { stop(): Promise<void> } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = (): void => {
    running = task().finally(() => {
      if (!stopped) timer = setTimeout(run, pauseMs);
    });
  };
  run();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
