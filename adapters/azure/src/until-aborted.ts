/** Settles with `work`, or rejects as soon as `signal` aborts: the credentials do not look at a signal themselves. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Whatever loses the race has no reader any more; its failure is already answered by the deadline.
    work.catch(() => undefined);
  }
}
