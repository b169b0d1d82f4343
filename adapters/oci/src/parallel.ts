/**
 * Runs `work` for every item, at most `limit` at once, and answers the results in the order of the items. After the first
 * failure nothing new is started, the signal tells what runs to stop, and that failure is thrown once all of it ended.
 */
export async function mapParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const stop = new AbortController();
  let next = 0;
  let failed = false;
  let failure: unknown;
  const lane = async (): Promise<void> => {
    while (!failed && next < items.length) {
      const position = next;
      next += 1;
      try {
        results[position] = await work(items[position] as Item, stop.signal);
      } catch (error) {
        if (!failed) failure = error;
        failed = true;
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, lane));
  if (failed) throw failure;
  return results;
}
