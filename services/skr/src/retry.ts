import { setTimeout as sleep } from 'node:timers/promises';

import { DependencyError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

/** Waits, in milliseconds; a parameter so that tests do not. */
export type Wait = (ms: number) => Promise<void>;

export const waitFor: Wait = async (ms) => sleep(ms);

const WAITS_MS = [500, 1500];

/** Runs `attempt` up to three times while it fails with a retryable error; waits grow and are spread by chance. */
export async function withRetries<T>(attempt: () => Promise<T>, wait: Wait, random: RandomBytes): Promise<T> {
  for (const pause of WAITS_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof DependencyError) || !error.retryable) throw error;
    }
    const spread = (random(1)[0] ?? 0) / 255;
    await wait(Math.round(pause * (0.5 + spread)));
  }
  return attempt();
}

/** Whether an HTTP status says that the same request can succeed later. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}
