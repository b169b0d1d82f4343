import type { OptOutContext } from './context.ts';

/** One run that turns the queue into deltas; what happens is logged, never thrown. */
export async function produceDeltas(context: OptOutContext): Promise<void> {
  try {
    const production = await context.deltas.run();
    if (production !== undefined) context.events.produced(production, context.queue.size);
  } catch (error) {
    context.events.productionFailed(error);
  }
}

/** One look at the bucket, and the partition of the day if it is time; what happens is logged, never thrown. */
export async function followLog(context: OptOutContext): Promise<void> {
  try {
    await context.log.refresh();
  } catch (error) {
    context.events.listingFailed(error);
    return;
  }
  if (context.config.optout_observe_only) return;
  try {
    const partition = await context.partitions.run();
    if (partition !== undefined) context.events.partitionProduced(partition);
  } catch (error) {
    context.events.partitionFailed(error);
  }
}

/** Tells partners what is due; what happens is logged, never thrown. */
export async function tellPartners(context: OptOutContext): Promise<void> {
  await context.forwarding?.run(context.partners());
}
